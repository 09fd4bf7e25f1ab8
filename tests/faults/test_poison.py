"""Poison, with the real pumps and the emulator's own redrive: five tries, then the dead-letter queue; neighbours go on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from infra.local.options import ROOT
from tests.faults import books, settle
from tests.faults.queues_of import Queues, envelope
from tests.faults.rig import Rig, wait_until

PATIENCE_S = 60.0
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


def command(rig: Rig, name: str, ids: str = "") -> str:
    """What `make dead`, `make replay` and `make drop` print."""
    chosen = {"PORT": str(rig.options.port), "DATA_DIR": str(rig.data_dir), "IDS": ids}
    done = subprocess.run(
        [sys.executable, "-m", "infra.local", name],
        cwd=ROOT,
        env={**os.environ, **chosen},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_messages_that_nobody_can_read_end_in_the_dead_letter_queue(rig: Rig, queues: Queues) -> None:
    queues.send("work", *UNREADABLE, *STRANGE)
    queues.send("telemetry", *TELEMETRY)
    with rig.day() as day:  # everything else goes on meanwhile, robots included
        settle.see_through(rig, day)
    settle.work_off(rig)
    wait_until("poison is dead", lambda: queues.sizes("work") + queues.sizes("telemetry") == 0, patience_s=PATIENCE_S)
    assert sorted(queues.dead("work")) == sorted([*UNREADABLE, *STRANGE])
    assert sorted(queues.dead("telemetry")) == sorted(TELEMETRY)
    books.check(rig)
    shown = command(rig, "dead")
    lines = [line.split() for line in shown.splitlines() if line.startswith("  ") and " old" in line]
    assert sorted(line[1] for line in lines) == ["telemetry"] * 4 + ["work"] * 7
    ids = [line[0] for line in lines if line[1] == "work"]
    assert command(rig, "drop", " ".join(ids)) == "7 poison messages were dropped.\n"
    assert (queues.dead("work"), len(queues.dead("telemetry"))) == ([], 4)


BAD_ROW = """
    INSERT INTO outbox (organization_id, topic, queue, payload, created_at, send_at)
    SELECT o.id, %(topic)s, 'messages', %(payload)s::jsonb, %(now)s, %(now)s FROM organization o ORDER BY id LIMIT 1
    RETURNING id
"""


def put_row(rig: Rig, topic: str, payload: str) -> int:
    """An outbox row that no context of ours would write."""
    return int(rig.rows(BAD_ROW, {"topic": topic, "payload": payload, "now": rig.now()})[0]["id"])


def is_dead(rig: Rig, outbox_id: int) -> bool:
    rows = rig.rows("SELECT dead_at FROM outbox WHERE id = %(id)s", {"id": outbox_id})
    return bool(rows and rows[0]["dead_at"])


def let_time_pass_until_dead(rig: Rig, *ids: int) -> None:
    hourglass = settle.Hourglass(rig)

    def look() -> bool:
        hourglass.look()
        return all(is_dead(rig, outbox_id) for outbox_id in ids)

    wait_until("all of them are dead", look, patience_s=120, pause_s=0.1)


def test_rows_that_cannot_be_worked_on_die_are_listed_and_replayed(rig: Rig, queues: Queues) -> None:
    """Nobody consumes it, its model does not know it, its consumer always raises. Mended, the third succeeds."""
    bad = [
        put_row(rig, "nobody.listens", "{}"),
        put_row(rig, "messaging.sms", '{"nonsense": 1}'),
        put_row(rig, "orders.placed", '{"order_id": 2000000000}'),
    ]
    let_time_pass_until_dead(rig, *bad)
    shown = {line.split()[0]: line for line in command(rig, "dead").splitlines() if line.startswith("  ")}
    assert {str(outbox_id) for outbox_id in bad} <= set(shown)
    assert "UnknownTopic: Nobody consumes this topic" in shown[str(bad[0])]
    assert "5 attempts, 0 of them postponed" in shown[str(bad[1])]
    noted = [json.loads(body)["outbox_id"] for body in queues.dead("messages")]
    assert sorted(noted) == sorted(bad)
    order = rig.rows("SELECT id FROM sales_order WHERE delivery_email IS NULL ORDER BY id LIMIT 1")
    mended = json.dumps({"order_id": order[0]["id"]})
    rig.rows(
        "UPDATE outbox SET payload = %(payload)s::jsonb WHERE id = %(id)s RETURNING id",
        {"payload": mended, "id": bad[2]},
    )
    assert command(rig, "replay", str(bad[2])) == "1 dead letters are tried again.\n"
    wait_until(
        "the mended one is done",
        lambda: rig.rows("SELECT 1 FROM outbox WHERE id = %(id)s AND closed_at IS NOT NULL", {"id": bad[2]}),
        patience_s=PATIENCE_S,
    )
    assert sorted(json.loads(body)["outbox_id"] for body in queues.dead("messages")) == sorted(bad[:2])
    with suppress(Exception):
        rig.rows("DELETE FROM outbox WHERE id = ANY(%(ids)s) RETURNING id", {"ids": bad[:2]})
    settle.work_off(rig)
    books.check(rig)
