"""Requests, workers, robots and people at once on the real database: nothing lost, nothing done twice, no 5xx."""

import random
import threading
from dataclasses import dataclass, field

from chalicelib.orders import Order
from chalicelib.robots.jobs import handle_telemetry
from tests.factories.floor import Floor, check_floor, make_floor, place
from tests.factories.robots import Storage, make_storage, say_connection
from tests.factories.stock import Shelf, check_books
from tests.tenant import Tenant
from tests.threads import together

THREADS, ACTIONS = 8, 12


@dataclass
class Storm:
    """What one of many may do at any moment."""

    storage: Storage
    floor: Floor
    shelves: list[Shelf]
    orders: list[Order]
    statuses: list[int] = field(default_factory=list)
    minds: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, dice: random.Random) -> None:
        lines = [(shelf, 1) for shelf in dice.sample(self.shelves, 3)]
        self.statuses.append(self.storage.ask(*lines, priority=dice.randint(0, 9)).status)

    def work(self, _: random.Random) -> None:
        self.storage.tenant.work_off(rounds=2)

    def listen(self, dice: random.Random) -> None:
        with self.minds:
            said = [message for serial in self.storage.serials for message in self.storage.listen(serial)]
        dice.shuffle(said)
        for message in said * 2:
            handle_telemetry(message)

    def trigger(self, dice: random.Random) -> None:
        words = ("SUCCEEDED_TRIGGER", "SUCCEEDED_TRIGGER", "FAILED_TRIGGER")
        waiting = self.storage.jobs(status__eq="WAITING")[:3]
        self.statuses += [self.storage.trigger(job["id"], dice.choice(words)).status for job in waiting]

    def connect(self, dice: random.Random) -> None:
        say_connection(dice.choice(self.storage.serials), "ONLINE")

    def wave(self, dice: random.Random) -> None:
        self.statuses.append(self.floor.wave(dice.choice(self.orders)).status)

    def rage(self, number: int) -> None:
        dice = random.Random(number)
        for _ in range(ACTIONS):
            dice.choice((self.ask, self.work, self.listen, self.trigger, self.connect, self.wave))(dice)

    def calm(self) -> None:
        """Lets everything that was asked for end."""
        for _ in range(30):
            self.storage.work()
            waiting = self.storage.jobs(status__eq="WAITING", size="1000")
            assert {self.storage.trigger(job["id"]).status for job in waiting} <= {200}
            if not waiting and not self.storage.jobs(status__in="CREATED,ACCEPTED,RUNNING"):
                break
        self.storage.work()


def test_everything_at_once(tenant: Tenant) -> None:
    storage = make_storage(tenant, bots=3)
    boxes = [box for _ in range(3) for box in storage.carrier(boxes=2)[2]]
    shelves = [storage.load(60, box=box) for box in boxes]
    storm = Storm(storage, make_floor(tenant), shelves, [place(tenant, (shelf, 3)) for shelf in shelves])
    for mind in storage.minds.values():
        mind.fail_next = 2
    together(THREADS, storm.rage)
    assert set(storm.statuses) <= {200, 400, 409}
    storm.calm()
    assert storage.jobs(status__in="CREATED,ACCEPTED,RUNNING,WAITING") == []
    assert tenant.value("SELECT count(*) FROM carrier WHERE balcony_id IS NOT NULL AND store_failures < 3") == 0
    open_requests = "jobs_open > 0 OR status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')"
    assert tenant.rows(f"SELECT id, status FROM storage_request WHERE {open_requests}") == []
    wrong_entities = "SELECT count(*) FROM storage_request_entity WHERE completed + cancelled <> total"
    assert tenant.value(wrong_entities) == 0
    assert tenant.value("SELECT count(*) FROM outbox WHERE closed_at IS NULL OR dead_at IS NOT NULL") == 0
    check_books(tenant)
    check_floor(tenant)
