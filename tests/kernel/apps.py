"""An `App` of the kernel's tests, with a route table written by hand, and the clients that call it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from chalicelib.kernel.application import App, RouteEntry
from tests.client import Client

HANDLERS = "tests.kernel.handlers"
PREFIXES = ("/api/kernel", "/api/v1/kernel", "/api/v2/kernel")
GUARDED = (
    "public",
    "shopper",
    "customer",
    "staff",
    "new_staff",
    "manager",
    "pick",
    "floor",
    "new_floor",
    "floor_admin",
    "password",
    "read",
    "storage",
    "storage_admin",
)

SHARED = (
    ("POST", "/parcels/{parcel_id}", "echo_parcel"),
    ("GET", "/parcels/{name}", "name_parcel"),
    ("GET", "/parcels/special", "special_parcel"),
    ("POST", "/slips", "take_slip"),
    ("POST", "/pictures", "take_picture"),
    ("POST", "/scripts/{name}", "run_script"),
    ("POST", "/secrets/{name}", "run_for_customer"),
    ("POST", "/keyed/{name}", "run_keyed_script"),
    ("POST", "/closed/{parcel_id}", "close_parcel"),
    ("GET", "/limited", "limited"),
)
ROUTES = (
    *((method, prefix + path, name) for prefix in PREFIXES for method, path, name in SHARED),
    *((method, f"/api/kernel/guarded/{who}", "_whoami") for who in GUARDED for method in ("GET", "POST")),
    ("POST", "/api/kernel/hooks", "take_hook"),
    ("POST", "/api/kernel/unconfigured-hooks", "take_unconfigured_hook"),
)


def error_body(prefix: str, sentence: str, code: str) -> dict[str, str]:
    """How the dialect of a prefix says no."""
    if prefix.startswith("/api/v2"):
        return {"detail": sentence}
    return {"error": sentence, "code": code} if prefix.startswith("/api/v1") else {"error": sentence}


@cache
def app() -> App:
    """The app, made once; its handlers are imported at their first call, as those of contexts are."""
    return App("kernel-tests", (RouteEntry(method, path, HANDLERS, name, "test") for method, path, name in ROUTES))


@dataclass(frozen=True)
class KernelClient(Client):
    """A caller of the kernel's test app."""

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """One proxy event through the test app."""
        answer: dict[str, Any] = app()(event, None)
        return answer
