"""A worker dies between giving up on a piece of work and announcing it: the row tells, and can be replayed."""

from uuid import uuid4

from infra.local.demo.company import PASSWORD
from tests.faults import books, points, settle
from tests.faults.rig import Rig, wait_until

DEAD = "SELECT id, topic, attempts FROM outbox WHERE dead_at IS NOT NULL"
REPLAY = "SELECT replay_dead_outbox(array_agg(id), %(now)s) AS replayed FROM outbox WHERE dead_at IS NOT NULL"


def register(rig: Rig) -> str:
    name = uuid4().hex[:12]
    email = f"{name}@newdiner.example.com"
    form = {"username": name, "email": email, "password": PASSWORD, "company_name": "D", "business_type": "restaurant"}
    assert rig.ask("POST", "/api/register", form)[0] == 201
    return email


def test_a_dead_letter_whose_announcement_was_lost(rig: Rig) -> None:
    (fault,) = (fault for fault in points.ALONE if fault.point == "job.dead")
    fired = rig.order(fault)
    rig.sandbox("POST", "doubles/control/faults", {"provider": "mail", "status": 451, "times": 5})
    email = register(rig)
    hourglass = settle.Hourglass(rig)
    wait_until("the worker died", lambda: hourglass.look() and fired.exists(), patience_s=60)
    rig.wait_up("pumps")
    (dead,) = rig.rows(DEAD)
    assert (dead["topic"], dead["attempts"]) == ("messaging.mail", 5)
    assert rig.rows(REPLAY, {"now": rig.now()}) == [{"replayed": 1}]
    settle.work_off(rig)
    books.check(rig)
    mails = rig.sandbox("GET", f"inbox?kind=mail&to={email}")["items"]
    assert len({mail["message_id"] for mail in mails}) == 1
