"""Who takes part in the day, and what they have in hand."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.demo.company import PASSWORD, company
from infra.local.demo.day.caller import Caller

PICKER, PACKER, ADMIN, NET30_CUSTOMER = "p.nguyen", "g.santos", "m.okafor", 0


@dataclass
class Cast:
    """The callers of the day and what they have made so far."""

    anyone: Caller
    run: str
    """Distinguishes one play from the next: user names and calls are unique."""
    shelf_skus: list[str] = field(default_factory=list)
    robot_skus: list[str] = field(default_factory=list)
    warehouse_id: int = 0
    customer: Caller | None = None
    customer_email: str = ""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Orders of the day by what they are: card, net30, guest."""
    batch_id: int = 0

    @property
    def erp(self) -> Caller:
        """The integrator's program."""
        return self.anyone.signed_in(Authorization=f"Bearer {api_key('inventory')}")

    @property
    def agent(self) -> Caller:
        """The voice agent."""
        return self.anyone.signed_in(X_API_Key=api_key("voice"))

    def now(self) -> datetime:
        """The business's time, which may run ahead of this machine's."""
        return datetime.fromisoformat(self.anyone.get("/sandbox/clock")["now"])

    def floor(self, username: str) -> Caller:
        """Somebody of the warehouse, signed in."""
        token = self.anyone.post("/api/auth/login", {"username": username, "password": PASSWORD})["token"]
        return self.anyone.signed_in(Authorization=f"Bearer {token}")

    def desk(self, username: str) -> Caller:
        """Somebody of the office, signed in to the staff portal."""
        token = self.anyone.post("/api/staff/login", {"username": username, "password": PASSWORD})["token"]
        return self.anyone.signed_in(Authorization=f"Bearer {token}")


def api_key(surface: str) -> str:
    """The demo company's key for a surface."""
    return next(key.value for key in company().api_keys if key.surface == surface)


def new_run() -> str:
    """Six letters."""
    return "".join(random.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(6))
