"""Inbox, reset, faults, state; and the two small providers that have no adapter yet."""

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.adapters.mail import Mail, SmtpMailer
from chalicelib.adapters.payments import ProviderUnavailable
from chalicelib.adapters.sms import TwilioGateway
from chalicelib.adapters.stripe_api import StripeGateway
from infra.local.doubles.faults import FaultRule, Faults
from infra.local.doubles.server import Doubles
from infra.local.doubles.store import Store
from tests.doubles.conftest import Control, Platform, until

TO = "+12025550123"


def test_the_inbox_holds_both_kinds_newest_last(sms: TwilioGateway, mailer: SmtpMailer, control: Control) -> None:
    sms.send(to=TO, body="first")
    mailer.send(Mail("ada@customer.example", "second", "text", "<1@shop.example>", datetime.now(UTC)))
    sms.send(to="+12025550199", body="third")
    assert [item["seq"] for item in control.inbox()] == [1, 2, 3]
    assert [item.get("subject") or item["body"] for item in control.inbox()] == ["first", "second", "third"]
    assert [item["seq"] for item in control.inbox(kind="sms")] == [1, 3]
    assert [item["seq"] for item in control.inbox(to="ADA@")] == [2]
    assert [item["seq"] for item in control.inbox(after="1", limit="1")] == [3]
    assert [item["seq"] for item in control.inbox(since=control.inbox()[1]["at"])] == [2, 3]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert control.inbox(since=later.isoformat()) == []


@pytest.mark.parametrize("query", [{"since": "yesterday"}, {"since": "2026-03-01T12:00:00"}, {"after": "x"}])
def test_the_inbox_refuses_what_it_cannot_read(query: dict[str, str], doubles: Doubles) -> None:
    assert requests.get(f"{doubles.url}/inbox", params=query, timeout=5).status_code == 400


def test_reset_forgets_everything_for_good(
    sms: TwilioGateway, payments: StripeGateway, control: Control, settings: Any
) -> None:
    sms.send(to=TO, body="Hi")
    payments.create_intent(amount_minor=100, currency="USD", idempotency_key="k", metadata={}, description="x")
    control.fault("stripe", "*", status=500, times=None)
    control.post("/control/webhooks", {"mode": "held"})
    control.post("/reset")
    assert control.get("/control/state") == {"records": {}, "webhooks": [], "faults": []}
    assert (settings.data_dir / "doubles" / "journal.jsonl").read_bytes() == b""
    sms.send(to=TO, body="Hi")
    assert [item["seq"] for item in control.inbox()] == [1]


def test_a_fault_hits_as_often_as_it_was_told(payments: StripeGateway, control: Control) -> None:
    control.fault("stripe", "payment_intents.create", status=500, skip=1, times=2)
    fates = []
    for number in range(5):
        try:
            payments.create_intent(
                amount_minor=100, currency="USD", idempotency_key=f"k{number}", metadata={}, description="x"
            )
            fates.append("good")
        except ProviderUnavailable:
            fates.append("bad")
    assert fates == ["good", "bad", "bad", "good", "good"]
    (rule,) = control.get("/control/faults")["items"]
    assert (rule["seen"], rule["fired"]) == (5, 2)


def test_chance_is_the_same_for_the_same_seed() -> None:
    def fates(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(FaultRule(provider="mail", status=451, times=None, probability=0.5, seed=seed))
        return [faults.take("mail", "send") is not None for _ in range(40)]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)
    assert 8 < sum(fates(1)) < 32


def test_a_wrong_fault_is_refused(control: Control) -> None:
    control.post("/control/faults", {"provider": "nobody"}, status=422)
    control.post("/control/faults", {"provider": "mail", "status": 200}, status=422)
    assert control.get("/control/faults")["items"] == []


def test_a_torn_line_and_a_change_that_failed_leave_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    store = Store(path)
    store.put("kind", "a", {"n": 1})
    with suppress(KeyError), store.batch():
        store.put("kind", "a", {"n": 2})
        assert store.get("kind", "a") == {"n": 2}
        raise KeyError
    assert store.get("kind", "a") == {"n": 1}
    store.close()
    with path.open("ab") as file:
        file.write(b'[["kind","b",{"n"')
    again = Store(path)
    again.put("kind", "c", {"n": 3})
    again.close()
    last = Store(path)
    assert last.all("kind") == [{"n": 1}, {"n": 3}]
    last.close()


def test_a_long_journal_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    store = Store(path)
    for number in range(2100):
        store.put("kind", "a", {"n": number})
    store.close()
    again = Store(path)
    assert again.all("kind") == [{"n": 2099}]
    again.close()
    assert len(path.read_bytes().splitlines()) == 1


def test_easypost_sells_a_label_and_tells_where_the_parcel_is(
    doubles: Doubles, control: Control, platform: Platform
) -> None:
    def post(path: str, body: Any) -> requests.Response:
        return requests.post(f"{doubles.url}/easypost/v2{path}", json=body, auth=("EZTK", ""), timeout=5)

    address = {"street1": "1 Main St", "zip": "94105"}
    asked = {"to_address": address, "from_address": address, "parcel": {"weight": 32}}
    shipment = post("/shipments", {"shipment": asked}).json()
    assert [rate["rate"] for rate in shipment["rates"]] == ["10.40", "17.90", "77.00"]
    assert post("/shipments", {"shipment": {}}).status_code == 422
    path = f"/shipments/{shipment['id']}/buy"
    assert post(path, {"rate": {"id": "rate_other"}}).status_code == 422
    bought = post(path, {"rate": {"id": shipment["rates"][0]["id"]}}).json()
    assert bought["tracker"]["status"] == "pre_transit"
    assert post(path, {"rate": {"id": shipment["rates"][0]["id"]}}).status_code == 422
    scan = {"tracking_code": bought["tracking_code"], "status": "delivered"}
    control.post("/control/easypost/track", scan)
    control.post("/control/easypost/track", {**scan, "status": "eaten"}, status=404)
    until(lambda: len(platform.hooks) == 2)
    hook = next(hook for hook in platform.hooks if hook.json["description"] == "tracker.updated")
    expected = hmac.new(b"local-easypost-secret", hook.body, hashlib.sha256).hexdigest()
    assert hook.headers["X-Hmac-Signature"] == f"hmac-sha256-hex={expected}"
    assert hook.json["result"]["status"] == "delivered"
    tracker = requests.get(
        f"{doubles.url}/easypost/v2/trackers/{bought['tracker']['id']}", auth=("EZTK", ""), timeout=5
    )
    assert tracker.json()["status"] == "delivered"
    assert requests.get(f"{doubles.url}/easypost/v2/trackers/x", timeout=5).status_code == 401


def test_the_model_says_what_it_was_told_to_say(doubles: Doubles, control: Control) -> None:
    def ask(**more: Any) -> requests.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": "How many are left?"}], **more}
        headers = {"Authorization": "Bearer sk"}
        return requests.post(f"{doubles.url}/llm/v1/chat/completions", json=body, headers=headers, timeout=5)

    def message(**more: Any) -> dict[str, Any]:
        told: dict[str, Any] = ask(**more).json()["choices"][0]["message"]
        return told

    script = [{"tool_calls": [{"name": "stock", "arguments": {"sku": "A"}}]}, {"content": "Seven."}]
    control.post("/control/llm/script", script)
    call = message()["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])) == ("stock", {"sku": "A"})
    assert message()["content"] == "Seven."
    assert message()["content"] == "How many are left?"
    schema = {
        "type": "object",
        "required": ["sku", "unit"],
        "properties": {"sku": {"type": "string"}, "unit": {"type": "string", "enum": ["each", "case"]}},
    }
    tool = {"type": "function", "function": {"name": "stock", "parameters": schema}}
    forced = {"type": "function", "function": {"name": "stock"}}
    call = message(tools=[tool], tool_choice=forced)["tool_calls"][0]["function"]
    assert json.loads(call["arguments"]) == {"sku": "", "unit": "each"}
    control.fault("llm", "chat.completions", status=529)
    assert ask().status_code == 529
    assert requests.post(f"{doubles.url}/llm/v1/chat/completions", json={}, timeout=5).status_code == 400
