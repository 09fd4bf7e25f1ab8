"""Any history of moves, counts and decisions keeps the books, and they end at what was counted and has moved since."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import stock
from infra.local.postgres import Cluster
from tests.factories.counts import Counter, Reviewer, as_counted, found, make_counter, make_reviewer
from tests.factories.floor import make_lot, put
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant, create_tenant

BINS, LOTS = 2, 2
Key = tuple[int, int]
"""(bin, lot): places in the history's lists."""

keys = st.tuples(st.integers(0, BINS - 1), st.integers(0, LOTS - 1))
units = st.integers(1, 9)
steps = st.one_of(
    st.tuples(st.just("receive"), keys, units),
    st.tuples(st.just("move"), keys, units),
    st.tuples(st.just("count"), st.integers(0, BINS - 1), st.lists(st.integers(0, 12), min_size=LOTS, max_size=LOTS)),
    st.tuples(st.just("decide"), st.sampled_from(["approve", "reject"]), st.integers(0, 3)),
    st.tuples(st.just("direct"), keys, st.integers(-5, 5).filter(bool)),
)


@dataclass
class World:
    """The product's own little model of what the books must say, beside the real ones."""

    tenant: Tenant
    counter: Counter
    reviewer: Reviewer
    shelf: Shelf
    bins: list[Shelf]
    lots: list[int | None]
    numbers: list[str | None]
    on_hand: dict[Key, int] = field(default_factory=dict)
    waiting: dict[Key, tuple[int, int]] = field(default_factory=dict)
    """(adjustment, units) by level: a newer count takes the place of an older one."""

    def units(self, key: Key) -> int:
        return self.on_hand.get(key, 0)

    def receive(self, key: Key, quantity: int) -> None:
        put(self.tenant, self.shelf, quantity, account_id=self.bins[key[0]].account_id, lot_id=self.lots[key[1]])
        self.on_hand[key] = self.units(key) + quantity

    def move(self, key: Key, quantity: int) -> None:
        to = (1 - key[0], key[1])
        ends = self.bins[key[0]].account_id, self.bins[to[0]].account_id
        moved = stock.Move(self.shelf.variant_id, quantity, *ends, "bin_transfer", "test:move", self.lots[key[1]])
        try:
            with self.tenant.uow() as uow:
                stock.post(uow, moves=[moved])
        except stock.Allocated:
            assert self.units(key) < quantity
            return
        self.on_hand[key] = self.units(key) - quantity
        self.on_hand[to] = self.units(to) + quantity

    def count(self, bin_: int, counted: list[int]) -> None:
        count_id = self.counter.opened(self.bins[bin_].bin_id)
        lines = self.counter.lines(count_id)
        asked = [self.numbers.index(line["lot_number"]) for line in lines]
        assert set(asked) == {lot for lot in range(LOTS) if self.units((bin_, lot)) or (bin_, lot) in self.waiting}
        besides = [lot for lot in range(LOTS) if lot not in asked and counted[lot]]
        reply = self.counter.submit(
            count_id,
            *as_counted(lines, *[counted[lot] for lot in asked]),
            *[found(self.shelf, counted[lot], lot_number=self.numbers[lot]) for lot in besides],
        )
        assert reply.status == 200, reply.json
        for lot in range(LOTS):
            self.waiting.pop((bin_, lot), None)
        differing = [lot for lot in [*asked, *besides] if counted[lot] != self.units((bin_, lot))]
        proposed = reply.json["summary"]["adjustments"]
        assert [a["variance"] for a in proposed] == [counted[lot] - self.units((bin_, lot)) for lot in differing]
        for lot, adjustment in zip(differing, proposed, strict=True):
            self.waiting[bin_, lot] = (adjustment["adjustment_id"], adjustment["variance"])

    def decide(self, action: str, place: int) -> None:
        if not self.waiting:
            return
        key = sorted(self.waiting)[place % len(self.waiting)]
        adjustment_id, quantity = self.waiting[key]
        reply = self.reviewer.decide((adjustment_id, action))
        if action == "approve" and self.units(key) + quantity < 0:
            assert reply.status == 409
            return
        assert reply.status == 200, reply.json
        del self.waiting[key]
        if action == "approve":
            self.on_hand[key] = self.units(key) + quantity

    def direct(self, key: Key, quantity: int) -> None:
        bin_id = self.bins[key[0]].bin_id
        reply = self.reviewer.direct(self.shelf, quantity, bin_id=bin_id, lot_number=self.numbers[key[1]])
        is_possible = self.units(key) + quantity >= 0
        assert reply.status == (201 if is_possible else 400)
        if is_possible:
            self.on_hand[key] = self.units(key) + quantity

    def booked(self) -> dict[Key, int]:
        """What the real books say."""
        rows = self.tenant.rows(
            "SELECT account_id, lot_id, on_hand FROM stock_level WHERE variant_id = %(v)s AND on_hand > 0",
            v=self.shelf.variant_id,
        )
        accounts = [b.account_id for b in self.bins]
        return {(accounts.index(r["account_id"]), self.lots.index(r["lot_id"])): r["on_hand"] for r in rows}


def make_world(tenant: Tenant) -> World:
    shelf, bins = make_shelf(tenant, free=0), [make_shelf(tenant, free=0) for _ in range(BINS)]
    lot_id = make_lot(tenant, shelf, expires_on=None)
    number = str(tenant.value("SELECT number FROM lot WHERE id = %(id)s", id=lot_id))
    people = make_counter(tenant), make_reviewer(tenant)
    return World(tenant, *people, shelf, bins, [None, lot_id], [None, number])


_tenants = iter(range(1, 1_000_000))


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=8, max_size=25))
def test_the_books_end_at_what_was_counted_and_has_moved_since(
    history: list[tuple[str, object, object]], database: Cluster, aws: None
) -> None:
    world = make_world(create_tenant(database.owner_url(), f"history{next(_tenants)}"))
    for step, *arguments in history:
        getattr(world, step)(*arguments)
    assert world.booked() == {key: units for key, units in world.on_hand.items() if units}
    check_books(world.tenant)
    stories = [a for a in world.reviewer.pending() if a["last_count"] is None]
    for story in stories:
        moved = [m["quantity"] for m in story["moves_since_last_count"] if m["lot_number"] == story["lot_number"]]
        assert sum(moved) == story["booked_quantity"]
