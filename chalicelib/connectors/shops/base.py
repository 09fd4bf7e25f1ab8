"""What a connector is, and what passes through one: items, orders, stock levels and parcels in the words of neither side.

A connector is code that knows one kind of other system. Opened with a configuration and a way to call, it is a `Shop`.
Every method may be called again after a crash: what comes in is known by its external id, what goes out carries a key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.connectors.rules import Direction, SyncType
from chalicelib.connectors.shops.calls import Caller
from chalicelib.kernel.shapes import JsonObject

Record = TypeVar("Record", covariant=True)
Cursor = JsonObject | None
"""Where a walk goes on; None: at its beginning, or behind its end."""
SECRET: dict[str, Any] = {"secret": True}
"""A field of a configuration whose value is a credential (``json_schema_extra``)."""


def _is_plain_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in value:
        raise ValueError("should be an address such as https://shop.example.com, without query or user name")
    return value.rstrip("/")


BaseUrl = Annotated[
    str, StringConstraints(min_length=8, max_length=500, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_is_plain_url)
]
"""Where the other system is. Whether that is an address we may reach is looked at when it is called."""
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[\x20-\x7e]+$")]


class ShopConfig(BaseModel):
    """What every connector must be told. All values are entered as text."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: BaseUrl = Field(
        description="Address of the other system, https only", examples=["https://shop.example.com"]
    )
    requests_per_minute: int = Field(
        120, ge=1, le=6000, description="Calls in a minute, at most, of all syncs together"
    )
    sync_minutes: int | None = Field(
        None,
        ge=5,
        le=10080,
        description="Minutes between two syncs of a type once it was run by hand; empty: by hand only",
    )


@dataclass(frozen=True)
class ShopItem:
    """Something that the other system sells."""

    external_id: str
    sku: str
    name: str
    price_minor: int = 0
    barcodes: tuple[str, ...] = ()
    weight_g: int | None = None


@dataclass(frozen=True)
class ShopLine:
    """A line of an order there."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class ShopOrder:
    """An order that was placed there."""

    external_id: str
    lines: tuple[ShopLine, ...]
    number: str = ""
    delivery: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: str = field(default="", repr=False)


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be read; `external_id` as far as it is known."""

    external_id: str
    reason: str


@dataclass(frozen=True)
class Page(Generic[Record]):
    """Some records, and where the following ones are; None: there are no more."""

    records: "list[Record | BadRecord]"
    following: Cursor


@dataclass(frozen=True)
class Level:
    """What is available of an item here."""

    record_id: int
    external_id: str
    sku: str
    quantity: int


@dataclass(frozen=True)
class Parcel:
    """An order of theirs that has left here."""

    record_id: int
    external_id: str
    number: str
    tracking_number: str
    carrier: str


class Shop(Protocol):
    """One other system, ready to be called.

    Methods raise ProviderUnavailable (later), ProviderRefused (not this way at all), BlockedDestination; the two that send
    raise RecordRefused for what concerns one record only.
    """

    def test_connection(self) -> str:
        """Calls something harmless; a sentence about what was found."""
        ...

    def items(self, cursor: Cursor) -> Page[ShopItem]:
        """A page of what is sold there."""
        ...

    def orders(self, cursor: Cursor, since: str | None, /) -> Page[ShopOrder]:
        """A page of orders; `since`: those before that time (ISO 8601) are known, it may leave them out."""
        ...

    def set_level(self, level: Level, key: str) -> None:
        """Says how much of an item is available. Repeating it changes nothing."""
        ...

    def report_parcel(self, parcel: Parcel, key: str) -> None:
        """Says that an order has left, and how. Repeating it with the same key changes nothing."""
        ...


class Connector(Protocol):
    """One kind of other system."""

    name: str
    display_name: str
    description: str
    config: type[ShopConfig]
    directions: Mapping[SyncType, Direction]

    def headers(self, config: Any) -> Mapping[str, str]:
        """What every call carries, credentials above all."""
        ...

    def open(self, config: Any, caller: Caller) -> Shop:
        """The system that a configuration describes."""
        ...
