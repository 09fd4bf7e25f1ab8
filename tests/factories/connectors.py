"""Connectors whose credentials are stored, the shop double behind them, and what tests ask and look at."""

import json
from dataclasses import dataclass
from itertools import count
from typing import Any

from infra.local.options import ROOT
from tests.client import Client, Reply
from tests.factories.identity import Staff, make_staff
from tests.providers import Providers
from tests.tenant import Tenant

TOKEN = "shop-token-of-the-tests"  # what the double takes for a token
EXAMPLE: dict[str, Any] = json.loads((ROOT / "infra/local/doubles/shop-mapping.json").read_text(encoding="utf-8"))
"""What the README shows."""
PAGED = {**EXAMPLE["items"]["paging"], "size": 5}
MAPPING = {
    **EXAMPLE,
    "items": {**EXAMPLE["items"], "paging": PAGED},
    "orders": {**EXAMPLE["orders"], "paging": PAGED},
}
"""The same with small pages."""
_numbers = count(1)


@dataclass(frozen=True)
class Connection:
    """A connector at the tenant's warehouse, seen by an administrator."""

    tenant: Tenant
    admin: Staff
    name: str
    providers: Providers | None = None

    @property
    def client(self) -> Client:
        """The API in the administrator's name, signed in just now: tests let hours pass."""
        return self.admin.client()

    @property
    def url(self) -> str:
        """Where the connector's endpoints begin."""
        return f"/api/admin/connectors/{self.name}"

    def store(self, **credentials: str) -> Reply:
        """Stores values."""
        body = {"warehouse_id": self.tenant.warehouse_id, "credentials": credentials}
        return self.client.post(f"{self.url}/credentials", body)

    def test(self) -> Reply:
        """Tests the connection."""
        return self.client.post(f"{self.url}/test", {"warehouse_id": self.tenant.warehouse_id})

    def request(self, sync_type: str, **headers: str) -> Reply:
        """Asks for a sync."""
        return self.client.post(f"{self.url}/sync/{sync_type}", {"warehouse_id": self.tenant.warehouse_id}, **headers)

    def sync(self, sync_type: str) -> dict[str, Any]:
        """Asks for a sync and lets the worker run it; its state afterwards."""
        reply = self.request(sync_type)
        assert reply.status == 202, reply.json
        self.tenant.work_off(rounds=50)
        return self.state(sync_type)

    def state(self, sync_type: str) -> dict[str, Any]:
        """The state of a type of sync."""
        reply = self.client.get(f"{self.url}/sync-status?warehouse_id={self.tenant.warehouse_id}")
        (found,) = [state for state in reply.json["sync_states"] if state["sync_type"] == sync_type]
        return dict(found)

    def fill(self, **asked: Any) -> None:
        """Fills the shop double."""
        assert self.providers is not None
        self.providers.ask("POST", "/control/shop/fill", asked)

    def orders(self) -> list[dict[str, Any]]:
        """Orders that came through the connector, oldest first."""
        sql = """
            SELECT r.external_id, o.* FROM connector_record r JOIN sales_order o ON o.id = r.order_id
             WHERE r.connector = %(connector)s ORDER BY o.id
        """
        return self.tenant.rows(sql, connector=self.name)


def make_shop(
    tenant: Tenant, providers: Providers, *, mapping: dict[str, Any] | None = None, **credentials: str
) -> Connection:
    """The generic connector, connected to the shop double."""
    connection = Connection(tenant, make_staff(tenant), "rest", providers)
    text = json.dumps(MAPPING if mapping is None else mapping)
    reply = connection.store(base_url=f"{providers.url}/shop", api_key=TOKEN, mapping=text, **credentials)
    assert reply.status == 200, reply.json
    return connection


def product(**fields: Any) -> dict[str, Any]:
    """A product of the shop double."""
    number = next(_numbers)
    return {"id": f"p-{number}", "sku": f"WEB-{number}", "title": f"Web product {number}", **fields}


def order(*lines: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    """An order of the shop double: (SKU, quantity) pairs."""
    number = next(_numbers)
    made = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
    return {"id": f"o-{number}", "number": f"W-{number}", "lines": made, **fields}
