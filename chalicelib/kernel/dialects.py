"""How each contract writes errors on the wire. Everything else about a surface lives in its shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.kernel.errors import Detail, Invalid, Refusal


@dataclass(frozen=True)
class Dialect:
    """A surface's way to say no."""

    name: str
    render: Callable[[Refusal], dict[str, Any]]
    locates_place: bool = False
    """True where ``loc`` starts with ``body``, ``query`` or ``path``, as FastAPI clients expect."""
    path_is_field: bool = False
    """True where a malformed path variable is a validation error; elsewhere such a record does not exist."""

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON body of a refusal."""
        return self.render(refusal)

    def loc(self, place: str, loc: tuple[str | int, ...]) -> list[str | int]:
        """The path to a wrong field as this surface writes it."""
        return [place, *loc] if self.locates_place else list(loc)


def _plain(refusal: Refusal) -> dict[str, Any]:
    if isinstance(refusal, Invalid):
        return {"error": "validation_error", "details": _details(refusal)}
    return {"error": refusal.message, **refusal.extra}


def _inventory(refusal: Refusal) -> dict[str, Any]:
    if isinstance(refusal, Invalid):
        return {"error": "validation_error", "code": refusal.code, "details": _details(refusal)}
    return {"error": refusal.message, "code": refusal.code, **refusal.extra}


def _storage(refusal: Refusal) -> dict[str, Any]:
    if isinstance(refusal, Invalid):
        return {"detail": [{"loc": d["loc"], "msg": d["msg"], "type": d["type"]} for d in refusal.details]}
    return {"detail": refusal.message, **refusal.extra}


def _details(refusal: Invalid) -> list[Detail]:
    return refusal.details


PLAIN = Dialect("plain", _plain)
"""wms and commerce, which share /api and cannot be told apart before a route is found."""
INVENTORY = Dialect("inventory", _inventory)
STORAGE = Dialect("storage", _storage, locates_place=True, path_is_field=True)
DIALECTS = (PLAIN, INVENTORY, STORAGE)


def dialect_of(path: str) -> Dialect:
    """The dialect of a path's prefix, known even where no route is."""
    if path == "/api/v2" or path.startswith("/api/v2/"):
        return STORAGE
    if path == "/api/v1" or path.startswith("/api/v1/"):
        return INVENTORY
    return PLAIN
