"""Queues that deliver more than once, late and in another order, when they are told to."""

import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.local.unruly import Unruly


def deliveries(unruly: Unruly, number: int, count: int) -> list[str]:
    """What came of `number` messages, once `count` deliveries have been made."""
    made: list[str] = []
    complete = threading.Event()

    def note(what: str) -> None:
        made.append(what)
        if len(made) == count:
            complete.set()

    for n in range(number):
        unruly.deliver(lambda n=n: note(f"{n}"), lambda n=n: note(f"{n} again"))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert complete.wait(10)
    return made


def test_without_a_file_messages_come_once_and_in_order(tmp_path: Path) -> None:
    assert deliveries(Unruly(tmp_path), 3, 3) == ["0", "1", "2"]


def test_copies_come_late_and_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "queues.json").write_text('{"copies": 2, "late_s": 0.2, "seed": 3}')
    made = deliveries(Unruly(tmp_path), 5, 15)
    assert sorted(made) == sorted([f"{n}{again}" for n in range(5) for again in ("", " again", " again")])
    assert [what for what in made if "again" not in what] != ["0", "1", "2", "3", "4"]


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    unruly = Unruly(tmp_path)
    file = tmp_path / "queues.json"
    file.write_text('{"copies": 1}')
    assert len(deliveries(unruly, 1, 2)) == 2
    file.unlink()
    assert deliveries(unruly, 2, 2) == ["0", "1"]
    file.write_text('{"copies": "many"}')
    with pytest.raises(ValidationError):
        deliveries(unruly, 1, 1)
