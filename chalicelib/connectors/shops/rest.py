"""The generic connector: any shop with a list of products and orders in JSON or CSV, as its mapping document describes it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urljoin

from pydantic import Field, StringConstraints

from chalicelib.adapters.errors import ProviderRefused
from chalicelib.adapters.outbound import OutboundReply
from chalicelib.connectors import rules
from chalicelib.connectors.rules import Direction, SyncType
from chalicelib.connectors.shops import documents
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
from chalicelib.connectors.shops.calls import SHOP, Caller, parsed

LINES_MAX = 500
RECORDS_MAX = 1000
"""Of one page; more is a list that should have been paged."""
CURSOR_MAX = 2000
_LINK = re.compile(r'<([^>]{1,2000})>\s*;[^,]{0,200}?rel="?next"?')
_OURS = ("host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding")


class RestConfig(ShopConfig):
    """Where the shop is, how it knows us, and what it calls things."""

    api_key: Secret | None = Field(None, description="Key or token of the shop", repr=False, json_schema_extra=SECRET)
    auth_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")] = Field(
        "Authorization", description="Header that carries the key"
    )
    auth_scheme: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{0,32}$")] = Field(
        "Bearer", description="Word before the key; empty for none"
    )
    mapping: documents.MappingText = Field(
        description="JSON document that says where items, orders, inventory and fulfillment are and how fields are called",
        json_schema_extra={"format": "json"},
    )


class RestConnector:
    """Any shop with a REST interface or CSV files."""

    name = "rest"
    display_name = "REST or CSV shop"
    description = "A shop with lists in JSON or CSV, described by a mapping document"
    config: type[ShopConfig] = RestConfig
    directions: Mapping[SyncType, Direction] = {"orders": "in", "items": "in", "inventory": "out", "fulfillment": "out"}

    def headers(self, config: RestConfig) -> Mapping[str, str]:
        """See `Connector.headers`."""
        if config.api_key is None or config.auth_header.lower() in _OURS:
            return {}
        return {config.auth_header: f"{config.auth_scheme} {config.api_key}".strip()}

    def open(self, config: RestConfig, caller: Caller) -> Shop:
        """See `Connector.open`."""
        return RestShop(config.mapping, caller)


class RestShop:
    """One such shop."""

    def __init__(self, document: documents.MappingDocument, caller: Caller) -> None:
        self._document, self._caller = document, caller

    def test_connection(self) -> str:
        """See `Shop.test_connection`: reads the first page of the first list that the document describes."""
        source = self._document.items or self._document.orders
        if source is None:
            raise ProviderRefused(SHOP, "mapping", "The mapping document names no list that could be read")
        records, _ = self._read(source, None, {})
        return f"Connected: {len(records)} records on the first page of {source.path}"

    def items(self, cursor: Cursor) -> Page[ShopItem]:
        """See `Shop.items`."""
        source = _section(self._document.items, "items")
        records, following = self._read(source, cursor, {})
        return Page([_item(record, source.fields) for record in records], following)

    def orders(self, cursor: Cursor, since: str | None) -> Page[ShopOrder]:
        """See `Shop.orders`."""
        source = _section(self._document.orders, "orders")
        asked = {source.since_parameter: since} if source.since_parameter and since else {}
        records, following = self._read(source, cursor, asked)
        if source.format == "csv":
            records = _grouped(records, source)
        return Page([_order(record, source) for record in records], following)

    def set_level(self, level: Level, key: str) -> None:
        """See `Shop.set_level`."""
        target = _section(self._document.inventory, "inventory")
        path, body = target.filled({"id": level.external_id, "sku": level.sku, "quantity": level.quantity})
        self._caller.send(target.method, path, body, key=key)

    def report_parcel(self, parcel: Parcel, key: str) -> None:
        """See `Shop.report_parcel`."""
        target = _section(self._document.fulfillment, "fulfillment")
        said = {"number": parcel.number, "tracking_number": parcel.tracking_number, "carrier": parcel.carrier}
        path, body = target.filled({"id": parcel.external_id, **said})
        self._caller.send(target.method, path, body, key=key)

    def _read(self, source: documents.Source, cursor: Cursor, asked: Mapping[str, str]) -> tuple[list[Any], Cursor]:
        """A page's records and the cursor of the next page. Raises ProviderRefused for what is no such list."""
        paging = source.paging
        query: dict[str, str | int] = {**source.query, **asked}
        if paging.size_parameter:
            query[paging.size_parameter] = paging.size
        path, at = source.path, None if cursor is None else cursor.get("at")
        if paging.style == "link" and at is not None:
            path, query = str(at), {}
        elif paging.style != "none" and (at is not None or paging.style != "cursor"):
            query[paging.parameter] = at if at is not None else _first(paging)
        reply = self._caller.get(path, query)
        data = None if source.format == "csv" else parsed(reply)
        records = _rows(reply) if source.format == "csv" else documents.find(data, source.records)
        if not isinstance(records, list) or len(records) > RECORDS_MAX:
            raise ProviderRefused(
                SHOP, "no_list", f"There is no list of at most {RECORDS_MAX} records at {source.path}"
            )
        following = _following(paging, at, records, data, reply)
        if following is not None and (following == at or len(str(following)) > CURSOR_MAX):
            raise ProviderRefused(SHOP, "paging", "Its pages do not lead on")
        return records, None if following is None else {"at": following}


def _first(paging: documents.Paging) -> int:
    return 0 if paging.style == "offset" else paging.first


def _following(
    paging: documents.Paging, at: Any, records: list[Any], data: Any, reply: OutboundReply
) -> str | int | None:
    """Where the next page is; None behind the last one."""
    if paging.style == "cursor":
        return rules.text_of(documents.find(data, paging.next), CURSOR_MAX + 1) or None
    if paging.style == "link":
        found = _LINK.search(reply.headers.get("link", ""))
        return urljoin(reply.url, found[1]) if found else None
    if paging.style == "none" or len(records) < paging.size:
        return None
    here = _first(paging) if at is None else int(at)
    return here + (1 if paging.style == "page" else len(records))


def _section(found: Any, name: str) -> Any:
    """A section of the document. Raises ProviderRefused where it is missing."""
    if found is None:
        raise ProviderRefused(SHOP, "mapping", f"The mapping document has no section {name}")
    return found


def _rows(reply: OutboundReply) -> list[Any]:
    try:
        return list(documents.rows_of_csv(reply.body))
    except ValueError:
        raise ProviderRefused(SHOP, "no_csv", "Its answer is no CSV file") from None


def _grouped(rows: list[Any], source: documents.Orders) -> list[Any]:
    """Orders of a CSV file: the first row of each, with all rows of its id as lines."""
    orders: dict[str, dict[str, Any]] = {}
    for row in rows:
        order = orders.setdefault(str(documents.find(row, source.fields.id)), {**row, _LINES: []})
        order[_LINES].append(row)
    return list(orders.values())


_LINES = "\0lines"
"""Where `_grouped` puts an order's rows: no column is called so."""


def _item(record: Any, names: documents.ItemFields) -> ShopItem | BadRecord:
    external_id = rules.id_of(documents.find(record, names.id))
    sku = rules.text_of(documents.find(record, names.sku), 65)
    if not external_id or not sku or len(sku) > 64:
        return BadRecord(external_id, "It has no usable id or SKU")
    price = documents.find(record, names.price)
    price_minor = 0 if price in (None, "") else rules.minor_of(price)
    if price_minor is None:
        return BadRecord(external_id, "Its price is no amount")
    barcode = rules.text_of(documents.find(record, names.barcode), 128)
    return ShopItem(
        external_id,
        sku,
        rules.text_of(documents.find(record, names.name), 255) or sku,
        price_minor,
        (barcode,) if barcode else (),
        rules.units_of(documents.find(record, names.weight_g)),
    )


def _order(record: Any, source: documents.Orders) -> ShopOrder | BadRecord:
    names = source.fields
    external_id = rules.id_of(documents.find(record, names.id))
    if not external_id:
        return BadRecord("", "It has no usable id")
    found = record.get(_LINES) if source.format == "csv" else documents.find(record, source.lines.records)
    if not isinstance(found, list) or not 0 < len(found) <= LINES_MAX:
        return BadRecord(external_id, f"It has no lines, or more than {LINES_MAX}")
    lines = [_line(line, source.lines.fields) for line in found]
    whole = tuple(line for line in lines if line is not None)
    if len(whole) != len(lines):
        return BadRecord(external_id, f"Line {lines.index(None) + 1} has no usable SKU or quantity")
    delivery = {name: getattr(names, name) for name in ("name", "company", "address", "city", "state", "zip")}
    return ShopOrder(
        external_id,
        whole,
        rules.text_of(documents.find(record, names.number), 64),
        {f"delivery_{name}": rules.text_of(documents.find(record, path), 255) for name, path in delivery.items()},
        rules.text_of(documents.find(record, names.notes), 1000),
    )


def _line(line: Any, names: documents.LineFields) -> ShopLine | None:
    sku, quantity = (
        rules.text_of(documents.find(line, names.sku), 65),
        rules.units_of(documents.find(line, names.quantity)),
    )
    return ShopLine(sku, quantity) if sku and len(sku) <= 64 and quantity is not None else None
