"""After a fault: time passes quickly until everything that was begun has come to its end."""

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from infra.local.demo.company import PASSWORD
from infra.local.demo.day.cast import PICKER
from infra.local.supervisor import last_words
from tests.faults.rig import Rig, RigFailure, Row

PATIENCE_S = 90.0
DAY_PATIENCE_S = 180.0
STEP_S = 40.0
"""Below the lease of a worker (45 s), so that the lease of one that lives does not run out under its hands."""
STILL_S = 1.0
"""How long something may stay the same before the clock is moved: longer than any piece of work takes here."""
STILL_IN_DAY_S = 2.5
"""The same while a day is played, when much waits only for its turn."""
DAY_MOVES_S = 800.0
"""No more is moved during one day: whoever signed in at its begin must not be signed out (15 minutes at the balcony)."""

WAITING = """
    SELECT 'outbox' AS what, id::text, topic || ' ' || attempts || ' ' || coalesce(last_error, '') AS state
      FROM outbox WHERE closed_at IS NULL AND dead_at IS NULL
     UNION ALL
    SELECT 'key', key, route FROM idempotency_key WHERE status IS NULL AND claimed_until > %(now)s
     UNION ALL
    SELECT 'job', id, status FROM storage_job WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
     UNION ALL
    SELECT 'message', id::text, state::text FROM message WHERE provider_id IS NULL AND state IN ('queued', 'sending')
     UNION ALL
    SELECT 'audit', count(*)::text, 'unsealed' FROM audit_unsealed HAVING count(*) > 0
     UNION ALL
    SELECT 'fact', id::text, type FROM fact
"""


@dataclass
class Hourglass:
    """Moves the business's clock on whenever something that waits for its time has not changed for a while."""

    rig: Rig
    still_s: float = STILL_S
    most_s: float = float("inf")
    moved_s: float = 0.0
    _since: dict[tuple[str, ...], float] = field(default_factory=dict)
    _moved_at: float = field(default_factory=time.monotonic)

    def look(self) -> list[Row]:
        """What waits. Moves the clock when some of it has been the same for `still_s`, and so long since the last move.

        Not while the providers are away: seconds would become an outage in which all tries are used up.
        """
        waiting, now = self.rig.rows(WAITING, {"now": self.rig.now()}), time.monotonic()
        timed = [tuple(row.values()) for row in waiting if row["what"] in ("outbox", "key")]
        self._since = {row: self._since.get(row, now) for row in timed}
        is_still = now - max(min(self._since.values(), default=now), self._moved_at) > self.still_s
        if is_still and self.moved_s + STEP_S <= self.most_s and self.rig.is_up("doubles"):
            self.rig.advance(STEP_S)
            self.moved_s += STEP_S
            self._moved_at = now
        return waiting


def of_a_day(rig: Rig) -> Hourglass:
    """An hourglass for the time while people work."""
    return Hourglass(rig, STILL_IN_DAY_S, DAY_MOVES_S)


def see_through(rig: Rig, day: "subprocess.Popen[bytes]", *, patience_s: float = DAY_PATIENCE_S) -> None:
    """Waits until a day was played to its end, while time passes quickly. Raises RigFailure when it ended early."""
    hourglass, deadline = of_a_day(rig), time.monotonic() + patience_s
    while day.poll() is None:
        if time.monotonic() > deadline:
            raise RigFailure(f"the day does not end: {last_words(rig.day_log)}")
        with suppress(psycopg.OperationalError):
            hourglass.look()
        time.sleep(0.1)
    if day.returncode:
        raise RigFailure(f"the day was not played to its end: {last_words(rig.day_log)} (see {rig.day_log})")


def work_off(rig: Rig, *, patience_s: float = PATIENCE_S) -> float:
    """Waits until no effect is on its way any more; how many seconds. Raises RigFailure with what is stuck.

    Carriers that wait at a balcony because their day was cut off are sent home, as a person would.
    """
    started, hourglass = time.monotonic(), Hourglass(rig)
    while True:
        waiting = hourglass.look() + _webhooks(rig)
        if not waiting:
            return time.monotonic() - started
        if time.monotonic() - started > patience_s:
            raise RigFailure(f"{len(waiting)} effects are stuck after {hourglass.moved_s:.0f} s: {waiting[:5]}")
        if any(row["what"] == "job" and row["state"] == "WAITING" for row in waiting):
            send_carriers_home(rig)
        time.sleep(0.1)


def _webhooks(rig: Rig) -> list[Row]:
    states = rig.doubles("delivery_state")
    return [{"what": "webhook", **state} for state in states if state["state"] in ("pending", "held")]


def send_carriers_home(rig: Rig) -> int:
    """Triggers all jobs that wait for somebody at a balcony; how many. A job that has just moved on is left alone."""
    body = {"email": f"{PICKER}@tillerby.example.com", "password": PASSWORD}
    signed_in = rig.sign_in("/api/v2/auth/login", body)
    bearer = {"authorization": f"Bearer {signed_in['access_token']}"}
    _, jobs = rig.ask("GET", "/api/v2/jobs?size=100&status__eq=WAITING", **bearer)
    for job in jobs["items"]:
        status, said = rig.ask("POST", f"/api/v2/trigger/{job['id']}", {"TriggerStatus": "SUCCEEDED_TRIGGER"}, **bearer)
        if status >= 500:
            raise RigFailure(f"a trigger answered {status}: {said}")
    return len(jobs["items"])
