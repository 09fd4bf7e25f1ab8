"""Poison, with the real pumps and the emulator's own redrive: five tries, then the dead-letter queue; neighbours go on."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from chalicelib.kernel.faults import Fault
from tests.faults import books, settle
from tests.faults.queues_of import Queues, envelope
from tests.faults.rig import Rig, wait_until
from tests.faults.rows import command, let_die, mend, put_row, put_sending

PATIENCE_S = 120.0
UNREADABLE = ["?", "[]", "{}", '{"organization_id": "x", "outbox_id": 1, "topic": "messaging.sms"}']
STRANGE = [
    envelope(2_000_000_000, 1, "messaging.sms"),
    envelope(1, 2**62, "messaging.sms"),
    envelope(1, 1, "nobody.listens"),
]
TELEMETRY = [
    "?",
    "[]",
    json.dumps({"topic": "qm/other", "payload": {}}),
    json.dumps({"topic": "qm/bots/bot-1/state", "payload": {"headerId": "x"}}),
]


@pytest.fixture
def queues(rig: Rig) -> Iterator[Queues]:
    settle.work_off(rig)
    found = Queues(rig)
    with found.hasty("work", "telemetry", "messages"):
        yield found
    found.empty_dead("work", "telemetry", "messages")


def test_messages_that_nobody_can_read_end_in_the_dead_letter_queue(rig: Rig, queues: Queues) -> None:
    queues.send("work", *UNREADABLE, *STRANGE)
    queues.send("telemetry", *TELEMETRY)
    with rig.day() as day:  # everything else goes on meanwhile, robots included
        settle.see_through(rig, day)
    settle.work_off(rig)
    queues.wait_for_dead("work", *UNREADABLE, *STRANGE)
    queues.wait_for_dead("telemetry", *TELEMETRY)
    books.check(rig)
    shown = command(rig, "dead")
    lines = [line.split() for line in shown.splitlines() if line.startswith("  ") and " old" in line]
    assert sorted(line[1] for line in lines) == ["telemetry"] * 4 + ["work"] * 7
    ids = [line[0] for line in lines if line[1] == "work"]
    assert command(rig, "drop", " ".join(ids)) == "7 poison messages were dropped.\n"
    assert (queues.dead("work"), len(queues.dead("telemetry"))) == ([], 4)


def noted(queues: Queues) -> list[int]:
    return sorted(json.loads(body)["outbox_id"] for body in queues.dead("messages"))


def test_rows_that_cannot_be_worked_on_die_are_listed_and_replayed(rig: Rig, queues: Queues) -> None:
    """Nobody consumes it, its model does not know it, its consumer always raises. Mended, the third succeeds."""
    bad = [
        put_row(rig, "nobody.listens", "{}"),
        put_row(rig, "messaging.sms", '{"nonsense": 1}'),
        put_row(rig, "orders.placed", '{"order_id": 2000000000}'),
    ]
    let_die(rig, *bad)
    shown = {line.split()[0]: line for line in command(rig, "dead").splitlines() if line.startswith("  ")}
    assert {str(outbox_id) for outbox_id in bad} <= set(shown)
    assert "UnknownTopic: Nobody consumes this topic" in shown[str(bad[0])]
    assert "5 attempts, 0 of them postponed" in shown[str(bad[1])]
    wait_until("their notes", lambda: noted(queues) == sorted(bad), patience_s=PATIENCE_S)
    nobody = rig.rows("SELECT id FROM sales_order WHERE delivery_email IS NULL ORDER BY id LIMIT 1")[0]["id"]
    mend(rig, bad[2], json.dumps({"order_id": nobody}))
    assert command(rig, "replay", str(bad[2])) == "1 dead letters are tried again.\n"
    settle.work_off(rig)
    assert rig.rows("SELECT attempts FROM outbox WHERE id = %(id)s AND closed_at IS NOT NULL", {"id": bad[2]})
    assert noted(queues) == sorted(bad[:2])
    rig.rows("DELETE FROM outbox WHERE id = ANY(%(ids)s) RETURNING id", {"ids": bad[:2]})
    books.check(rig)


def test_work_that_kills_its_worker_dies_and_its_neighbours_live(rig: Rig, queues: Queues) -> None:
    """Whoever takes it up dies, as by a crash in native code; after each death the mails behind it in the queue leave."""
    number = "+13125550999"
    deaths = [rig.order(Fault(point="job.before_do", process="pumps", detail="messaging.sms")) for _ in range(5)]
    killer = put_sending(rig, "sms", number)
    hourglass = settle.Hourglass(rig)
    for count in range(1, 6):
        wait_until("a death", partial(has_died, hourglass, deaths, count), patience_s=PATIENCE_S)
        neighbour = put_sending(rig, "mail", f"neighbour{count}@example.com")
        wait_until("its neighbour", partial(is_closed, rig, neighbour), patience_s=PATIENCE_S)
    let_die(rig, killer)
    row = rig.rows("SELECT attempts, last_error FROM outbox WHERE id = %(id)s", {"id": killer})[0]
    assert row == {"attempts": 6, "last_error": "WorkersLost: The work was taken up too often"}
    assert [item for item in rig.doubles("sms") if item["to"] == number] == []
    assert command(rig, "replay") == "1 dead letters are tried again.\n"
    settle.work_off(rig)
    assert len([item for item in rig.doubles("sms") if item["to"] == number]) == 1
    books.check(rig)


def has_died(hourglass: settle.Hourglass, deaths: list[Path], times: int) -> bool:
    hourglass.look()
    return sum(death.exists() for death in deaths) == times


def is_closed(rig: Rig, outbox_id: int) -> bool:
    query = "SELECT 1 FROM outbox WHERE id = %(id)s AND closed_at IS NOT NULL AND attempts = 1"
    return bool(rig.rows(query, {"id": outbox_id}))
