"""Any history of the floor keeps the books: random steps through the API, refusals included."""

import random
from collections import Counter

import pytest

from chalicelib import orders, stock
from tests.client import Reply
from tests.factories.floor import Floor, check_floor, make_floor, place, put
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant

STEPS = 300


class History:
    """Somebody who does things on the floor in any order, sensible or not."""

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self.tenant, self.chance = tenant, random.Random(seed)
        self.floor: Floor = make_floor(tenant)
        self.shelves: list[Shelf] = [make_shelf(tenant, free=12) for _ in range(3)]
        self.placed: list[orders.Order] = []
        self.batches: list[int] = []

    def step(self) -> Reply | None:
        """One step; what was answered, where a step is a request."""
        steps = [self.sell] * 4 + [self.wave] * 2 + [self.confirm] * 10 + [self.short] + [self.complete] * 3
        steps += [self.cancel, self.receive] + [self.verify] * 6 + [self.pack, self.fulfil] * 2
        return self.chance.choice(steps)()

    def sell(self) -> None:
        shelves = self.chance.sample(self.shelves, self.chance.randint(1, 3))
        try:
            self.placed.append(place(self.tenant, *[(s, self.chance.randint(1, 4)) for s in shelves]))
        except stock.OutOfStock:
            self.receive()

    def receive(self) -> None:
        put(
            self.tenant,
            self.chance.choice(self.shelves),
            self.chance.randint(1, 9),
            pick_sequence=self.chance.randint(0, 9),
        )

    def wave(self) -> Reply | None:
        chosen = self.chance.sample(self.placed, min(len(self.placed), self.chance.randint(1, 3)))
        reply = self.floor.wave(*chosen) if chosen else None
        if reply is not None and reply.status == 200:
            self.batches.append(reply.json["batch_id"])
        return reply

    def confirm(self) -> Reply | None:
        task = self.next_task()
        return task and self.floor.confirm(task[0], task[1], self.chance.choice([task[2], task[2], 1, task[2] + 1]))

    def short(self) -> Reply | None:
        task = self.next_task()
        return task and self.floor.short(task[0], self.chance.randint(0, task[2]))

    def next_task(self) -> tuple[int, str, int] | None:
        for batch_id in self.chance.sample(self.batches, len(self.batches)):
            task = self.floor.client.get(f"/api/picking/batch/{batch_id}/next").json
            if "pick_task_id" in task:
                return task["pick_task_id"], task["sku"], task["quantity_to_pick"] - task["quantity_picked"]
        return None

    def complete(self) -> Reply | None:
        return self.ended(self.floor.complete(self.chance.choice(self.batches))) if self.batches else None

    def cancel(self) -> Reply | None:
        return self.ended(self.floor.cancel(self.chance.choice(self.batches))) if self.batches else None

    def ended(self, reply: Reply) -> Reply:
        if reply.status == 200 and self.chance.random() < 0.9:  # now and then one is ended again
            self.batches.remove(reply.json["batch_id"])
        return reply

    def verify(self) -> Reply | None:
        order = self.in_state("picked")
        line = order and self.chance.choice(order.lines)
        return self.floor.verify(order, line.sku, max(1, line.picked - line.packed)) if order and line else None

    def pack(self) -> Reply | None:
        order = self.in_state("picked")
        return self.floor.pack(order) if order else None

    def fulfil(self) -> Reply | None:
        order = self.in_state("packed")
        return self.floor.fulfil(order) if order else None

    def in_state(self, state: str) -> orders.Order | None:
        now = [self.floor.now(order) for order in self.placed]
        return next((order for order in now if order.state == state), None)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_stay_whole(seed: int, tenant: Tenant) -> None:
    history = History(tenant, seed)
    statuses: Counter[int] = Counter()
    for number in range(STEPS):
        reply = history.step()
        if reply is not None:
            statuses[reply.status] += 1
        if number % 25 == 0:
            check_floor(tenant)
    check_floor(tenant)
    check_books(tenant)
    assert set(statuses) <= {200, 400, 409}
    assert statuses[200] > STEPS / 8
    assert tenant.value("SELECT count(*) FROM shipment") > 0
    unreturned = """
        SELECT count(*) FROM order_line l JOIN sales_order o ON o.id = l.order_id
         WHERE (o.state = 'shipped' AND l.shipped <> l.picked) OR (o.state IN ('pending', 'confirmed') AND l.picked > 0)
    """
    assert tenant.value(unreturned) == 0
