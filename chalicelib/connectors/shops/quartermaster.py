"""Another Quartermaster: what one installation sells, a second one stores and ships.

The other side's published interface (``/api/v1``) and one of its API keys with the scopes inventory:read and inventory:write
are all that is needed. Its reserved orders become orders here, what is available here is made available there by
adjustments, and an order that has left here is fulfilled there.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from chalicelib.adapters.errors import ProviderRefused
from chalicelib.connectors import rules
from chalicelib.connectors.rules import Direction, SyncType
from chalicelib.connectors.shops.base import (
    SECRET,
    BadRecord,
    Cursor,
    Level,
    Page,
    Parcel,
    Secret,
    Shop,
    ShopConfig,
    ShopItem,
    ShopLine,
    ShopOrder,
)
from chalicelib.connectors.shops.calls import SHOP, Caller, RecordRefused, parsed

PAGE = 50


class QuartermasterConfig(ShopConfig):
    """Which installation, which key, and which of its locations is ours."""

    api_key: Secret = Field(description="API key of the other side (qmk_...)", repr=False, json_schema_extra=SECRET)
    location_id: int = Field(ge=1, le=2**31 - 1, description="Location there whose stock lies here")


class QuartermasterConnector:
    """Another Quartermaster."""

    name = "quartermaster"
    display_name = "Quartermaster"
    description = "Another Quartermaster, through its API key"
    config: type[ShopConfig] = QuartermasterConfig
    directions: Mapping[SyncType, Direction] = {"orders": "in", "items": "in", "inventory": "out", "fulfillment": "out"}

    def headers(self, config: QuartermasterConfig) -> Mapping[str, str]:
        """See `Connector.headers`."""
        return {"Authorization": f"Bearer {config.api_key}"}

    def open(self, config: QuartermasterConfig, caller: Caller) -> Shop:
        """See `Connector.open`."""
        return QuartermasterShop(config.location_id, caller)


class QuartermasterShop:
    """One other installation."""

    def __init__(self, location_id: int, caller: Caller) -> None:
        self._location_id, self._caller = location_id, caller

    def test_connection(self) -> str:
        """See `Shop.test_connection`: reads its locations, and finds the configured one among them."""
        locations = _list(self._caller.get_json("/api/v1/locations"), "locations")
        if self._location_id not in {location.get("id") for location in locations if isinstance(location, dict)}:
            raise ProviderRefused(SHOP, "location", f"It has no location {self._location_id}")
        return f"Connected: {len(locations)} locations"

    def items(self, cursor: Cursor) -> Page[ShopItem]:
        """See `Shop.items`."""
        records, following = self._read("/api/v1/products", "products", cursor, {})
        return Page([_item(record) for record in records], following)

    def orders(self, cursor: Cursor, _since: str | None) -> Page[ShopOrder]:
        """See `Shop.orders`: all that are reserved at our location. Those that were shipped are no longer among them."""
        records, following = self._read("/api/v1/orders", "orders", cursor, {"status": "reserved"})
        ours = [record for record in records if record.get("location_id") == self._location_id]
        return Page([_order(record) for record in ours], following)

    def set_level(self, level: Level, key: str) -> None:
        """See `Shop.set_level`. It takes differences only, so what it has is looked at first; what it holds counts there."""
        query: dict[str, str | int] = {"sku": level.sku, "location_id": self._location_id}
        levels = _list(self._caller.get_json("/api/v1/inventory_levels", query), "inventory_levels")
        there = levels[0].get("available") if levels else 0
        if not isinstance(there, int):
            raise RecordRefused(SHOP, "level", "It does not say what is available")
        if there == level.quantity:
            return
        body = {
            "sku": level.sku,
            "location_id": self._location_id,
            "quantity": level.quantity - there,
            "note": "Counted by the warehouse that stores it",
        }
        self._caller.send("POST", "/api/v1/inventory_adjustments", body, key=f"{key}-{there}")

    def report_parcel(self, parcel: Parcel, key: str) -> None:
        """See `Shop.report_parcel`."""
        path = f"/api/v1/orders/{parcel.external_id}"
        reply = self._caller.send("POST", f"{path}/fulfill", {}, key=key, forgiven=(409,))
        if reply.status == 409 and self._caller.get_json(path).get("status") != "fulfilled":
            said = parsed(reply)
            reason = said.get("error") if isinstance(said, dict) else ""
            raise RecordRefused(SHOP, "409", f"It does not fulfil the order: {rules.text_of(reason, 200)}")

    def _read(
        self, path: str, name: str, cursor: Cursor, query: Mapping[str, str | int]
    ) -> tuple[list[dict[str, Any]], Cursor]:
        page = 1 if cursor is None else int(cursor["page"])
        data = self._caller.get_json(path, {**query, "page": page, "per_page": PAGE})
        records = [record for record in _list(data, name) if isinstance(record, dict)]
        return records, {"page": page + 1} if len(records) == PAGE else None


def _list(data: Any, name: str) -> list[Any]:
    found = data.get(name) if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise ProviderRefused(SHOP, "no_list", f"Its answer has no {name}: is it a Quartermaster?")
    return found


def _item(record: Mapping[str, Any]) -> ShopItem | BadRecord:
    external_id, sku = rules.id_of(record.get("variant_id")), rules.text_of(record.get("sku"), 64)
    price_minor = rules.minor_of(record.get("unit_price"))
    if not external_id or not sku or price_minor is None:
        return BadRecord(external_id, "It has no usable id, SKU or price")
    codes = record.get("barcodes")
    barcodes = tuple(rules.text_of(code, 128) for code in codes[:20]) if isinstance(codes, list) else ()
    name, weight_g = rules.text_of(record.get("name"), 255) or sku, rules.units_of(record.get("weight_g"))
    return ShopItem(external_id, sku, name, price_minor, tuple(code for code in barcodes if code), weight_g)


def _order(record: Mapping[str, Any]) -> ShopOrder | BadRecord:
    external_id = rules.id_of(record.get("id"))
    found = record.get("line_items")
    lines = [_line(line) for line in found] if isinstance(found, list) else []
    whole = tuple(line for line in lines if line is not None)
    if not external_id or not whole or len(whole) != len(lines):
        return BadRecord(external_id, "It has no usable id or lines")
    delivery = {"delivery_name": rules.text_of(record.get("customer_name"), 255)}
    number, notes = rules.text_of(record.get("number"), 64), rules.text_of(record.get("notes"), 1000)
    return ShopOrder(external_id, whole, number, delivery, notes)


def _line(line: Any) -> ShopLine | None:
    if not isinstance(line, dict):
        return None
    sku, quantity = rules.text_of(line.get("sku"), 64), rules.units_of(line.get("quantity"))
    return ShopLine(sku, quantity) if sku and quantity is not None else None
