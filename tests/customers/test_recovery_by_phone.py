"""A forgotten password or user name, by text message: codes, their tries, and the token that a right code gives."""

import json
from typing import Any

import pytest

from chalicelib import customers
from chalicelib.customers.recovery import rules
from tests import expiring, outages
from tests.client import Client, Reply
from tests.customers.post import codes, messages, seen_of, table_calls
from tests.factories.customers import PASSWORD, Shopper, make_customer
from tests.providers import Providers
from tests.tenant import Clock, Tenant

NEW = "another velvet lamp"
WRONG_CODE = {"error": "The code is wrong or not valid any more"}
WRONG_TOKEN = {"error": "This link or session is not valid any more; please ask for a new one"}
NOBODYS = "+12125559999"
PAUSE_S = 61


def _send(api: Client, phone: str | None) -> Reply:
    return api.post("/api/auth/phone/send-code", {"phone": phone})


def _verify(api: Client, phone: str | None, code: str) -> Reply:
    return api.post("/api/auth/phone/verify-code", {"phone": phone, "code": code})


def _look_up(api: Client, token: str) -> Reply:
    return api.post("/api/auth/phone/lookup-username", {"phone_session_token": token})


def _reset(api: Client, token: str, password: str = NEW) -> Reply:
    return api.post("/api/auth/phone/reset-password", {"phone_session_token": token, "password": password})


def _token(api: Client, tenant: Tenant, shopper: Shopper) -> str:
    """A phone session, as a customer gets one."""
    assert _send(api, shopper.phone).status == 200
    reply = _verify(api, shopper.phone, codes(tenant)[-1])
    assert reply.status == 200
    token: str = reply.json["phone_session_token"]
    return token


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_from_a_code_to_a_new_password(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant, phone="+12125550142")
    here = shopper.client()
    sent = _send(api, "(212) 555-0142")
    assert (sent.status, sent.statements) == (200, 5)
    assert sent.json == {"message": "If the number is known, a code is on its way", "sms_sent": True, "debug_otp": None}
    (code,) = codes(tenant)
    (text,) = messages(tenant, "one_time_code")
    assert (text["recipient"], text["is_secret"]) == ("+12125550142", True)
    name = tenant.value("SELECT name FROM organization")
    assert text["body_text"] == f"{code} is your code for {name}. It works for 10 minutes. We never ask you for it."

    verified = _verify(api, "212-555-0142", f" {code} ")
    assert (verified.status, list(verified.json), verified.statements) == (200, ["phone_session_token"], 3)
    reply = _reset(api, verified.json["phone_session_token"])
    assert (reply.status, reply.json, reply.statements) == (200, {"message": "Password changed; please sign in"}, 7)
    assert here.get("/api/me").status == 401
    assert api.post("/api/login", {"username": shopper.username, "password": NEW}).status == 200
    assert [m["recipient"] for m in messages(tenant, "password_changed")] == [shopper.email]


def test_the_code_reaches_the_telephone_and_is_erased(api: Client, tenant: Tenant, providers: Providers) -> None:
    shopper = make_customer(tenant)
    _send(api, shopper.phone)
    (code,) = codes(tenant)
    tenant.work_off()
    assert [item["body"][:6] for item in providers.records("sms") if item["to"] == shopper.phone] == [code]
    assert tenant.value("SELECT body_text FROM message WHERE kind = 'one_time_code'") == ""


def test_the_user_name_is_shown_with_stars_and_the_token_is_used_up(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant, username="lovelace")
    token = _token(api, tenant, shopper)
    reply = _look_up(api, token)
    assert (reply.status, reply.json, reply.statements) == (200, {"username": "l***e"}, 4)
    for again in (_look_up(api, token), _reset(api, token)):
        assert (again.status, again.json) == (400, WRONG_TOKEN)
    assert api.post("/api/login", {"username": "lovelace", "password": PASSWORD}).status == 200


@pytest.mark.parametrize(
    ("username", "shown"),
    [
        ("lovelace", "l***e"),
        ("ada", "a***"),
        ("a", "a***"),
        ("ada@example.com", "a***@e***.com"),
        ("lovelace@shop.example.com", "l***e@s***.com"),
        ("closed@7", "c***d@***.7"),
    ],
)
def test_stars(username: str, shown: str) -> None:
    assert rules.masked(username) == shown


def test_nobody_sees_whether_a_number_is_known(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    """Not when asking, not when trying: answers, statements, calls of the table and rows left are the same."""
    known, closed, elsewhere = make_customer(tenant), make_customer(tenant), make_customer(other_tenant)
    tenant.rows("UPDATE customer SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.id)
    numbers = (known.phone, NOBODYS, closed.phone, elsewhere.phone)
    seen, tried = [], []
    for phone in numbers:
        left = tenant.value("SELECT count(*) FROM outbox")
        with table_calls() as asked:
            reply = _send(api, phone)
        seen.append((*seen_of(reply), tuple(asked), tenant.value("SELECT count(*) FROM outbox") - left))
    (code,) = codes(tenant)
    for phone in numbers:
        for _ in range(7):
            with table_calls() as asked:
                reply = _verify(api, phone, _other(code))
            tried.append((*seen_of(reply), tuple(asked)))
    assert seen == [seen[0]] * len(numbers)
    assert (seen[0][0], seen[0][-1]) == (200, 1)
    assert [tried[n : n + 7] for n in range(0, len(tried), 7)] == [tried[:7]] * len(numbers)
    assert {(status, body) for status, body, *_ in tried} == {(400, json.dumps(WRONG_CODE).encode())}
    pauses = [_send(api, phone) for phone in numbers]
    assert [reply.status for reply in pauses] == [429] * len(numbers)
    assert [m["recipient"] for m in messages(tenant, "one_time_code")] == [known.phone]


def test_five_tries_in_all(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _send(api, shopper.phone)
    (code,) = codes(tenant)
    assert [_verify(api, shopper.phone, _other(code)).status for _ in range(5)] == [400] * 5
    reply = _verify(api, shopper.phone, code)
    assert (reply.status, reply.json) == (400, WRONG_CODE)


def test_the_fifth_try_may_be_right(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _send(api, shopper.phone)
    (code,) = codes(tenant)
    assert [_verify(api, shopper.phone, _other(code)).status for _ in range(4)] == [400] * 4
    assert _verify(api, shopper.phone, code).status == 200
    assert _verify(api, shopper.phone, code).status == 400


def test_a_code_is_for_its_number_and_organization(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    shopper, neighbour = make_customer(tenant), make_customer(tenant)
    make_customer(other_tenant, phone=shopper.phone)
    _send(api, shopper.phone)
    _send(api, neighbour.phone)
    code, _ = codes(tenant)
    elsewhere = Client(other_tenant.host)
    _send(elsewhere, shopper.phone)
    (foreign,) = codes(other_tenant)
    assert _verify(api, neighbour.phone, code).status == 400 or codes(tenant)[0] == codes(tenant)[1]
    assert _verify(elsewhere, shopper.phone, code).status == 400 or code == foreign
    token = _verify(api, shopper.phone, code).json["phone_session_token"]
    assert (_reset(elsewhere, token).status, _reset(api, token).status) == (400, 200)


def test_a_newer_code_ends_the_one_before_after_a_pause(api: Client, tenant: Tenant, clock: Clock) -> None:
    shopper = make_customer(tenant)
    assert _send(api, shopper.phone).status == 200
    early = _send(api, shopper.phone)
    assert (early.status, 0 < int(early.headers["Retry-After"]) <= 60) == (429, True)
    (first,) = codes(tenant)
    for _ in range(4):
        _verify(api, shopper.phone, _other(first))
    clock.advance(seconds=PAUSE_S)
    assert _send(api, shopper.phone).status == 200
    second = codes(tenant)[-1]
    assert _verify(api, shopper.phone, first).status == 400 or first == second
    assert _verify(api, shopper.phone, second).status == 200


def test_the_older_request_that_is_worked_on_late_sends_nothing(api: Client, tenant: Tenant, clock: Clock) -> None:
    shopper = make_customer(tenant)
    _send(api, shopper.phone)
    clock.advance(seconds=PAUSE_S)
    _send(api, shopper.phone)
    (code,) = codes(tenant)
    assert _verify(api, shopper.phone, code).status == 200


def test_a_code_that_would_come_too_late_is_not_sent(api: Client, tenant: Tenant, clock: Clock) -> None:
    _send(api, make_customer(tenant).phone)
    clock.advance(seconds=601)
    assert codes(tenant) == []


def test_a_code_ends_after_ten_minutes_and_so_does_its_token(api: Client, tenant: Tenant, clock: Clock) -> None:
    shopper = make_customer(tenant)
    _send(api, shopper.phone)
    (code,) = codes(tenant)
    clock.advance(seconds=601)
    assert _verify(api, shopper.phone, code).status == 400
    token = _token(api, tenant, shopper)
    clock.advance(seconds=601)
    assert (_look_up(api, token).status, _reset(api, token).status) == (400, 400)


def test_a_new_telephone_ends_the_session_of_the_old_one(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    token = _token(api, tenant, shopper)
    assert shopper.client().put(f"/api/users/{shopper.id}", {"phone": "+12125559998"}).status == 200
    assert _reset(api, token).status == 400


def test_a_phone_session_does_not_prove_the_mail_address(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant, is_email_verified=False)
    assert _reset(api, _token(api, tenant, shopper)).status == 200
    reply = api.post("/api/login", {"username": shopper.username, "password": NEW})
    assert (reply.status, reply.json["email_verification_required"]) == (403, True)
    mail_reset = api.post("/api/auth/reset-password", {"token": "x" * 43, "password": NEW})
    assert mail_reset.status == 400


def test_a_refused_password_leaves_the_token_good(api: Client, tenant: Tenant) -> None:
    token = _token(api, tenant, make_customer(tenant))
    assert [_reset(api, token, password).status for password in ("short", "password1", NEW)] == [400, 400, 200]


def test_other_contexts_may_take_the_proof(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    token = _token(api, tenant, shopper)
    with tenant.uow() as uow:
        assert customers.use_phone_session(uow, token).phone == shopper.phone
    with tenant.uow() as uow, pytest.raises(customers.InvalidToken):
        customers.use_phone_session(uow, token)


def test_codes_and_tokens_lie_nowhere_in_plain(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    _send(api, shopper.phone)
    (code,) = codes(tenant)
    before = json.dumps(expiring.items(), default=str)
    token = _verify(api, shopper.phone, code).json["phone_session_token"]
    after = json.dumps(expiring.items(), default=str)
    outbox = json.dumps(tenant.rows("SELECT payload FROM outbox"), default=str)
    assert (f'"{code}"' in before, token in after, code in outbox, str(shopper.phone) in outbox) == (False,) * 4


@pytest.mark.parametrize(
    ("phones", "allowed"),
    [
        ([f"+1212556{n:04d}" for n in range(25)], 20),
        ([f"+1{300 + n}5550100" for n in range(25)], 25),
    ],
)
def test_numbers_in_a_row_are_not_pumped(phones: list[str], allowed: int, api: Client, limits: Clock) -> None:
    callers = [Client(api.host, address=f"192.0.2.{n}") for n in range(len(phones))]
    statuses = [_send(caller, phone).status for caller, phone in zip(callers, phones, strict=True)]
    assert statuses == [200] * allowed + [429] * (len(phones) - allowed)


def test_one_address_asks_thirty_codes_an_hour(caller: Client, limits: Clock) -> None:
    statuses = []
    for n in range(31):
        statuses.append(_send(caller, f"+1{300 + n}5550100").status)
        limits.advance(seconds=6)  # twenty a minute from one address, for whatever
    assert statuses == [200] * 30 + [429]


def test_one_number_gets_six_codes_an_hour(caller: Client, limits: Clock) -> None:
    statuses = []
    for _ in range(7):
        statuses.append(_send(caller, NOBODYS).status)
        limits.advance(seconds=PAUSE_S)
    assert statuses == [200] * 6 + [429]


@pytest.mark.parametrize(
    "phone", ["", None, 7, "call me", "911", "+1 212 555 0100 ext 7", "1" * 5000, "\u0000", "+" * 40]
)
def test_wrong_numbers(phone: Any, api: Client, tenant: Tenant) -> None:
    assert (_send(api, phone).status, _verify(api, phone, "123456").status) == (400, 400)
    assert tenant.value("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "12345a", "\u0661\u0662\u0663\u0664\u0665\u0666", 123456, None, "1" * 5000]
)
def test_wrong_codes(code: Any, api: Client, tenant: Tenant) -> None:
    reply = _verify(api, NOBODYS, code)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_without_the_table_nobody_guesses(api: Client, tenant: Tenant) -> None:
    shopper = make_customer(tenant)
    token = _token(api, tenant, shopper)
    with outages.away("dynamodb", "refused"):
        replies = [_send(api, shopper.phone), _verify(api, shopper.phone, "123456"), _reset(api, token)]
        replies.append(_send(api, NOBODYS))
    assert [(reply.status, reply.headers["Retry-After"]) for reply in replies] == [(503, "2")] * 4
    assert _reset(api, token).status == 200
