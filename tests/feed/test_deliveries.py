"""Deliveries: signed as the standard says, tried for a day, dead in the end, replayed; nobody is held up by anybody."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from chalicelib import routes
from chalicelib.feed import rules
from chalicelib.feed.events import DeliveryDue
from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import dead_letters, jobs
from tests.factories.feed import Endpoint, Noted, Renoted, make_endpoint, number, reader, tell
from tests.factories.identity import make_staff
from tests.providers import Providers
from tests.tenant import Clock, Tenant
from tests.threads import together

DAY_S = 86_400.0
HOUR_S = 3600.0


@pytest.fixture
def endpoint(tenant: Tenant, providers: Providers) -> Endpoint:
    """An endpoint for everything."""
    return make_endpoint(tenant, providers)


def outbox_of(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Its outbox rows."""
    return endpoint.tenant.rows("SELECT * FROM outbox WHERE topic = 'feed.delivery' ORDER BY id")


def until_due_s(endpoint: Endpoint) -> float:
    """Seconds until the only delivery is tried again."""
    (row,) = outbox_of(endpoint)
    return float((row["send_at"] - business_clock.now()).total_seconds())


def try_until_dead(endpoint: Endpoint, clock: Clock) -> list[float]:
    """Lets every try of the only delivery fail; the pauses between them."""
    pauses = []
    for _ in range(rules.PATIENCE.attempts_max - 1):
        endpoint.tenant.work_off()
        pauses.append(until_due_s(endpoint))
        clock.advance(seconds=pauses[-1] + 1)
    endpoint.tenant.work_off()
    return pauses


# Taken.


def test_a_delivery_is_signed_as_the_standard_wants_it(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, Noted(note_id=7, number=3))
    tenant.work_off()
    (received,) = endpoint.received()
    assert (received["status"], received["verified_by"]) == (200, [0])
    assert received["headers"]["webhook-id"] == f"evt_{tenant.id}_1"
    assert abs(int(received["headers"]["webhook-timestamp"]) - business_clock.machine_s()) < 60
    assert received["headers"]["content-type"] == "application/json"
    assert [received["body"]] == reader(tenant).get("/api/v1/events").json["events"], "the feed says the same"
    delivery = endpoint.delivery()
    assert delivery["delivered_at"] is not None
    assert {k: delivery[k] for k in ("event_id", "state", "attempts", "answer_status", "next_attempt_at", "error")} == {
        "event_id": f"evt_{tenant.id}_1",
        "state": "delivered",
        "attempts": 1,
        "answer_status": 200,
        "next_attempt_at": None,
        "error": None,
    }
    assert tenant.work_off() == 0


def test_an_endpoint_gets_the_types_that_it_wants(tenant: Tenant, providers: Providers) -> None:
    everything, shipped = make_endpoint(tenant, providers), make_endpoint(tenant, providers, "order.shipped")
    tell(tenant, Noted(note_id=1), Renoted(note_id=1))
    tenant.work_off()
    assert (everything.taken(), shipped.taken()) == ([1, 2], [2])


def test_a_test_is_sent_to_the_endpoint_alone(tenant: Tenant, providers: Providers) -> None:
    tested, other = make_endpoint(tenant, providers, "order.shipped"), make_endpoint(tenant, providers)
    assert tested.client.post(f"{tested.path}/test").status == 202
    number()
    tenant.work_off()
    assert [each["body"]["type"] for each in tested.received()] == ["webhook_endpoint.tested"]
    assert other.received() == []


def test_another_organizations_facts_are_not_delivered(
    tenant: Tenant, other_tenant: Tenant, providers: Providers
) -> None:
    ours, theirs = make_endpoint(tenant, providers), make_endpoint(other_tenant, providers)
    tell(other_tenant, Noted(note_id=1))
    tenant.work_off()
    other_tenant.work_off()
    assert (ours.received(), theirs.taken()) == ([], [1])


def test_during_a_rotation_both_secrets_sign_and_then_the_new_one_alone(
    tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    rotated = endpoint.rotate(hours=2)
    assert endpoint.show()["previous_secret_until"] is not None
    endpoint.verify_with(endpoint.secret, rotated.secret)
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    clock.advance(seconds=2 * HOUR_S + 1)
    tell(tenant, Noted(note_id=2))
    tenant.work_off()
    assert [each["verified_by"] for each in endpoint.received()] == [[0, 1], [1]]
    assert len(endpoint.received()[0]["headers"]["webhook-signature"].split(" ")) == 2


def test_no_more_than_two_secrets_are_in_force(tenant: Tenant, endpoint: Endpoint) -> None:
    second = endpoint.rotate(hours=24)
    third = second.rotate(hours=24)
    endpoint.verify_with(endpoint.secret, second.secret, third.secret)
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    last = third.rotate(hours=0)
    endpoint.verify_with(third.secret, last.secret)
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    assert [each["verified_by"] for each in endpoint.received()] == [[1, 2], [1]]


# Not taken.


@pytest.mark.parametrize(
    ("_case", "rule", "status", "error"),
    [
        ("an error", {"status": 500}, 500, None),
        ("not found", {"status": 404}, 404, None),
        ("an answer that is lost", {"drop": "after"}, None, "its answer is lost or no HTTP"),
        ("a connection that is cut", {"drop": "before"}, None, "its answer is lost or no HTTP"),
    ],
)
def test_what_is_not_taken_is_tried_again_under_the_same_id(
    _case: str,
    rule: dict[str, Any],
    status: int | None,
    error: str | None,
    tenant: Tenant,
    endpoint: Endpoint,
    clock: Clock,
) -> None:
    endpoint.fail(**rule)
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    failed = endpoint.delivery()
    assert (failed["state"], failed["attempts"]) == ("waiting", 1)
    assert (failed["answer_status"], failed["error"]) == (status, error)
    assert endpoint.show()["failing_since"] is not None
    clock.advance(seconds=6)
    tenant.work_off()
    assert (endpoint.delivery()["state"], endpoint.delivery()["attempts"]) == ("delivered", 2)
    assert {each["headers"]["webhook-id"] for each in endpoint.received()} == {f"evt_{tenant.id}_1"}
    assert endpoint.show()["failing_since"] is None


def test_a_slow_receiver_has_failed(tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.feed.jobs.TIMEOUT_S", 0.3)
    endpoint.fail(delay_s=1)
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    assert (endpoint.delivery()["state"], endpoint.delivery()["error"]) == ("waiting", "it took too long")


def test_a_signature_that_does_not_fit_is_the_receivers_to_refuse(tenant: Tenant, endpoint: Endpoint) -> None:
    endpoint.verify_with("whsec_" + "A" * 43 + "=")
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    assert (endpoint.delivery()["answer_status"], endpoint.received()[0]["verified_by"]) == (401, [])


def test_an_address_that_leads_inside_by_now_is_not_asked(tenant: Tenant, endpoint: Endpoint) -> None:
    tenant.rows("UPDATE webhook_endpoint SET url = 'https://127.0.0.1/' RETURNING id")
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    assert (endpoint.received(), endpoint.delivery()["error"]) == ([], "its address is no public one")


def test_what_a_receiver_says_is_kept_in_part(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    assert endpoint.delivery()["answer_excerpt"] == '{"received": true}'
    assert rules.excerpt(b"a\x00\r\nb\xff" + b"x" * 900) == "a   b\ufffd" + "x" * 494


def test_a_day_of_tries_then_the_delivery_is_dead_and_calls_no_operator(
    tenant: Tenant, endpoint: Endpoint, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.fail(503, times=None)
    tell(tenant, Noted(note_id=1))
    pauses = try_until_dead(endpoint, clock)
    for pause, meant in zip(pauses, rules.PATIENCE.pauses_s, strict=True):
        assert 0.9 * meant - 1 <= pause <= 1.1 * meant
    assert 0.9 * DAY_S < sum(pauses) < 1.3 * DAY_S
    delivery = endpoint.delivery()
    assert (delivery["state"], delivery["attempts"], delivery["next_attempt_at"]) == ("dead", 8, None)
    metrics = capsys.readouterr().out
    assert ('"GivenUp": 1' in metrics, '"DeadLetter": 1' in metrics) == (True, False)
    (letter,) = [row for row in dead_letters.list_dead() if row.organization_id == tenant.id]
    assert (letter.topic, letter.queue, letter.last_error) == (DeliveryDue.topic, "deliveries", "answered 503")
    books = make_staff(tenant, wms_role="ADMIN").client().get("/api/books").json
    assert (books["outbox"]["given_up"], books["outbox"]["dead"], books["is_whole"]) == (1, 0, True)


@pytest.mark.parametrize(("asked", "least_s", "most_s"), [("120", 119, 121), ("99999", 3599, 3601), ("1", 4, 6)])
def test_a_receiver_may_ask_for_more_time(
    asked: str, least_s: float, most_s: float, tenant: Tenant, endpoint: Endpoint
) -> None:
    endpoint.fail(429, retry_after_s=int(asked))
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    assert least_s <= until_due_s(endpoint) <= most_s


def test_410_disables_the_endpoint(tenant: Tenant, endpoint: Endpoint, providers: Providers) -> None:
    watcher = make_endpoint(tenant, providers, "webhook_endpoint.disabled")
    endpoint.fail(410)
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    shown = endpoint.show()
    assert (shown["is_enabled"], shown["disabled_because"]) == (False, "gone")
    assert (endpoint.delivery()["state"], endpoint.delivery()["skipped_because"]) == ("skipped", "gone")
    tell(tenant, Noted(note_id=2))
    tenant.work_off()
    assert len(endpoint.received()) == 1
    assert [each["body"]["data"] for each in watcher.received()] == [
        {"webhook_endpoint_id": endpoint.id, "reason": "gone"}
    ]


def test_an_endpoint_that_does_nothing_but_fail_is_disabled_after_days(
    tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    endpoint.fail(500, times=None)
    for day in range(6):
        tell(tenant, Noted(note_id=day + 1))
        tenant.work_off()
        clock.advance(seconds=DAY_S)
    tenant.work_off()
    shown = endpoint.show()
    assert (shown["is_enabled"], shown["disabled_because"]) == (False, "failing")
    assert {d["state"] for d in endpoint.deliveries()} <= {"waiting", "skipped", "dead"}
    clock.advance(seconds=DAY_S)
    asked = len(endpoint.received())
    tenant.work_off()
    assert len(endpoint.received()) == asked, "nothing more is sent"


@pytest.mark.parametrize("ending", ["disabled", "deleted"])
def test_what_waits_for_an_endpoint_that_wants_nothing_any_more_is_skipped(
    ending: str, tenant: Tenant, endpoint: Endpoint
) -> None:
    tell(tenant, Noted(note_id=1))
    if ending == "disabled":
        endpoint.client.patch(endpoint.path, {"is_enabled": False})
    else:
        endpoint.client.delete(endpoint.path)
    tenant.work_off()
    assert endpoint.received() == []
    assert tenant.rows("SELECT skipped_because FROM endpoint_delivery") == [{"skipped_because": ending}]
    assert outbox_of(endpoint)[0]["closed_at"] is not None


# Replayed.


def test_the_dead_are_replayed_by_the_integrator(tenant: Tenant, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.fail(500, times=rules.PATIENCE.attempts_max)
    tell(tenant, Noted(note_id=1))
    try_until_dead(endpoint, clock)
    assert [d["state"] for d in endpoint.deliveries("?state=dead")] == ["dead"]
    reply = endpoint.replay()
    assert (reply.status, reply.json) == (200, {"replayed": 1, "next": None})
    assert reply.statements <= 10
    tenant.work_off()
    assert (endpoint.delivery()["state"], endpoint.taken()) == ("delivered", [1])
    assert endpoint.replay().json["replayed"] == 0


def test_the_dead_are_replayed_by_the_operator(tenant: Tenant, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.fail(500, times=rules.PATIENCE.attempts_max)
    tell(tenant, Noted(note_id=1))
    try_until_dead(endpoint, clock)
    (row,) = outbox_of(endpoint)
    assert dead_letters.replay_dead([row["id"]]) == 1
    assert endpoint.delivery()["state"] == "waiting"
    clock.advance(seconds=rules.PAUSE.total_seconds() + 1)
    tenant.work_off()
    assert endpoint.taken() == [1]


def test_everything_since_a_time_is_delivered_again_and_what_was_missed_for_the_first_time(
    tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    tell(tenant, Noted(note_id=1))
    tenant.work_off()
    clock.advance(seconds=60)
    since = business_clock.now()
    tell(tenant, Noted(note_id=2))
    tenant.work_off()
    endpoint.client.patch(endpoint.path, {"is_enabled": False})
    tell(tenant, Noted(note_id=3))
    endpoint.client.patch(endpoint.path, {"is_enabled": True})
    assert endpoint.replay(since=since.isoformat()).json == {"replayed": 2, "next": None}
    tenant.work_off()
    assert endpoint.taken() == [1, 2, 2, 3]
    assert [each["headers"]["webhook-id"] for each in endpoint.received()][1:] == [
        f"evt_{tenant.id}_{n}" for n in (2, 2, 3)
    ]
    assert [d["state"] for d in endpoint.deliveries()] == ["delivered"] * 3


def test_a_long_replay_goes_on_after_its_cursor(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.feed.service.REPLAY_MAX", 2)
    monkeypatch.setattr(rules, "SCAN_MAX", 4)
    tell(tenant, *(Noted(note_id=n) for n in range(1, 6)))
    tenant.work_off()
    replies, after = [], "0"
    while after is not None:
        replies.append(endpoint.replay(after=after).json)
        after = replies[-1]["next"]
    assert [(r["replayed"], r["next"]) for r in replies] == [(2, "2"), (2, "4"), (1, None)]
    tenant.work_off()
    assert sorted(endpoint.taken()) == sorted([1, 2, 3, 4, 5] * 2)


def test_replays_at_once_and_the_work_beside_them_lose_nothing(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, *(Noted(note_id=n) for n in range(1, 6)))
    together(8, lambda n: endpoint.replay(after="0").status if n % 2 else tenant.work_off())
    tenant.work_off()
    assert set(endpoint.taken()) == {1, 2, 3, 4, 5}
    assert {d["state"] for d in endpoint.deliveries()} <= {"delivered", "waiting"}
    assert len(endpoint.deliveries()) == 5


def test_deliveries_are_listed_page_by_page(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, *(Noted(note_id=n) for n in range(1, 6)))
    seen: list[str] = []
    query = "?limit=2"
    while True:
        reply = endpoint.client.get(f"{endpoint.path}/deliveries{query}")
        assert (reply.status, reply.statements) == (200, 4)
        seen += [d["cursor"] for d in reply.json["deliveries"]]
        if reply.json["next"] is None:
            break
        query = f"?limit=2&before={reply.json['next']}"
    assert seen == ["5", "4", "3", "2", "1"]
    assert endpoint.deliveries("?state=delivered") == []


# Together.


def test_a_receiver_that_keeps_failing_is_asked_by_one_delivery_a_minute(
    tenant: Tenant, providers: Providers, endpoint: Endpoint, clock: Clock
) -> None:
    well = make_endpoint(tenant, providers)
    endpoint.fail(500, times=None)
    tell(tenant, *(Noted(note_id=n) for n in range(1, 21)))
    tenant.work_off()
    assert (len(endpoint.received()), len(well.taken())) == (rules.PAUSES_AFTER, 20)
    postponed = [row for row in outbox_of(endpoint) if row["closed_at"] is None and row["postponed"]]
    assert {row["attempts"] - row["postponed"] for row in postponed} == {0}, "waiting uses up no try"
    clock.advance(seconds=rules.PAUSE.total_seconds() + 1)
    tenant.work_off()
    assert len(endpoint.received()) == rules.PAUSES_AFTER + 1
    providers.recover()
    for _ in range(4):
        clock.advance(seconds=600)
        tenant.work_off()
    assert sorted(endpoint.taken()) == list(range(1, 21))


def test_a_slow_receiver_occupies_few_workers(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, *(Noted(note_id=n) for n in range(1, 9)))
    endpoint.fail(delay_s=1.0, times=None, status=None)
    rows = outbox_of(endpoint)
    together(8, lambda n: jobs.run(tenant.id, rows[n]["id"], DeliveryDue.topic, routes.CONSUMERS))
    assert len(endpoint.received()) == rules.AT_ONCE
    assert sum(row["postponed"] for row in outbox_of(endpoint)) == 8 - rules.AT_ONCE


def test_many_workers_deliver_an_event_once(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, Noted(note_id=1))
    (row,) = outbox_of(endpoint)
    together(8, lambda _: jobs.run(tenant.id, row["id"], DeliveryDue.topic, routes.CONSUMERS))
    assert endpoint.taken() == [1]


KILLED_WORKER = """
import os, signal, sys
from chalicelib import routes
from chalicelib.feed import jobs as feed_jobs
from chalicelib.kernel import jobs

def die(attempt, uow, answer):
    print(answer.status, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

feed_jobs._record = die
jobs.run(int(sys.argv[1]), int(sys.argv[2]), "feed.delivery", routes.CONSUMERS)
"""


def test_a_worker_killed_after_the_receiver_has_answered_is_followed_by_one_that_tells_it_again(
    tenant: Tenant, endpoint: Endpoint, clock: Clock
) -> None:
    tell(tenant, Noted(note_id=1))
    (row,) = outbox_of(endpoint)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WORKER, str(tenant.id), str(row["id"])],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (killed.stdout, killed.returncode) == ("200\n", -signal.SIGKILL), killed.stderr
    assert endpoint.delivery()["state"] == "waiting"
    clock.advance(seconds=jobs.LEASE_MAX.total_seconds() + 1)
    tenant.work_off()
    assert (endpoint.delivery()["state"], endpoint.delivery()["attempts"]) == ("delivered", 2)
    ids = [each["headers"]["webhook-id"] for each in endpoint.received()]
    assert ids == [f"evt_{tenant.id}_1"] * 2
    bodies = {json.dumps(each["body"]) for each in endpoint.received()}
    assert len(bodies) == 1


def test_an_event_that_is_no_longer_kept_is_not_delivered(tenant: Tenant, endpoint: Endpoint) -> None:
    tell(tenant, Noted(note_id=1))
    tenant.rows("DELETE FROM feed_event RETURNING position")
    tenant.work_off()
    assert (endpoint.received(), [row["closed_at"] is not None for row in outbox_of(endpoint)]) == ([], [True])
