"""A robot storage with a fleet whose minds are the simulator's, without a network between them and the platform."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chalicelib import robots
from chalicelib.robots.jobs import handle_telemetry
from infra.local.robots.robot import Robot
from tests.client import Client, Reply
from tests.factories.floor import put
from tests.factories.identity import make_api_key
from tests.factories.stock import Shelf, make_shelf
from tests.tenant import Tenant

ROUNDS_MAX = 50
_numbers = count(1)
_ms = count(1_800_000_000_000)


def published(serial: str, kind: str | None = None) -> list[dict[str, Any]]:
    """What the platform said to a robot, in order: `kind` is order or instantActions."""
    from moto.iotdata.models import iotdata_backends

    payloads = iotdata_backends["123456789012"]["us-east-1"].published_payloads
    topics = (f"qm/bots/{serial}/{kind}",) if kind else (f"qm/bots/{serial}/order", f"qm/bots/{serial}/instantActions")
    return [{"topic": topic, **json.loads(payload)} for topic, payload in payloads if topic in topics]


@dataclass
class Storage:
    """A tenant's robot storage."""

    tenant: Tenant
    api: Client
    level_id: int
    balcony: robots.Balcony
    serials: list[str]
    bot_ids: list[int]
    minds: dict[str, Robot]
    _delivered: dict[str, int] = field(default_factory=dict)
    _time: float = 0.0

    def carrier(self, *, boxes: int = 1, items_max: int | None = None) -> tuple[int, str, list[robots.Box]]:
        """A new carrier with boxes of four sections each: (id, code, boxes)."""
        number = next(_numbers)
        code = f"C{number}"
        new = robots.NewCarrier(code=code, level_id=self.level_id, position_x=number, position_y=0)
        with self.tenant.uow() as uow:
            (carrier_id,) = robots.create_carriers(uow, [new], warehouse_id=self.tenant.warehouse_id)
            made = robots.create_boxes(
                uow,
                [
                    robots.NewBox(
                        carrier_id=carrier_id, code=f"{code}-{n}", section_code=str(10 ** (7 - n)), items_max=items_max
                    )
                    for n in range(boxes)
                ],
            )
        return carrier_id, code, made

    def load(self, units: int, *, shelf: Shelf | None = None, box: robots.Box | None = None, **more: Any) -> Shelf:
        """Units of a product (a new one, or a shelf's) in a box (of a new carrier, or this one)."""
        shelf = shelf or make_shelf(self.tenant, free=0)
        box = box or self.carrier()[2][0]
        put(self.tenant, shelf, units, account_id=box.account_id, **more)
        return shelf

    def ask(self, *lines: tuple[Shelf, int], **more: Any) -> Reply:
        """POST /api/v2/requests for units."""
        entities = [{"sku_id": shelf.sku, "quantity": units} for shelf, units in lines]
        return self.api.post("/api/v2/requests", {"type": "FULFILLMENT", "entities": entities, **more})

    def jobs(self, **filters: str) -> list[dict[str, Any]]:
        """GET /api/v2/jobs, the oldest first."""
        query = "&".join(f"{name}={value}" for name, value in {"sort_by": "created_at", **filters}.items())
        items: list[dict[str, Any]] = self.api.get(f"/api/v2/jobs?{query}").json["items"]
        return items

    def request(self, request_id: str) -> dict[str, Any]:
        """The request as the list shows it."""
        (found,) = self.api.get(f"/api/v2/requests?id__eq={request_id}").json["items"]
        return dict(found)

    def trigger(self, job_id: str, status: str = "SUCCEEDED_TRIGGER", **headers: str) -> Reply:
        """POST /api/v2/trigger/{job_id}."""
        return self.api.post(f"/api/v2/trigger/{job_id}", {"TriggerStatus": status}, **headers)

    def inventory(self, query: str = "") -> list[dict[str, Any]]:
        """GET /api/v2/inventory_view."""
        items: list[dict[str, Any]] = self.api.get(f"/api/v2/inventory_view?{query}").json["items"]
        return items

    def connect(self, *numbers: int, state: str = "ONLINE") -> None:
        """Robots say that they are there (all of them, unless numbers are given)."""
        for number in numbers or range(len(self.serials)):
            say_connection(self.serials[number], state)

    def work(self) -> list[dict[str, Any]]:
        """Lets platform and robots talk until nobody has anything to say; every message of the robots, in order."""
        said: list[dict[str, Any]] = []
        for _ in range(ROUNDS_MAX):
            self.tenant.work_off()
            spoken = [message for serial in self.serials for message in self.listen(serial)]
            if not spoken:
                return said
            for message in spoken:
                handle_telemetry(message)
            said += spoken
        raise AssertionError("platform and robots never fall silent")

    def listen(self, serial: str) -> list[dict[str, Any]]:
        """What a robot says when it hears what it has not heard yet: its state on the way and at the end."""
        messages = published(serial)
        news = messages[self._delivered.get(serial, 0) :]
        self._delivered[serial] = len(messages)
        mind, said = self.minds[serial], []
        for message in news:
            payload = json.dumps(message).encode()
            take = mind.order if message["topic"].endswith("/order") else mind.instant_actions
            take(payload, self._time)
            said.append(state_message(serial, mind.state()))
        while mind.wakes_at is not None:
            self._time = max(self._time, mind.wakes_at)
            mind.tick(self._time)
            said.append(state_message(serial, mind.state()))
        return said


def make_storage(tenant: Tenant, *, bots: int = 1, is_online: bool = True) -> Storage:
    """A level, a balcony and robots; carriers and boxes come as tests need them."""
    serials = [f"bot-{tenant.id}-{next(_numbers)}" for _ in range(bots)]
    with tenant.uow() as uow:
        level_id = robots.create_level(uow, warehouse_id=tenant.warehouse_id, height_mm=400)
        balcony = robots.create_balcony(uow, warehouse_id=tenant.warehouse_id, name=f"BALCONY-{next(_numbers)}")
        bot_ids = robots.register_bots(uow, warehouse_id=tenant.warehouse_id, serials=serials, level_id=level_id)
    api = Client(tenant.host).as_bearer(make_api_key(tenant, "storage"))
    minds = {serial: Robot(serial, 1.0) for serial in serials}
    storage = Storage(tenant, api, level_id, balcony, serials, bot_ids, minds)
    if is_online:
        storage.connect()
    return storage


def say_connection(serial: str, state: str, *, ms: int | None = None, header_id: int = 1) -> None:
    """A connection message as the queue delivers it; `ms` is when the broker passed it on, later each time."""
    handle_telemetry(connection_message(serial, state, header_id=header_id), sent_ms=ms or next(_ms))


def connection_message(serial: str, state: str, *, header_id: int = 1) -> dict[str, Any]:
    """What a robot, or its last will, says about its connection."""
    payload = {"headerId": header_id, "timestamp": "2026-01-01T00:00:00Z", "connectionState": state}
    return {"topic": f"qm/bots/{serial}/connection", "payload": {**payload, "serialNumber": serial, "version": "2.1.0"}}


def state_message(serial: str, payload: dict[str, Any]) -> dict[str, Any]:
    """A robot's state as the queue holds it."""
    return {"topic": f"qm/bots/{serial}/state", "payload": payload}


def state(
    header_id: int, actions: Sequence[tuple[str, str]] = (), *, at: datetime | None = None, charge: float = 80.0
) -> dict[str, Any]:
    """A state made by hand: (action id, status) pairs."""
    moment = at or datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=header_id)
    return {
        "headerId": header_id,
        "timestamp": moment.isoformat(),
        "actionStates": [
            {"actionId": id, "actionType": "bringCarrier", "actionStatus": status} for id, status in actions
        ],
        "batteryState": {"batteryCharge": charge, "charging": False},
        "lastNodeId": "dock",
        "errors": [],
    }
