"""Fifty at once: one account per name, address and number; five tries per code; one use per token. Never a 5xx."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.customers.post import codes, messages, reset_tokens, verification_paths
from tests.factories.customers import PASSWORD, make_customer
from tests.tenant import Tenant
from tests.threads import together

MANY = 50
Fields = Callable[[int], dict[str, Any]]


@pytest.mark.parametrize(
    ("_case", "fields", "named"),
    [
        ("one address", lambda n: {"username": f"ada{n}", "email": "ada@example.com"}, {"email"}),
        ("one address in many spellings", lambda n: {"username": f"ada{n}", "email": _spelled(n)}, {"email"}),
        (
            "one address and one number",
            lambda n: {"username": f"ada{n}", "email": "ada@example.com", "phone": "+1 212 555 0100"},
            {"email"},
        ),
        (
            "one number",
            lambda n: {"username": f"ada{n}", "email": f"ada{n}@example.com", "phone": "(212) 555-0100"},
            {"phone"},
        ),
        ("one name", lambda n: {"username": "ada", "email": f"ada{n}@example.com"}, {"username"}),
        (
            "the name of some is the address of all",
            lambda n: {"username": "ada@example.com" if n % 2 else f"ada{n}", "email": "ada@example.com"},
            {"username", "email"},
        ),
    ],
)
def test_of_many_registrations_one_succeeds(
    _case: str, fields: Fields, named: set[str], api: Client, tenant: Tenant
) -> None:
    replies = together(MANY, lambda n: api.post("/api/register", {"password": PASSWORD, **fields(n)}))
    assert Counter(reply.status for reply in replies) == {201: 1, 409: MANY - 1}
    assert {reply.json["duplicate_field"] for reply in replies if reply.status == 409} <= named
    assert tenant.value("SELECT count(*) FROM customer") == 1
    assert len(messages(tenant, "verify_email")) == 1


def _spelled(number: int) -> str:
    """``ada@example.com`` with other capitals for every number below 128."""
    letters = "ada@example.com"
    return "".join(c.upper() if number >> (place % 7) & 1 else c for place, c in enumerate(letters))


def test_of_many_tries_of_a_code_five_are_looked_at(api: Client, tenant: Tenant) -> None:
    """Forty-nine wrong codes and the right one: never a sixth try, so the right one wins or comes too late."""
    shopper = make_customer(tenant)
    api.post("/api/auth/phone/send-code", {"phone": shopper.phone})
    (code,) = codes(tenant)
    guesses = [f"{(int(code) + n) % 1_000_000:06d}" for n in range(MANY)]
    body = {"phone": shopper.phone}
    replies = together(MANY, lambda n: api.post("/api/auth/phone/verify-code", {**body, "code": guesses[n]}))
    statuses = Counter(reply.status for reply in replies)
    assert statuses[400] >= MANY - 1
    assert statuses[200] + statuses[400] == MANY
    late = api.post("/api/auth/phone/verify-code", {**body, "code": code})
    assert late.status == 400


def test_of_many_right_tries_of_a_code_one_gets_the_token(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    api.post("/api/auth/phone/send-code", {"phone": shopper.phone})
    (code,) = codes(tenant)
    body = {"phone": shopper.phone, "code": code}
    replies = together(MANY, lambda _: api.post("/api/auth/phone/verify-code", body))
    assert Counter(reply.status for reply in replies) == {200: 1, 400: MANY - 1}


def test_wrong_tries_in_parallel_use_a_code_up(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    api.post("/api/auth/phone/send-code", {"phone": shopper.phone})
    (code,) = codes(tenant)
    wrong = {"phone": shopper.phone, "code": f"{(int(code) + 1) % 1_000_000:06d}"}
    replies = together(MANY, lambda _: api.post("/api/auth/phone/verify-code", wrong))
    assert {reply.status for reply in replies} == {400}
    assert api.post("/api/auth/phone/verify-code", {**wrong, "code": code}).status == 400


def test_many_requests_at_once_start_one_code(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    replies = together(MANY, lambda _: api.post("/api/auth/phone/send-code", {"phone": shopper.phone}))
    assert Counter(reply.status for reply in replies) == {200: 1, 429: MANY - 1}
    assert len(codes(tenant)) == 1


@pytest.mark.parametrize("way", ["mail", "phone"])
def test_of_many_uses_of_a_token_one_counts(way: str, api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    path, field, token = _token(way, api, tenant, shopper)
    passwords = [f"velvet number {n} lamp" for n in range(MANY)]
    replies = together(MANY, lambda n: api.post(path, {field: token, "password": passwords[n]}))
    assert Counter(reply.status for reply in replies) == {200: 1, 400: MANY - 1}
    won = next(n for n, reply in enumerate(replies) if reply.status == 200)
    right = {"username": shopper.username, "password": passwords[won]}
    assert api.post("/api/login", right).status == 200
    assert len(messages(tenant, "password_changed")) == 1


def test_a_phone_session_used_for_two_things_at_once_does_one(api: Client, tenant: Tenant) -> None:
    _, field, token = _token("phone", api, tenant, make_customer(tenant))

    def use(number: int) -> int:
        if number % 2:
            return api.post("/api/auth/phone/lookup-username", {field: token}).status
        return api.post("/api/auth/phone/reset-password", {field: token, "password": "another velvet lamp"}).status

    assert Counter(together(MANY, use)) == {200: 1, 400: MANY - 1}


def _token(way: str, api: Client, tenant: Tenant, shopper: Any) -> tuple[str, str, str]:
    """Where a new password is chosen, under which name the token goes there, and a token."""
    if way == "mail":
        api.post("/api/customer/forgot-password", {"identifier": shopper.email})
        return "/api/auth/reset-password", "token", reset_tokens(tenant)[-1]
    api.post("/api/auth/phone/send-code", {"phone": shopper.phone})
    body = {"phone": shopper.phone, "code": codes(tenant)[-1]}
    token = api.post("/api/auth/phone/verify-code", body).json["phone_session_token"]
    return "/api/auth/phone/reset-password", "phone_session_token", token


def test_many_accounts_prove_one_address_at_once_and_one_has_it(api: Client, tenant: Tenant) -> None:
    shoppers = [make_customer(tenant) for _ in range(10)]
    for shopper in shoppers:
        shopper.client().put(f"/api/users/{shopper.id}", {"email": "wanted@example.com"})
    paths = verification_paths(tenant)
    replies = together(MANY, lambda n: api.get(paths[n % 10]))
    assert {reply.status for reply in replies} == {302}
    outcomes = [reply.headers["Location"].rpartition("=")[2] for reply in replies]
    assert Counter(outcomes) == {"success": 5, "invalid": MANY - 5}
    assert tenant.value("SELECT count(*) FROM customer WHERE email = 'wanted@example.com'") == 1


def test_many_accounts_enter_one_number_at_once_and_one_has_it(tenant: Tenant) -> None:
    shoppers = [make_customer(tenant) for _ in range(20)]
    clients = [shopper.client() for shopper in shoppers]
    body = {"phone": "+12125569999"}
    replies = together(20, lambda n: clients[n].put(f"/api/users/{shoppers[n].id}", body))
    assert Counter(reply.status for reply in replies) == {200: 1, 409: 19}
    assert {reply.json["duplicate_field"] for reply in replies if reply.status == 409} == {"phone"}
