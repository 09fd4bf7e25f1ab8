"""What the endpoints of counts and adjustments read and say. Names as scanners and panels of the contract know them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, StrictInt, model_validator

from chalicelib.counts.rules import Action, AdjustmentStatus, CountedLine, CountStatus
from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import QUANTITY_MAX, Barcode, Instant, Note, Shape, Text

Row = Mapping[str, Any]
BINS_MAX = 200
LINES_MAX = 10_000
"""Lines that are counted at once, and lines of one count."""
DECISIONS_MAX = 500


class NewCounts(Shape):
    """Bins to be counted."""

    warehouse_id: Id
    bin_ids: Annotated[list[Id], Field(min_length=1, max_length=BINS_MAX)]


class OpenedCount(Shape):
    """The open count of a bin."""

    count_id: int
    bin_id: int
    bin_code: str
    status: CountStatus
    lines: int
    """How many the counter is asked for."""
    assigned_to: str


class OpenedCounts(Shape):
    """The open counts of bins, in the order in which they were named."""

    counts: list[OpenedCount]


class LineCounted(Shape):
    """What lies there of one line, or of an item that was not expected."""

    count_line_id: Annotated[StrictInt, Field(ge=0, le=2**31 - 1)] | None = None
    """Null or 0 for what was not expected."""
    counted_quantity: Annotated[StrictInt, Field(ge=0, le=QUANTITY_MAX)]
    unexpected: bool = False
    item_id: Id | None = None
    """Needed for what was not expected."""
    lot_number: Barcode | None = None
    """Of what was not expected, where it has one."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.unexpected and self.item_id is None:
            raise ValueError("an unexpected line needs its item_id")
        if not self.unexpected and not self.count_line_id:
            raise ValueError("a line that is not unexpected needs its count_line_id")
        return self

    @property
    def line_id(self) -> int | None:
        """The line of the count; None for what was not expected."""
        return None if self.unexpected else self.count_line_id


class CountResult(Shape):
    """What a counter found: all lines of the count, and what lay there besides."""

    count_id: Id
    lines: Annotated[list[LineCounted], Field(max_length=LINES_MAX)]


class ProposedAdjustment(Shape):
    """A difference that waits for a decision."""

    sku: str
    expected: int
    """What the books said when the count was handed in."""
    counted: int
    variance: int
    adjustment_id: int


class CountSummary(Shape):
    """What a count came to."""

    total_lines: int
    lines_with_variance: int | None
    """Null for whoever counted blind."""
    adjustments: list[ProposedAdjustment]


class CountSubmitted(Shape):
    """A count that was handed in."""

    status: CountStatus
    summary: CountSummary

    @classmethod
    def of(
        cls, status: CountStatus, counted: Sequence[CountedLine], proposed: Mapping[tuple[int, int | None], int]
    ) -> Self:
        """With the adjustments that were proposed."""
        adjustments = [
            ProposedAdjustment(
                sku=line.booked_line.sku,
                expected=line.booked_line.booked,
                counted=line.counted,
                variance=line.variance,
                adjustment_id=proposed[line.booked_line.key],
            )
            for line in counted
            if line.variance
        ]
        summary = CountSummary(total_lines=len(counted), lines_with_variance=len(adjustments), adjustments=adjustments)
        return cls(status=status, summary=summary)

    @classmethod
    def blind(cls, counted: Sequence[CountedLine]) -> Self:
        """Without anything from which a counter could learn what was expected."""
        return cls(
            status="COMPLETED",
            summary=CountSummary(total_lines=len(counted), lines_with_variance=None, adjustments=[]),
        )


class LastCount(Shape):
    """The count of a bin and item before this one."""

    count_id: int
    counted_at: Instant
    counted_quantity: int | None
    """Of the same lot; null when another lot was counted."""


class BinMove(Shape):
    """Units that came into a bin (positive) or left it (negative)."""

    at: Instant
    reason: str
    document: str
    quantity: int
    lot_number: str | None
    actor: str
    from_place: str
    """A bin's code, or the kind of another account."""
    to_place: str


class Explained(Shape):
    """What stands behind a difference."""

    last_count: LastCount | None
    moves_since_last_count: list[BinMove]
    """Of the item in the bin, up to the moment of counting, the newest first; the oldest are left out where there are many."""


def explanation(row: Row) -> dict[str, Any]:
    """The fields of `Explained` from a row that has them."""
    last = None
    if row["past_count_id"] is not None:
        last = LastCount(
            count_id=row["past_count_id"], counted_at=row["past_counted_at"], counted_quantity=row["past_counted"]
        )
    return {"last_count": last, "moves_since_last_count": [BinMove(**move) for move in row["moves"] or []]}


class BlindLine(Shape):
    """A line as somebody sees it who counts blind."""

    count_line_id: int
    item_id: int
    sku: str
    item_name: str
    upc: str | None = None
    lot_number: str | None
    counted_quantity: int | None
    unexpected: bool

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls(**cls.fields_of(row))

    @classmethod
    def fields_of(cls, row: Row) -> dict[str, Any]:
        """What the line is of and what was counted."""
        return {
            "count_line_id": row["line_id"],
            "item_id": row["variant_id"],
            "sku": row["sku"],
            "item_name": row["item_name"],
            "upc": row.get("upc"),
            "lot_number": row["lot_number"],
            "counted_quantity": row["counted"],
            "unexpected": row["is_unexpected"],
        }


class CountLine(BlindLine):
    """A line with what the books say."""

    expected_quantity: int
    """When the count was made."""
    booked_quantity: int | None
    """When it was handed in; null before."""
    variance: int | None
    """counted - booked."""
    adjustment_id: int | None
    adjustment_status: AdjustmentStatus | None

    @classmethod
    def fields_of(cls, row: Row) -> dict[str, Any]:
        """The same with what the books say."""
        return {
            **super().fields_of(row),
            "expected_quantity": row["expected"],
            "booked_quantity": row["booked"],
            "variance": None if row["counted"] is None else row["counted"] - row["booked"],
            "adjustment_id": row["adjustment_id"],
            "adjustment_status": row["adjustment_status"],
        }


class ExplainedLine(CountLine, Explained):
    """A line with what stands behind its difference."""

    @classmethod
    def fields_of(cls, row: Row) -> dict[str, Any]:
        """The same with the last count and the moves since."""
        return {**super().fields_of(row), **explanation(row)}


class CountHead(Shape):
    """A count without its lines."""

    count_id: int
    warehouse_id: int
    bin_id: int
    bin_code: str
    status: CountStatus
    assigned_to: str
    created_by: str
    created_at: Instant
    counted_by: str | None
    counted_at: Instant | None
    show_expected: bool
    """Whether the lines say what the books say."""

    @classmethod
    def head_of(cls, row: Row, *, shows_expected: bool) -> dict[str, Any]:
        """The fields of the head; who counts blind does not even learn whether there is a difference."""
        names = ("count_id", "warehouse_id", "bin_id", "bin_code", "assigned_to", "created_by", "created_at")
        status = row["status"] if shows_expected or row["status"] == "PENDING" else "COMPLETED"
        times = {"counted_by": row["counted_by"], "counted_at": row["counted_at"]}
        return {**{name: row[name] for name in names}, **times, "status": status, "show_expected": shows_expected}


class CountView(CountHead):
    """A count with all its lines, by SKU."""

    lines: list[ExplainedLine | BlindLine]

    @classmethod
    def of(cls, rows: Sequence[Row], *, shows_expected: bool) -> Self:
        """From the count's rows, one per line."""
        line = ExplainedLine if shows_expected else BlindLine
        return cls(
            **cls.head_of(rows[0], shows_expected=shows_expected),
            lines=[line.of(row) for row in rows if row["line_id"] is not None],
        )


class ListedCount(CountHead):
    """A count of a list; of very many lines it shows the first."""

    total_lines: int
    lines: list[CountLine | BlindLine]

    @classmethod
    def of(cls, row: Row, *, shows_expected: bool) -> Self:
        """From its row."""
        line = CountLine if shows_expected else BlindLine
        return cls(
            **cls.head_of(row, shows_expected=shows_expected),
            total_lines=row["total_lines"],
            lines=[line.of(each) for each in row["lines"]],
        )


class CountQuery(Shape):
    """Which counts."""

    warehouse_id: PathId | None = None
    status: CountStatus | None = None


class CountList(Shape):
    """The last counts, the newest first."""

    cycle_counts: list[ListedCount]


class PendingQuery(Shape):
    """Which adjustments."""

    warehouse_id: PathId | None = None


class AdjustmentView(Shape):
    """A correction of what one bin holds."""

    adjustment_id: int
    warehouse_id: int
    bin_id: int
    bin_code: str
    item_id: int
    sku: str
    item_name: str
    lot_number: str | None
    quantity_change: int
    """Units more (positive) or fewer (negative) than the books said."""
    reason: str
    notes: str
    status: AdjustmentStatus
    created_by: str
    created_at: Instant
    decided_by: str | None
    decided_at: Instant | None
    count_id: int | None
    """Null for a direct one, as all that is counted."""
    counted_at: Instant | None
    expected_quantity: int | None
    """When the count was made."""
    booked_quantity: int | None
    """When it was handed in."""
    counted_quantity: int | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls(**cls.fields_of(row))

    @classmethod
    def fields_of(cls, row: Row) -> dict[str, Any]:
        """The fields that every list shows."""
        counted = {f"{when}_quantity": row[when] for when in ("expected", "booked", "counted")}
        return {name: row[name] for name in AdjustmentView.model_fields if name not in counted} | counted


class PendingAdjustment(AdjustmentView, Explained):
    """An adjustment that waits for a decision, with what stands behind it."""

    variance: int
    quantity_on_hand: int
    """What the bin holds of the item and lot in the books now."""

    @classmethod
    def fields_of(cls, row: Row) -> dict[str, Any]:
        """The same with what helps to decide."""
        now = {"variance": row["quantity_change"], "quantity_on_hand": row["on_hand"]}
        return {**super().fields_of(row), **now, **explanation(row)}


class PendingList(Shape):
    """Adjustments that wait for a decision, the oldest first; of very many the first."""

    adjustments: list[PendingAdjustment]


class AdjustmentQuery(PageQuery):
    """Which adjustments, and which page of them."""

    warehouse_id: PathId | None = None
    status: AdjustmentStatus | None = None


class AdjustmentPage(Paged):
    """A page of adjustments, the newest first."""

    adjustments: list[AdjustmentView]


class Decision(Shape):
    """What somebody decides about one adjustment."""

    adjustment_id: Id
    action: Action
    note: Note = ""


class Review(Shape):
    """Decisions, each about another adjustment."""

    decisions: Annotated[list[Decision], Field(min_length=1, max_length=DECISIONS_MAX)]


class Outcome(Shape):
    """What became of one decision."""

    adjustment_id: int
    action: Action
    status: AdjustmentStatus
    """Of the adjustment from now on."""
    is_applied: bool
    error: str | None
    """Why not."""


class Outcomes(Shape):
    """What became of each decision, in the order in which they were given."""

    results: list[Outcome]


class Reviewed(Outcomes):
    """Decisions, of which at least one was carried out."""

    message: str
    approved: int
    rejected: int
    refused: int


class DirectAdjustment(Shape):
    """Units to be added to (positive) or taken from (negative) a bin at once."""

    item_id: Id
    bin_id: Id
    quantity: Annotated[StrictInt, Field(ge=-QUANTITY_MAX, le=QUANTITY_MAX)]
    reason: Text
    notes: Note = ""
    lot_number: Barcode | None = None
    """Without it, units that have no lot."""
    warehouse_id: Id | None = None
    """Must be the bin's, if it is given."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.quantity == 0:
            raise ValueError("quantity must not be 0")
        return self


class DirectlyAdjusted(Shape):
    """An adjustment that was carried out."""

    adjustment_id: int
    item_id: int
    sku: str
    warehouse_id: int
    bin_id: int
    bin_code: str
    lot_number: str | None
    quantity_change: int
    quantity_on_hand: int
    """What the bin holds of the item and lot now."""
    reason: str
    notes: str
    status: AdjustmentStatus
    created_at: Instant
