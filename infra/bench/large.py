"""A tenant as large as one likes, generated here and loaded with COPY: 1 M items, 100 k bins and 5 M moves take minutes.

Foreign keys and triggers are off while it loads: what refers to what is made here, and nothing else writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

NOUNS = ("Olive oil", "Paper towel", "Glass cleaner", "Basmati rice", "Tomato paste", "Nitrile glove")
KINDS = ("extra", "classic", "organic", "heavy duty", "professional")
BRANDS = 97
BLOCK = 20_000
"""Rows that are handed to COPY at once."""
ITEMS_PER_BIN = 10
ITEMS_PER_ORDER = 10
ITEMS_PER_PURCHASE_ORDER = 50
NOW = "2026-03-01 09:00:00+00"
UNCHECKED = "SET session_replication_role = replica"
SEQUENCED = (
    "product",
    "variant",
    "barcode",
    "zone",
    "account",
    "bin",
    "preferred_bin",
    "sales_order",
    "order_line",
    "purchase_order",
    "purchase_order_line",
    "stock_adjustment",
)
"""Tables whose ids are given here."""
STATES = (
    "shipped",
    "shipped",
    "shipped",
    "shipped",
    "delivered",
    "confirmed",
    "picked",
    "packed",
    "cancelled",
    "pending",
)


@dataclass(frozen=True)
class Size:
    """How much there is of everything that grows."""

    items: int
    moves_per_item: int

    @property
    def bins(self) -> int:
        """One for every ten items, a hundred at least."""
        return max(100, self.items // ITEMS_PER_BIN)

    @property
    def orders(self) -> int:
        """Sales orders of two lines."""
        return max(20, self.items // ITEMS_PER_ORDER)

    @property
    def purchase_orders(self) -> int:
        """Purchase orders of two lines."""
        return max(20, self.items // ITEMS_PER_PURCHASE_ORDER)

    def __str__(self) -> str:
        moves = self.items * self.moves_per_item
        return f"{self.items:,} items, {self.bins:,} bins, {moves:,} moves, {self.orders:,} sales orders"


@dataclass(frozen=True)
class _Ground:
    """Whose rows they are, and the ids from which on they are free."""

    tenant: int
    warehouse: int
    size: Size
    first: dict[str, int]
    supplier: int

    def id(self, table: str, number: int) -> int:
        return self.first[table] + number


Rows = Iterator[tuple[object, ...]]


def load(connection: psycopg.Connection[Any], tenant: int, warehouse: int, size: Size) -> None:
    """Fills an organization's warehouse. `connection` is a superuser's; not to be repeated for one organization."""
    with connection.transaction():
        connection.execute(UNCHECKED)
        ground = _survey(connection, tenant, warehouse, size)
        for table, columns, rows in _tables(ground):
            _copy(connection, table, columns, rows)
        for table in SEQUENCED:
            _advance(connection, table)


def _survey(connection: psycopg.Connection[Any], tenant: int, warehouse: int, size: Size) -> _Ground:
    first = {}
    for table in SEQUENCED:
        query = sql.SQL("SELECT coalesce(max(id), 0) + 1 FROM {}").format(sql.Identifier(table))
        first[table] = _value(connection, query)
    supplier = sql.SQL("SELECT id FROM account WHERE kind = 'supplier' AND organization_id = {}").format(tenant)
    return _Ground(tenant, warehouse, size, first, _value(connection, supplier))


def _value(connection: psycopg.Connection[Any], query: sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(next(iter(row.values())) if isinstance(row, dict) else row[0])


def _advance(connection: psycopg.Connection[Any], table: str) -> None:
    query = sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT max(id) FROM {}))")
    connection.execute(query.format(table, sql.Identifier(table)))


def _copy(connection: psycopg.Connection[Any], table: str, columns: str, rows: Rows) -> None:
    target = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(columns))
    with connection.cursor().copy(target) as copy:
        block: list[str] = []
        for row in rows:
            block.append("\t".join("\\N" if value is None else str(value) for value in row))
            if len(block) == BLOCK:
                copy.write("\n".join(block) + "\n")
                block.clear()
        if block:
            copy.write("\n".join(block) + "\n")


def _tables(ground: _Ground) -> Iterator[tuple[str, str, Rows]]:
    yield "product_word", "organization_id, word", _words(ground)
    yield (
        "product",
        "id, organization_id, name, brand, unit_size, unit_price_minor, created_at, updated_at",
        _products(ground),
    )
    yield "variant", "id, organization_id, product_id, sku, created_at", _variants(ground)
    yield "barcode", "id, organization_id, variant_id, code, kind", _barcodes(ground)
    yield "zone", "id, organization_id, warehouse_id, code, name, kind", _zones(ground)
    yield "account", "id, organization_id, kind, warehouse_id, is_available", _accounts(ground)
    yield (
        "bin",
        "id, organization_id, account_id, warehouse_id, zone_id, code, barcode, kind, aisle, row_num, pick_sequence",
        _bins(ground),
    )
    yield "stock_level", "organization_id, variant_id, account_id, on_hand, updated_at", _levels(ground)
    yield "availability", "organization_id, variant_id, warehouse_id, on_hand, updated_at", _availability(ground)
    yield (
        "stock_move",
        "organization_id, variant_id, from_account_id, to_account_id, quantity, reason, document, actor, request_id,"
        " occurred_at",
        _moves(ground),
    )
    yield (
        "preferred_bin",
        "id, organization_id, variant_id, bin_id, priority, created_at, updated_at",
        _preferred_bins(ground),
    )
    yield "tally", "organization_id, kind, warehouse_id, slot, number", _tallies(ground)
    yield from _documents(ground)


def _documents(ground: _Ground) -> Iterator[tuple[str, str, Rows]]:
    yield (
        "sales_order",
        "id, organization_id, number, channel, state, payment_state, payment_method, placed_by, warehouse_id, currency,"
        " subtotal_minor, total_minor, placed_at, updated_at",
        _orders(ground),
    )
    yield (
        "order_line",
        "id, organization_id, order_id, position, product_id, variant_id, sku, name, quantity, unit_price_minor,"
        " line_total_minor",
        _order_lines(ground),
    )
    yield (
        "purchase_order",
        "id, organization_id, number, vendor_name, warehouse_id, status, created_by, created_at, updated_at, closed_at",
        _purchase_orders(ground),
    )
    yield (
        "purchase_order_line",
        "id, organization_id, purchase_order_id, position, variant_id, quantity",
        _purchase_order_lines(ground),
    )
    yield (
        "stock_adjustment",
        "id, organization_id, warehouse_id, account_id, variant_id, quantity, reason, status, created_by, created_at,"
        " decided_by, decided_at",
        _adjustments(ground),
    )
    yield (
        "audit_entry",
        "organization_id, at, actor, action, entity, entity_id, after, request_id, mac",
        _audit_entries(ground),
    )


def sku_of(tenant: int, number: int) -> str:
    """The SKU of an organization's n-th item."""
    return f"B{tenant}-{number:07d}"


def barcode_of(tenant: int, number: int) -> str:
    """The barcode of its n-th item."""
    return f"{tenant:04d}{number:09d}"


def bin_code(number: int) -> str:
    """The code of its n-th bin."""
    return f"A{number % 40:02d}-{number // 40:05d}"


def _name(number: int) -> str:
    return f"{NOUNS[number % len(NOUNS)]} {KINDS[number % len(KINDS)]} {number}"


def _words(g: _Ground) -> Rows:
    words = {word for label in (*NOUNS, *KINDS, "brand") for word in label.lower().split() if len(word) > 2}
    return ((g.tenant, word) for word in sorted(words))


def _products(g: _Ground) -> Rows:
    for n in range(g.size.items):
        yield g.id("product", n), g.tenant, _name(n), f"Brand {n % BRANDS}", "Case of 12", 100 + n % 9000, NOW, NOW


def _variants(g: _Ground) -> Rows:
    for n in range(g.size.items):
        yield g.id("variant", n), g.tenant, g.id("product", n), sku_of(g.tenant, n), NOW


def _barcodes(g: _Ground) -> Rows:
    for n in range(g.size.items):
        yield g.id("barcode", n), g.tenant, g.id("variant", n), barcode_of(g.tenant, n), "gtin"


def _zones(g: _Ground) -> Rows:
    for n in range(40):
        yield g.id("zone", n), g.tenant, g.warehouse, f"Z{n:02d}", f"Aisle {n}", "STORAGE"


def _accounts(g: _Ground) -> Rows:
    for n in range(g.size.bins):
        yield g.id("account", n), g.tenant, "bin", g.warehouse, "t"


def _bins(g: _Ground) -> Rows:
    for n in range(g.size.bins):
        zone, code = g.id("zone", n % 40), bin_code(n)
        barcode = f"BIN-{g.tenant}-{code}"
        kind = "Staging" if n < 20 else "Pickable"
        yield (
            g.id("bin", n), g.tenant, g.id("account", n), g.warehouse, zone, code, barcode, kind, f"{n % 40:02d}",
            f"{n // 40:05d}", n,
        )  # fmt: skip


def _account_of(g: _Ground, item: int) -> int:
    return g.id("account", item % g.size.bins)


def _levels(g: _Ground) -> Rows:
    for n in range(g.size.items):
        yield g.tenant, g.id("variant", n), _account_of(g, n), 10 * g.size.moves_per_item, NOW


def _availability(g: _Ground) -> Rows:
    for n in range(g.size.items):
        yield g.tenant, g.id("variant", n), g.warehouse, 10 * g.size.moves_per_item, NOW


def _moves(g: _Ground) -> Rows:
    """In the order of time, as a ledger grows: every item once a day."""
    for day in range(g.size.moves_per_item):
        at = f"2026-01-{day % 28 + 1:02d} 08:00:00+00"
        for n in range(g.size.items):
            yield (
                g.tenant, g.id("variant", n), g.supplier, _account_of(g, n), 10, "purchase_received", f"bench:{day}",
                "machine:0", "bench", at,
            )  # fmt: skip


def _preferred_bins(g: _Ground) -> Rows:
    for n in range(0, g.size.items, 10):
        yield g.id("preferred_bin", n // 10), g.tenant, g.id("variant", n), g.id("bin", n % g.size.bins), 1, NOW, NOW


def _tallies(g: _Ground) -> Rows:
    """What triggers would have counted."""
    yield g.tenant, "item", 0, 20, g.size.items
    yield g.tenant, "bin", g.warehouse, 20, g.size.bins


def _orders(g: _Ground) -> Rows:
    for n in range(g.size.orders):
        at = f"2026-02-{n % 28 + 1:02d} {n % 24:02d}:00:00+00"
        state = STATES[n % len(STATES)] if n > g.size.orders - 1000 else "shipped"
        yield (
            g.id("sales_order", n), g.tenant, f"SO-{g.tenant}-{n}", "wms", state, "unpaid", "net30", "machine:0",
            g.warehouse, "USD", 200, 200, at, at,
        )  # fmt: skip


def _order_lines(g: _Ground) -> Rows:
    for n in range(2 * g.size.orders):
        item = n * 7 % g.size.items
        yield (
            g.id("order_line", n), g.tenant, g.id("sales_order", n // 2), n % 2 + 1, g.id("product", item),
            g.id("variant", item), sku_of(g.tenant, item), _name(item), 1, 100, 100,
        )  # fmt: skip


def _purchase_orders(g: _Ground) -> Rows:
    for n in range(g.size.purchase_orders):
        at = f"2026-02-{n % 28 + 1:02d} {n % 24:02d}:00:00+00"
        is_open = n > g.size.purchase_orders - 200
        yield (
            g.id("purchase_order", n), g.tenant, f"PO-{g.tenant}-{n}", f"Vendor {n % 50}", g.warehouse,
            "OPEN" if is_open else "CLOSED", "machine:0", at, at, None if is_open else at,
        )  # fmt: skip


def _purchase_order_lines(g: _Ground) -> Rows:
    for n in range(2 * g.size.purchase_orders):
        item = n * 11 % g.size.items
        yield (
            g.id("purchase_order_line", n),
            g.tenant,
            g.id("purchase_order", n // 2),
            n % 2 + 1,
            g.id("variant", item),
            10,
        )


def _adjustments(g: _Ground) -> Rows:
    for n in range(g.size.purchase_orders):
        at = f"2026-02-{n % 28 + 1:02d} {n % 24:02d}:30:00+00"
        decided: tuple[object, ...] = ("PENDING", "machine:0", at, None, None)
        if n < g.size.purchase_orders - 100:
            decided = ("APPROVED", "machine:0", at, "machine:0", at)
        yield (
            g.id("stock_adjustment", n), g.tenant, g.warehouse, _account_of(g, n), g.id("variant", n), 1,
            "cycle_count_adjustment", *decided,
        )  # fmt: skip


def _audit_entries(g: _Ground) -> Rows:
    for n in range(g.size.items):
        at = f"2026-02-{n % 28 + 1:02d} {n % 24:02d}:00:00+00"
        yield g.tenant, at, "staff:1", "create", "item", g.id("variant", n), '{"sku": "bench"}', "bench", "\\\\x00"
