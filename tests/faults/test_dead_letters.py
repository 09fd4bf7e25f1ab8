"""A worker dies between giving up on a piece of work and announcing it: the row tells, and can be replayed."""

import json

from tests.faults import books, points, settle
from tests.faults.rig import Rig
from tests.faults.rows import command, let_die, mend, put_message, put_row

TO = "unannounced@example.com"


def test_a_dead_letter_whose_announcement_was_lost(rig: Rig) -> None:
    (fault,) = (fault for fault in points.ALONE if fault.point == "job.dead")
    fired = rig.order(fault)
    outbox_id = put_row(rig, "messaging.mail", "{}")
    let_die(rig, outbox_id)
    assert fired.exists()
    rig.wait_up("pumps")
    assert f"  {outbox_id}  messaging.mail" in command(rig, "dead")
    mend(rig, outbox_id, json.dumps({"message_id": put_message(rig, "mail", TO)}))
    assert command(rig, "replay", str(outbox_id)) == "1 dead letters are tried again.\n"
    settle.work_off(rig)
    books.check(rig)
    mails = rig.sandbox("GET", f"inbox?kind=mail&to={TO}")["items"]
    assert len({mail["message_id"] for mail in mails}) == 1
