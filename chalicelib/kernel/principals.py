"""Who is calling: the actor of one request, as the database knows it at that moment."""

from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib.kernel.errors import Forbidden

Kind = Literal["anonymous", "customer", "staff", "api_key", "machine"]
STORAGE_ROLES = ("User", "Admin", "Super Admin")
"""Ascending; the contract names the first and the last."""


@dataclass(frozen=True)
class Organization:
    """The tenant a request works in, with what almost every request needs to know of it."""

    id: int
    name: str
    currency: str
    time_zone: str
    modules: frozenset[str]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Actor:
    """A principal: staff, customer, API key or machine. `id` is unique within its kind; anonymous has 0."""

    kind: Kind
    id: int
    name: str
    session_id: str | None = None
    wms_role: str | None = None
    functions: frozenset[str] = frozenset()
    warehouse_ids: tuple[int, ...] = ()
    warehouse_id: int | None = None
    commerce_role: str | None = None
    storage_role: str | None = None
    scopes: frozenset[str] = frozenset()
    must_change_password: bool = False

    @property
    def label(self) -> str:
        """``kind:id``, for logs, idempotency keys and the ledger."""
        return f"{self.kind}:{self.id}"

    @property
    def permits(self) -> frozenset[str]:
        """What this principal holds, in the words in which an `Access` asks for it.

        The kind; a surface (``wms``, ``commerce``, ``storage``) and a role or function there (``wms:ADMIN``,
        ``wms:pick``); of keys the scopes (``key:voice``), and of those for the storage the role there.
        """
        if self.kind == "api_key":
            held = {f"key:{scope}" for scope in self.scopes}
            if "storage" in self.scopes:
                held |= {"storage", f"storage:{self.storage_role or STORAGE_ROLES[0]}"}
            return frozenset({"api_key", *held})
        if self.kind != "staff":
            return frozenset({self.kind})
        roles = {"wms": self.wms_role, "commerce": self.commerce_role, "storage": self.storage_role}
        held = {permit for surface, role in roles.items() if role for permit in (surface, f"{surface}:{role}")}
        if self.wms_role:
            held |= {f"wms:{function}" for function in self.functions}
        return frozenset({"staff", *held})

    def sees_warehouse(self, warehouse_id: int) -> bool:
        """Whether records of the warehouse exist for this user; others are answered as if they were not there."""
        return self.wms_role == "ADMIN" or warehouse_id in self.warehouse_ids

    def check_warehouse(self, warehouse_id: int) -> None:
        """Raises Forbidden when the warehouse was named but is not among this user's."""
        if not self.sees_warehouse(warehouse_id):
            raise Forbidden("Access denied for this warehouse")


ANONYMOUS = Actor(kind="anonymous", id=0, name="anonymous")


def actor_from_row(row: dict[str, Any]) -> Actor:
    """An actor from the JSON that the database's enter functions return."""
    known = {k: row[k] for k in ("kind", "id", "name", "session_id", "wms_role", "warehouse_id") if k in row}
    return Actor(
        **known,
        functions=frozenset(row.get("functions") or ()),
        warehouse_ids=tuple(row.get("warehouse_ids") or ()),
        commerce_role=row.get("commerce_role"),
        storage_role=row.get("storage_role"),
        scopes=frozenset(row.get("scopes") or ()),
        must_change_password=bool(row.get("must_change_password")),
    )


def organization_from_row(row: dict[str, Any]) -> Organization:
    """An organization from the same JSON."""
    return Organization(
        id=row["id"],
        name=row["name"],
        currency=row["currency"],
        time_zone=row["time_zone"],
        modules=frozenset(row.get("modules") or ()),
        settings=row.get("settings") or {},
    )
