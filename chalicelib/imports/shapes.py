"""What the import reads and says."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StringConstraints

from chalicelib.imports.rules import PIECES_MAX, RECORDS_MAX
from chalicelib.kernel.shapes import Instant, Shape

EntityType = Literal["items", "bins", "purchase-orders", "sales-orders"]
ImportId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Piece = Annotated[StrictInt, Field(ge=1, le=PIECES_MAX)]


class ImportRequest(Shape):
    """Records of one kind, at most 5,000. A larger file comes in pieces, which share an `import_id` of the caller's choice."""

    records: Annotated[list[dict[str, Any]], Field(max_length=RECORDS_MAX)]
    import_id: ImportId | None = Field(None, description="Names the import that this piece belongs to")
    piece: Piece = Field(
        1, description="Which piece of the import this is; a piece that was imported is not imported again"
    )
    pieces: Piece = Field(1, description="How many pieces there are")


class ImportProblem(Shape):
    """What is wrong with a record, for programs. `row` counts from 1."""

    row: int
    loc: list[str | int]
    type: str
    msg: str


class ImportProgress(Shape):
    """How far an import in pieces has come."""

    import_id: str
    entity_type: str
    pieces: int
    pieces_done: int
    total: int
    imported: int
    skipped: int
    percent: int
    is_complete: bool
    updated_at: Instant


class ImportReport(Shape):
    """What became of the records; every one that was skipped stands in `errors`, a sentence each."""

    message: str
    total: int
    imported: int
    skipped: int
    errors: list[str]
    details: list[ImportProblem]
    progress: ImportProgress | None = None
