"""What a record must be like before anything is looked up. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic_core import PydanticCustomError

Record = TypeVar("Record", bound=BaseModel)
RECORDS_MAX = 5_000
PIECES_MAX = 10_000
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), their full-width forms included."""
QUOTE = "'"


def neutralised(text: str) -> str:
    """Text that no spreadsheet runs when it is exported again: a leading sign of a formula gets an apostrophe before it."""
    return QUOTE + text if text.startswith(FORMULA_SIGNS) else text


def refuse_formula(code: str) -> str:
    """A code as it is. Raises PydanticCustomError for one that a spreadsheet would run."""
    if code.startswith(FORMULA_SIGNS):
        raise PydanticCustomError("formula", "A code should not begin like a formula of a spreadsheet")
    return code


Plain = AfterValidator(neutralised)
"""For names and notes."""
NoFormula = AfterValidator(refuse_formula)
"""For SKUs, numbers and barcodes, which another sign would turn into other ones."""


@dataclass(frozen=True)
class Problem:
    """Why a record was not imported. `row` counts from 1, as the lines of a file do."""

    row: int
    loc: tuple[str | int, ...]
    type: str
    message: str

    def __str__(self) -> str:
        where = ".".join(map(str, self.loc))
        return f"Row {self.row}: {where + ': ' if where else ''}{self.message}"


@dataclass
class Sorted(Generic[Record]):
    """Records that can be looked up, by their row, and what is wrong with the others."""

    good: dict[int, Record] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, row: int, *loc: str | int, type: str, message: str) -> None:
        """Takes a record out and says why. May be repeated for one row."""
        self.good.pop(row, None)
        self.problems.append(Problem(row, loc, type, message))


def sort(records: Sequence[Mapping[str, Any]], model: type[Record]) -> Sorted[Record]:
    """Validates every record by itself."""
    found: Sorted[Record] = Sorted()
    for row, record in enumerate(records, 1):
        try:
            found.good[row] = model.model_validate(record)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False, include_input=False):
                found.refuse(row, *detail["loc"], type=detail["type"], message=detail["msg"])
    return found
