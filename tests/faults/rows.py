"""Work that no context of ours would write, put straight into a stage's outbox; and what an operator does about it."""

import json
import os
import subprocess
import sys

from infra.local.options import ROOT
from tests.faults import settle
from tests.faults.rig import Rig, wait_until

PATIENCE_S = 120.0
ROW = """
    INSERT INTO outbox (organization_id, topic, queue, payload, created_at, send_at)
    SELECT id, %(topic)s, 'messages', %(payload)s::jsonb, %(now)s, %(now)s FROM organization ORDER BY id LIMIT 1
    RETURNING id
"""
MESSAGE = """
    INSERT INTO message (organization_id, channel, kind, recipient, subject, body_text, created_at, updated_at)
    SELECT id, %(channel)s, 'test', %(recipient)s, %(subject)s, 'Hello', %(now)s, %(now)s
      FROM organization ORDER BY id LIMIT 1
    RETURNING id
"""
MEND = "UPDATE outbox SET payload = %(payload)s::jsonb WHERE id = %(id)s RETURNING id"


def put_row(rig: Rig, topic: str, payload: str) -> int:
    """An outbox row; its id."""
    return int(rig.rows(ROW, {"topic": topic, "payload": payload, "now": rig.now()})[0]["id"])


def put_message(rig: Rig, channel: str, recipient: str) -> int:
    """A message that waits to be sent, without anything that would send it; its id."""
    subject = "Hello" if channel == "mail" else None
    given = {"channel": channel, "recipient": recipient, "subject": subject, "now": rig.now()}
    return int(rig.rows(MESSAGE, given)[0]["id"])


def put_sending(rig: Rig, channel: str, recipient: str) -> int:
    """A message with the outbox row that sends it; the row's id."""
    return put_row(rig, f"messaging.{channel}", json.dumps({"message_id": put_message(rig, channel, recipient)}))


def mend(rig: Rig, outbox_id: int, payload: str) -> None:
    """Gives a row another payload."""
    rig.rows(MEND, {"id": outbox_id, "payload": payload})


def let_die(rig: Rig, *ids: int) -> None:
    """Lets time pass until rows are dead."""
    hourglass = settle.Hourglass(rig)

    def are_dead() -> bool:
        hourglass.look()
        rows = rig.rows("SELECT id FROM outbox WHERE id = ANY(%(ids)s) AND dead_at IS NOT NULL", {"ids": list(ids)})
        return len(rows) == len(ids)

    wait_until("all of them are dead", are_dead, patience_s=PATIENCE_S, pause_s=0.1)


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
