"""Pure facts about places."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.kernel.errors import NotFound, Refusal
from chalicelib.places.errors import CodeTaken, ZoneClosed

OUTSIDE = ("supplier", "customer", "adjustment", "production", "waste", "in_transit")
"""Accounts that an organization has once, in no warehouse."""

ZoneKind = Literal["STORAGE", "RECEIVING", "STAGING", "SHIPPING", "QUALITY", "DAMAGE"]
ShelfKind = Literal["Pickable", "PickableStaging", "Staging"]
"""Kinds of bins that people make."""
BinKind = Literal["Pickable", "PickableStaging", "Staging", "RobotBox"]
AnyBinKind = Literal["Pickable", "PickableStaging", "Staging", "RobotBox", "Default"]
SHELF_KINDS: tuple[ShelfKind, ...] = ("Pickable", "PickableStaging", "Staging")
RECEIVING_KINDS: tuple[ShelfKind, ...] = ("Staging", "PickableStaging")
"""Kinds of bins that may be proposed for what arrives."""

UNAVAILABLE_ZONES = ("QUALITY", "DAMAGE")
"""Kinds of zones whose stock is ours but is not sold."""


def is_sold(zone_kind: str | None) -> bool:
    """Whether what lies in a zone of this kind, or in none, counts as available."""
    return zone_kind not in UNAVAILABLE_ZONES


def default_barcode(warehouse_code: str) -> str:
    """Of a warehouse's hidden bin."""
    return f"{warehouse_code}-DEFAULT"


def changes(
    row: Mapping[str, Any], wanted: Mapping[str, Any], columns: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a request changes in a row: the values before and after, by column. None wants nothing."""
    named = {columns.get(field, field): value for field, value in wanted.items() if value is not None}
    differing = [column for column, value in named.items() if row[column] != value]
    return {column: row[column] for column in differing}, {column: named[column] for column in differing}


Obstacle = Literal["warehouse_unknown", "zone_unknown", "zone_elsewhere", "zone_closed", "code_taken", "barcode_taken"]


@dataclass(frozen=True)
class BinProblem:
    """Why a bin cannot be made: its place in the list, the field, what is wrong, and the value in question."""

    line: int
    field: Literal["warehouse_id", "zone_id", "code", "barcode"]
    obstacle: Obstacle
    value: str

    def refusal(self) -> Refusal:
        """The refusal of this line alone."""
        if self.obstacle == "code_taken":
            return CodeTaken("bin code", self.value)
        if self.obstacle == "barcode_taken":
            return CodeTaken("bin barcode", self.value)
        if self.obstacle == "zone_closed":
            return ZoneClosed()
        return NotFound("Warehouse not found" if self.obstacle == "warehouse_unknown" else "Zone not found")


_FIELDS: Mapping[Obstacle, tuple[Literal["warehouse_id", "zone_id", "code", "barcode"], str]] = {
    "warehouse_unknown": ("warehouse_id", "warehouse_id"),
    "zone_unknown": ("zone_id", "zone_id"),
    "zone_elsewhere": ("zone_id", "zone_id"),
    "zone_closed": ("zone_id", "zone_id"),
    "code_taken": ("code", "code"),
    "barcode_taken": ("barcode", "label"),
}
"""Obstacle -> field, and the column that holds its value."""


def bin_problems(rows: Iterable[Mapping[str, Any]]) -> list[BinProblem]:
    """From the rows of the check: every obstacle of every line."""
    return [
        BinProblem(row["line"], _FIELDS[obstacle][0], obstacle, str(row[_FIELDS[obstacle][1]]))
        for row in rows
        for obstacle in _FIELDS
        if row[f"is_{obstacle}"]
    ]


@dataclass(frozen=True)
class FloorSettings:
    """How the floor works in an organization, in the contract's words."""

    require_packing_before_shipping: bool = True
    count_show_expected: bool = True
    """False: counts are blind, whoever counts does not see what should be there."""
    allow_over_receiving: bool = False
    default_receiving_bin: int | None = None
    """Id of the bin that a scanner proposes for what arrives."""
    require_count_approval_separation: bool = False
    """True: nobody decides about the adjustments of their own count."""


OLDER_NAMES = {"allow_over_receipt": "allow_over_receiving"}
"""Older clients' names of settings; read and written like the newer ones."""
SETTING_IDS = {
    "require_packing_before_shipping": 1,
    "count_show_expected": 2,
    "allow_over_receiving": 3,
    "default_receiving_bin": 4,
    "require_count_approval_separation": 5,
}
"""Every setting of the floor, with the number by which panels know its row."""
RECEIVING_BIN = "default_receiving_bin"
SETTING_TIMES = "setting_times"
"""Where the organization's settings keep when each was last set."""
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def canonical_setting(name: str) -> str | None:
    """The setting that a client means, or None for none of ours."""
    name = OLDER_NAMES.get(name, name)
    return name if name in SETTING_IDS else None


def switch_text(value: object) -> str | None:
    """A switch as it is kept, from what panels send: a boolean, 0 or 1, a word. None for anything else."""
    if not isinstance(value, bool | int | str):
        return None
    text = str(value).strip().lower()
    return {**dict.fromkeys(_YES, "true"), **dict.fromkeys(_NO, "false")}.get(text)


def setting_text(settings: Mapping[str, Any], name: str) -> str:
    """A setting as panels read it: "true", "false", a bin's id, or "" where no bin is set."""
    value = getattr(floor_settings(settings), name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def floor_settings(settings: Mapping[str, Any]) -> FloorSettings:
    """From the organization's settings; what nobody set is as `FloorSettings` says. Panels send booleans and words."""

    def switch(name: str, default: bool) -> bool:
        return str(settings.get(name, default)).strip().lower() not in _NO

    bin_text = str(settings.get(RECEIVING_BIN) or "")
    return FloorSettings(
        require_packing_before_shipping=switch("require_packing_before_shipping", True),
        count_show_expected=switch("count_show_expected", True),
        allow_over_receiving=switch("allow_over_receiving", False),
        default_receiving_bin=int(bin_text) if bin_text.isascii() and bin_text.isdecimal() else None,
        require_count_approval_separation=switch("require_count_approval_separation", False),
    )
