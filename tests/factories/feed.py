"""Facts in the feed, and an integrator with a server that takes webhooks."""

import json
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from chalicelib.adapters import standard_webhooks
from chalicelib.feed import service, store
from chalicelib.kernel import facts, sealing
from chalicelib.kernel.facts import Fact
from chalicelib.kernel.uow import as_machine, unit_of_work
from tests.client import Client, Reply
from tests.factories.identity import make_api_key
from tests.providers import Providers
from tests.tenant import Tenant

_numbers = count(1)
PATH = "/api/v1/webhook_endpoints"


class Noted(Fact, type="order.placed", of="note_id"):
    """Something happened to a note; told as an order's fact, for the feed knows the types of the product only."""

    note_id: int
    number: int = 0


class Renoted(Fact, type="order.shipped", of="note_id"):
    """Something else."""

    note_id: int


def tell(tenant: Tenant, *told: Fact) -> None:
    """A transaction that tells these facts, numbered at once."""
    with tenant.uow() as uow:
        for fact in told:
            uow.tell(fact)
    number()


def number() -> int:
    """Numbers everything that was told, in all organizations; how much."""
    numbered = 0
    while True:
        with unit_of_work(as_machine(0, "relay")) as uow:
            done = facts.number(uow)
        if not done:
            return numbered
        numbered += done


def reader(tenant: Tenant) -> Client:
    """An integrator who reads the feed."""
    return Client(tenant.host).as_key(make_api_key(tenant, "events:read"))


@dataclass(frozen=True)
class Endpoint:
    """A webhook endpoint, the key that manages it and the server behind it."""

    tenant: Tenant
    providers: Providers
    client: Client
    name: str
    """Of the server."""
    id: int
    secret: str

    @property
    def path(self) -> str:
        """Of its record."""
        return f"{PATH}/{self.id}"

    def received(self) -> list[dict[str, Any]]:
        """What the server was sent, the oldest first."""
        return [each for each in self.providers.records("received") if each["name"] == self.name]

    def taken(self) -> list[int]:
        """The positions of the events that the server took."""
        return [int(each["body"]["cursor"]) for each in self.received() if each["status"] == 200]

    def verify_with(self, *secrets: str) -> None:
        """Makes the server verify with these secrets."""
        self.providers.ask("POST", "/control/receiver", {"name": self.name, "secrets": secrets})

    def fail(self, status: int | None = None, **rule: Any) -> None:
        """Makes the server answer the next deliveries with a status, or otherwise badly."""
        self.providers.fail("receiver", self.name, status=status, **rule)

    def deliveries(self, query: str = "") -> list[dict[str, Any]]:
        """Its deliveries, the latest event first."""
        found: list[dict[str, Any]] = self.client.get(f"{self.path}/deliveries{query}").json["deliveries"]
        return found

    def delivery(self) -> dict[str, Any]:
        """Its only delivery."""
        (only,) = self.deliveries()
        return only

    def show(self) -> dict[str, Any]:
        """The record."""
        shown: dict[str, Any] = self.client.get(self.path).json
        return shown

    def replay(self, **asked: Any) -> Reply:
        """Asks for deliveries again."""
        return self.client.post(f"{self.path}/replay", asked)

    def rotate(self, hours: int) -> "Endpoint":
        """The same with a new secret."""
        reply = self.client.post(f"{self.path}/rotate_secret", {"keep_previous_hours": hours})
        assert reply.status == 200, reply.json
        return replace(self, secret=reply.json["secret"])


def make_endpoint(tenant: Tenant, providers: Providers, *event_types: str) -> Endpoint:
    """An endpoint at a server of its own, which verifies with the endpoint's secret."""
    name = f"shop{next(_numbers)}"
    client = Client(tenant.host).as_key(make_api_key(tenant, "webhooks:write"))
    reply = client.post(PATH, {"url": f"{providers.url}/receiver/{name}", "event_types": list(event_types)})
    assert reply.status == 201, reply.json
    made = Endpoint(tenant, providers, client, name, reply.json["id"], reply.json["secret"])
    made.verify_with(made.secret)
    return made


def make_webhook_endpoint(tenant: Tenant) -> int:
    """An endpoint at a server that is not there; its id."""
    sealed = sealing.seal({"secret": standard_webhooks.new_secret()}, service.binding(tenant.id))
    fields = {"url": "https://hooks.example.com/", "description": "", "event_types": [], **sealed}
    with tenant.uow() as uow:
        return store.insert_endpoint(uow, fields).id


def data_of(reply: Reply) -> list[Any]:
    """What a page of the feed says."""
    return [event["data"] for event in json.loads(reply.body)["events"]]
