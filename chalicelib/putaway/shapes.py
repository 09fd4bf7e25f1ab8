"""What the endpoints of put-away read and say."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StrictBool, StrictInt

from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Instant, Note, Shape
from chalicelib.putaway.rules import PRIORITY_MAX

Priority = Annotated[StrictInt, Field(ge=1, le=PRIORITY_MAX)]


class PendingQuery(Shape):
    """How much of what waits."""

    limit: Annotated[int, Field(ge=1, le=5000)] = 1000


class PendingItem(Shape):
    """Units of an item and lot that wait in a bin. What picks have set aside there does not wait."""

    inventory_id: int
    item_id: int
    sku: str
    item_name: str
    quantity: int
    bin_id: int
    bin_code: str
    lot_number: str | None


class PendingItems(Shape):
    """What waits for put-away, bin by bin; what lies in no bin that anybody named comes last, as bin DEFAULT."""

    pending_items: list[PendingItem]


class SuggestQuery(Shape):
    """Where units are to be put away."""

    warehouse_id: PathId | None = None


class SuggestedBin(Shape):
    """A bin to put an item away to."""

    bin_id: int
    bin_code: str
    bin_barcode: str
    zone_name: str | None
    priority: int | None
    """Among the item's preferred bins; None for a bin that is not one."""


class Suggestion(Shape):
    """Where an item goes."""

    item_id: int
    sku: str
    item_name: str
    preferred_bin: SuggestedBin | None
    suggested_bin: SuggestedBin | None
    """The preferred bin, else one that holds the item already, else an empty one."""


class PutAway(Shape):
    """Units lie where they are stored."""

    message: str
    transfer_id: int
    item: str
    from_bin: str
    to_bin: str
    quantity: int


class Preference(Shape):
    """A bin that an item is to be put away to."""

    item_id: Id
    bin_id: Id
    set_as_primary: StrictBool = True
    """False: after the bins that are preferred already."""


class PreferenceSet(Shape):
    """The bin is preferred."""

    message: str
    item_id: int
    bin_id: int
    bin_code: str


class NewPreferredBin(Shape):
    """A preferred bin as the panel enters it."""

    item_id: Id
    bin_id: Id
    priority: Priority | None = None
    """None: the primary bin if it is new, else as before."""
    notes: Note | None = None


class Reranked(Shape):
    """Another priority; bins in its way give way."""

    priority: Priority
    notes: Note | None = None


class PreferredBinQuery(PageQuery):
    """Filters of the preferred bins."""

    item_id: PathId | None = None
    bin_id: PathId | None = None
    q: Annotated[str, Field(max_length=200)] | None = None
    """Words of the item's name, its SKU or barcode or how they begin, or how the bin's code begins."""


class PreferredBinView(Shape):
    """A preferred bin of an item."""

    preferred_bin_id: int
    item_id: int
    sku: str
    item_name: str
    bin_id: int
    bin_code: str
    bin_barcode: str
    zone_name: str | None
    warehouse_id: int
    priority: int
    notes: str
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From its row."""
        return cls(**row)


class PreferredBinPage(Paged):
    """A page of preferred bins, item by item, the primary ones first."""

    preferred_bins: list[PreferredBinView]


class Message(Shape):
    """A sentence."""

    message: str
