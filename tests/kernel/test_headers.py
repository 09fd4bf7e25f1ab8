"""Headers that every answer has, and those that only our own pages and the configured front ends get."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from chalicelib.kernel.errors import Conflict, Forbidden, TooManyRequests, Unavailable, Unprocessable
from chalicelib.kernel.settings import Settings
from tests.client import Client, Reply
from tests.factories.customers import make_customer
from tests.factories.identity import make_api_key
from tests.kernel.apps import PREFIXES, KernelClient
from tests.kernel.handlers import script
from tests.tenant import Tenant

Configured = Callable[..., AbstractContextManager[None]]
OURS = "https://shop.example.test"
PORTAL = "https://portal.example"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "no-store",
    "Vary": "Origin",
}


def raising(error: BaseException) -> str:
    def run(_call: Any) -> None:
        raise error

    return script(run)


def post(path: str, body: Any = None, **headers: str) -> Callable[[Client, str], Reply]:
    return lambda client, prefix: client.post(prefix + path, {} if body is None else body, **headers)


def get(path: str) -> Callable[[Client, str], Reply]:
    return lambda client, prefix: client.get(prefix + path)


def answers(error: BaseException) -> Callable[[Client, str], Reply]:
    return lambda client, prefix: client.post(f"{prefix}/scripts/{raising(error)}", {})


def preflighted(client: Client, prefix: str) -> Reply:
    return client.call("OPTIONS", f"{prefix}/parcels/1", None, {})


ANSWERS: list[tuple[int, str, Callable[[Client, str], Reply]]] = [
    (200, "an answer", get("/parcels/special")),
    (204, "OPTIONS", preflighted),
    (401, "nobody", post("/closed/1")),
    (404, "no such path", get("/nowhere")),
    (404, "a path that is no UTF-8", get("/parcels/%ff")),
    (404, "no such path at all", get("/../../etc/passwd")),
    (405, "no such method", lambda client, prefix: client.delete(f"{prefix}/parcels/1")),
    (413, "too large a body", post("/parcels/1", b"x" * 1_000_001)),
    (415, "another content type", post("/parcels/1", b"<x/>", content_type="text/xml")),
    (403, "somebody who may not", answers(Forbidden())),
    (409, "a state that forbids", answers(Conflict())),
    (422, "a value that cannot be", answers(Unprocessable())),
    (429, "too soon", answers(TooManyRequests())),
    (500, "our mistake", answers(RuntimeError("ours"))),
    (503, "a provider that is away", answers(Unavailable())),
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("status", "_case", "ask"), ANSWERS, ids=[f"{status} {case}" for status, case, _ in ANSWERS])
def test_every_answer_has_them(
    kernel: KernelClient, prefix: str, status: int, _case: str, ask: Callable[[Client, str], Reply]
) -> None:
    reply = ask(kernel, prefix)
    assert reply.status == status, reply.body
    assert {name: reply.headers.get(name) for name in ALWAYS} == ALWAYS
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(("status", "_case", "ask"), ANSWERS, ids=[f"{status} {case}" for status, case, _ in ANSWERS])
def test_the_request_id_is_the_gateways_and_not_the_callers(
    kernel: KernelClient, status: int, _case: str, ask: Callable[[Client, str], Reply]
) -> None:
    caller = kernel.with_headers(x_request_id="planted", x_amzn_requestid="planted", x_amzn_trace_id="planted")
    ids = [ask(caller, "/api/kernel").headers["X-Request-Id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(len(found) == 36 for found in ids)


def test_the_request_id_is_also_in_the_audit_log_and_nowhere_the_callers(kernel: KernelClient, tenant: Tenant) -> None:
    name = script(lambda call: call.uow.audit("tested", "header", 1))
    reply = kernel.post(f"/api/kernel/scripts/{name}", {}, x_request_id="planted")
    assert tenant.value("SELECT request_id FROM audit_entry WHERE entity = 'header'") == reply.headers["X-Request-Id"]


def test_an_answer_may_say_otherwise_for_itself(api: Client) -> None:
    page = api.get("/docs")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "public, max-age=60"
    assert page.headers["X-Frame-Options"] == "DENY"


# Cross-origin requests.


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (OURS, True),
        (PORTAL, True),
        ("https://reps.example:8443", True),
        ("https://evil.example", False),
        ("https://portal.example.evil.example", False),
        ("https://evilportal.example", False),
        ("https://sub.portal.example", False),
        ("http://portal.example", False),
        ("https://portal.example:444", False),
        ("https://portal.example/", False),
        ("https://reps.example", False),
        ("HTTPS://PORTAL.EXAMPLE", False),
        (f"{PORTAL} https://evil.example", False),
        (f"{PORTAL}, https://evil.example", False),
        ("null", False),
        ("*", False),
        ("", False),
        ("https://portal.example\r\nX-Evil: 1", False),
    ],
)
def test_only_listed_origins_may_read(
    kernel: KernelClient, configured: Configured, origin: str, is_allowed: bool
) -> None:
    """Answers and refusals alike, and the answer to the browser's question before."""
    with configured(QM_ALLOWED_ORIGINS=f"{PORTAL} https://reps.example:8443"):
        caller = kernel.with_headers(origin=origin)
        replies = [
            caller.get("/api/kernel/parcels/special"),
            caller.get("/api/kernel/nowhere"),
            caller.post("/api/kernel/closed/1", {}),
            caller.call("OPTIONS", "/api/kernel/parcels/1", None, {"access-control-request-method": "POST"}),
        ]
    for reply in replies:
        shown = {name: value for name, value in reply.headers.items() if name.startswith("Access-Control-")}
        assert (shown.get("Access-Control-Allow-Origin"), bool(shown)) == (origin if is_allowed else None, is_allowed)
        assert reply.headers["Vary"] == "Origin"


def test_a_preflight_says_what_may_be_sent(kernel: KernelClient) -> None:
    asked = {"origin": OURS, "access-control-request-method": "PUT", "access-control-request-headers": "x-evil"}
    reply = kernel.call("OPTIONS", "/api/kernel/parcels/1", None, asked)
    assert (reply.status, reply.body) == (204, b"")
    shown = {name: value for name, value in reply.headers.items() if name.startswith("Access-Control-")}
    assert shown == {
        "Access-Control-Allow-Origin": OURS,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-API-Key",
        "Access-Control-Expose-Headers": "X-Request-Id, Idempotent-Replay, Retry-After",
        "Access-Control-Max-Age": "600",
    }
    assert kernel.call("OPTIONS", "/api/kernel/nowhere", None, asked).status == 404


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://*.example",
        "null",
        "https://portal.example/",
        "HTTPS://portal.example",
        "portal.example",
        "//x.example",
    ],
)
def test_what_no_browser_sends_cannot_be_configured(origins: str) -> None:
    with pytest.raises(ValueError, match="not origins"):
        Settings(allowed_origins=f"{PORTAL} {origins}")


# Cookies.


def test_a_session_cookie_is_for_this_host_alone(kernel: KernelClient, tenant: Tenant, configured: Configured) -> None:
    set_it = script(lambda call: call.set_cookie("qm_session", "x", max_age_s=60))
    path, rest = f"/api/kernel/scripts/{set_it}", "Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    assert kernel.post(path, {}).cookies == [f"__Host-qm_session=x; {rest}; Secure"]
    with configured(QM_PUBLIC_URL="http://127.0.0.1:8080"):
        assert kernel.post(path, {}).cookies == [f"qm_session=x; {rest}"]


def test_a_cookie_that_a_neighbour_could_have_planted_is_none(
    kernel: KernelClient, tenant: Tenant, configured: Configured
) -> None:
    """Without the prefix any subdomain may set it, over any connection."""
    cookie = make_customer(tenant).cookie()
    bare = cookie.removeprefix("__Host-")
    path = "/api/kernel/guarded/customer"
    assert (kernel.with_cookie(cookie).get(path).status, kernel.with_cookie(bare).get(path).status) == (200, 401)
    with configured(QM_PUBLIC_URL="http://127.0.0.1:8080"):
        assert (kernel.with_cookie(cookie).get(path).status, kernel.with_cookie(bare).get(path).status) == (401, 200)


def test_a_key_needs_no_cookie_and_sets_none(kernel: KernelClient, tenant: Tenant) -> None:
    reply = kernel.as_key(make_api_key(tenant)).get("/api/kernel/guarded/read")
    assert (reply.status, reply.cookies) == (200, [])
