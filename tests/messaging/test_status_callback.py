"""POST /api/sms/status-callback: only Twilio may report, and a message never goes back."""

from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.messaging import rules, store
from tests.client import Client
from tests.factories.messages import make_sms, message
from tests.providers import Delivery, Providers, five_times_shuffled
from tests.tenant import Tenant
from tests.threads import together

FORM = "application/x-www-form-urlencoded"


def report(sid: str, status: str, **more: str) -> Delivery:
    """A report as Twilio sends it, with the fields that the contract does not name."""
    form = {"AccountSid": "AC1", "ApiVersion": "2010-04-01", "SmsSid": sid, "To": "+13125550001", "From": "+1500"}
    return Delivery("twilio", status, urlencode({**form, "MessageSid": sid, "MessageStatus": status, **more}), FORM)


def deliver(reports: list[Delivery], tenant: Tenant) -> None:
    for each in reports:
        assert each.send(Client(tenant.host)).status == 204
    tenant.work_off()


def counts(tenant: Tenant) -> list[int]:
    tables = ("webhook_delivery", "message_report", "outbox")
    return [tenant.value(f"SELECT count(*) FROM {table}") for table in tables]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("outcome", "code"), [("delivered", None), ("undelivered", "30003"), ("failed", "30003")])
def test_five_times_in_any_order_is_once(
    outcome: str, code: str | None, seed: int, tenant: Tenant, providers: Providers
) -> None:
    providers.ask("POST", "/control/twilio/outcomes", {"status": outcome})
    message_id, _ = make_sms(tenant)
    tenant.work_off()
    deliver(five_times_shuffled(providers.webhooks("twilio", outcome), seed), tenant)
    row = message(tenant, message_id)
    assert (row["state"], row["error_code"]) == (outcome, code)


def test_the_database_knows_the_same_order_of_states(tenant: Tenant) -> None:
    assert tenant.value("SELECT enum_range(NULL::message_state)::text[] AS states") == list(rules.STATES)


@pytest.mark.parametrize("statuses", list(permutations(["sent", "delivered", "undelivered"])))
def test_reports_before_the_id_is_recorded_are_not_lost(statuses: tuple[str, ...], tenant: Tenant) -> None:
    message_id, _ = make_sms(tenant)
    sid = f"SM{message_id}"
    deliver([report(sid, status) for status in statuses[:2]], tenant)
    with tenant.uow() as uow:
        store.record_outcome(uow, message_id, rules.Outcome(sid, "sending"))
    deliver([report(sid, statuses[2])], tenant)
    assert message(tenant, message_id)["state"] == "delivered"


def test_a_report_and_the_recording_of_its_id_at_once(tenant: Tenant) -> None:
    for _ in range(10):
        message_id, _ = make_sms(tenant)
        sid = f"SM{message_id}"

        def run(number: int, message_id: int = message_id, sid: str = sid) -> None:
            with tenant.uow() as uow:
                if number:
                    store.record_report(uow, sid, "delivered", None)
                else:
                    store.record_outcome(uow, message_id, rules.Outcome(sid, "sending"))

        together(2, run)
        assert message(tenant, message_id)["state"] == "delivered"


@pytest.mark.parametrize("status", ["received", "something-new"])
def test_a_status_that_says_nothing_is_kept(status: str, tenant: Tenant) -> None:
    deliver([report("SM1", status)], tenant)
    assert counts(tenant) == [1, 0, 1]


def test_a_report_about_an_unknown_message_is_kept(tenant: Tenant) -> None:
    deliver([report("SM1", "delivered"), report("SM1", "delivered"), report("SM1", "sent")], tenant)
    assert counts(tenant) == [2, 2, 2]


def test_a_report_without_a_message_is_passed_over(tenant: Tenant) -> None:
    deliver([Delivery("twilio", "", urlencode({"AccountSid": "AC1"}), FORM)], tenant)
    assert counts(tenant) == [0, 0, 0]


@pytest.mark.parametrize("variant", ["tampered", "foreign"])
def test_a_forged_report_changes_nothing(variant: Any, tenant: Tenant) -> None:
    reply = report("SM1", "delivered").send(Client(tenant.host), variant)
    assert (reply.status, reply.json) == (401, {"error": "Invalid signature"})
    assert counts(tenant) == [0, 0, 0]


@pytest.mark.parametrize(
    ("_case", "body"),
    [
        ("another status", urlencode({"MessageSid": "SM1", "MessageStatus": "delivered"})),
        ("a field more", urlencode({"MessageSid": "SM1", "MessageStatus": "sent", "x": ""})),
        ("a field twice", "MessageSid=SM1&MessageStatus=sent&MessageStatus=delivered"),
        ("no text", b"\xff\xfe"),
        ("nothing", ""),
    ],
)
def test_a_signature_is_good_for_its_form_only(_case: str, body: str | bytes, tenant: Tenant) -> None:
    from infra.local.doubles import signing
    from infra.local.doubles.config import DoublesSettings

    path = "/api/sms/status-callback"
    signed = signing.headers(
        DoublesSettings(),
        "twilio",
        url=f"https://shop.example.test{path}",
        body=urlencode({"MessageSid": "SM1", "MessageStatus": "sent"}),
        now=0,
        variant="good",
    )
    raw = body if isinstance(body, bytes) else body.encode()
    headers = {"x_twilio_signature": signed["X-Twilio-Signature"], "content_type": FORM}
    assert Client(tenant.host).post(path, raw, **headers).status == 401
    assert counts(tenant) == [0, 0, 0]


def test_statements_of_a_report(tenant: Tenant) -> None:
    assert report("SM1", "delivered").send(Client(tenant.host)).statements == 5
