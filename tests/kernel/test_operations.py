"""The operator's commands: what is asked wrongly is said in a sentence and changes nothing."""

import json
from typing import Any

import pytest

from chalicelib.kernel.operations import COMMANDS, operate
from tests.tenant import Tenant


@pytest.mark.parametrize(
    ("_case", "event", "sentence"),
    [
        ("no command", {}, "command is one of"),
        ("an unknown one", {"command": "drop_everything"}, "command is one of"),
        ("an argument of the wrong type", {"command": "replay_dead", "ids": "1"}, "ids: Input should be a valid list"),
        ("an argument it does not know", {"command": "list_dead", "x": 1}, "x: Unexpected keyword argument"),
        ("an argument left out", {"command": "replay_dead"}, "ids: Missing required argument"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(_case: str, event: dict[str, Any], sentence: str) -> None:
    assert sentence in operate(event)["error"]


def test_dead_letters_are_listed_and_replayed(tenant: Tenant) -> None:
    dead = tenant.as_owner(
        "INSERT INTO outbox (organization_id, topic, queue, payload, created_at, send_at, attempts, dead_at)"
        " VALUES (%(id)s, 'messaging.mail', 'messages', '{}', now(), now(), 5, now()) RETURNING id",
        id=tenant.id,
    )[0]["id"]
    answer = json.loads(json.dumps(operate({"command": "list_dead"})))
    listed = [row for row in answer["result"] if row["id"] == dead]
    assert [(row["topic"], row["attempts"]) for row in listed] == [("messaging.mail", 5)]
    assert operate({"command": "replay_dead", "ids": [dead]}) == {"result": 1}
    assert tenant.value("SELECT dead_at IS NULL FROM outbox WHERE id = %(id)s", id=dead) is True


def test_every_command_is_there() -> None:
    answers = {name: operate({"command": name, "": None}) for name in COMMANDS}
    assert {name for name, answer in answers.items() if "Unexpected keyword argument" not in str(answer)} == set()
