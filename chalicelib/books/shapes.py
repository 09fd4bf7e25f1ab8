"""The result of a check of the books."""

from chalicelib.kernel.shapes import Instant, Shape


class StockBooks(Shape):
    """Sum of moves against levels, levels and holds against availability."""

    moves: int
    units_moved: int
    wrong_levels: int
    wrong_availability: int


class HoldBooks(Shape):
    """Holds against open order lines, in units."""

    open_units: int
    held_units: int
    wrong_lines: int


class PaymentBooks(Shape):
    """Payments' entries against the payment state of their orders, store credit against its entries; sums in minor units.

    `differences` were open when orders, ledgers and Stripe were last compared, which is done by night."""

    orders: int
    entries_minor: int
    wrong_orders: int
    refunds_due_minor: int
    store_credit_minor: int
    wrong_accounts: int
    differences: int


class OutboxBooks(Shape):
    """Effects that were announced, still wait, or failed for good. `given_up`: webhooks whose receivers took nothing for a
    day, which only they can mend."""

    rows: int
    open: int
    dead: int
    given_up: int


class AuditBooks(Shape):
    """The audit chain; `broken_at` is the first link that does not fit."""

    sealed: int
    unchained: int
    broken_at: int | None
    reason: str | None


class Books(Shape):
    """All books of the organization. `is_whole`: every number adds up; what is still on its way does not count."""

    is_whole: bool
    stock: StockBooks
    holds: HoldBooks
    payments: PaymentBooks
    outbox: OutboxBooks
    audit: AuditBooks


class DifferenceView(Shape):
    """What two books say of one thing. `subject` is ``order:12``, ``payment:7``, ``customer:3`` or ``intent:pi_...``."""

    id: int
    kind: str
    subject: str
    ours: str
    theirs: str
    first_seen_at: Instant
    last_seen_at: Instant


class Differences(Shape):
    """What differed when it was last compared, the oldest first; at most 500."""

    differences: list[DifferenceView]
