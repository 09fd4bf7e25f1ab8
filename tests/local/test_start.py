"""What is decided before anything runs: choices, ports, secrets, the data directory."""

import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import keys, options, place, ports
from infra.local.errors import StageError
from infra.local.gate import Gate


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_choices_have_defaults() -> None:
    chosen = options.from_environment({})
    assert (chosen.port, chosen.is_demo, chosen.limits, chosen.admin_username) == (8080, True, "on", "admin")
    assert (chosen.data_dir, chosen.database_url) == (options.ROOT / ".data", None)
    assert not chosen.is_password_given
    assert len(chosen.admin_password) >= 16
    assert chosen.admin_password != options.from_environment({}).admin_password


def test_choices_are_taken() -> None:
    given = {"PORT": "9001", "DATA_DIR": "/x", "DEMO": "0", "LIMITS": "off", "ADMIN_PASSWORD": "p"}
    chosen = options.from_environment(given)
    assert (chosen.port, chosen.data_dir, chosen.is_demo, chosen.limits) == (9001, Path("/x"), False, "off")
    assert (chosen.admin_password, chosen.is_password_given) == ("p", True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"PORT": "http"}, "PORT is a number from 1 to 65535, not 'http'."),
        ({"PORT": "0"}, "PORT is a number from 1 to 65535, not '0'."),
        ({"PORT": "65536"}, "PORT is a number from 1 to 65535, not '65536'."),
        ({"DEMO": "no"}, "DEMO is 1 or 0, not 'no'."),
        ({"LIMITS": "0"}, "LIMITS is on or off, not '0'."),
    ],
)
def test_a_choice_that_cannot_be_meant_is_a_sentence(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(StageError) as refused:
        options.from_environment(given)
    assert str(refused.value) == sentence


def test_ports_are_distinct_and_remembered(tmp_path: Path) -> None:
    first = ports.choose(tmp_path)
    assert (set(first), len(set(first.values()))) == (set(ports.NAMES), len(ports.NAMES))
    assert ports.choose(tmp_path) == first == ports.load(tmp_path)


def test_a_port_that_a_stranger_took_is_chosen_anew(tmp_path: Path) -> None:
    first = ports.choose(tmp_path)
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", first["aws"]))
        stranger.listen()
        second = ports.choose(tmp_path)
    assert {name for name in ports.NAMES if first[name] != second[name]} == {"aws"}
    assert ports.load(tmp_path) == second


@pytest.mark.parametrize("text", ["", "[]", "{", '{"aws": "x"}'])
def test_a_broken_port_file_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    with pytest.raises(StageError):
        ports.load(tmp_path)
    assert ports.choose(tmp_path) == ports.load(tmp_path)


def test_a_busy_port_is_a_sentence(busy: int) -> None:
    with pytest.raises(StageError, match=f"^Port {busy} is in use by another program: choose another one, PORT="):
        ports.check_free(busy)


def test_secrets_are_private_and_stay(tmp_path: Path) -> None:
    made = keys.load_or_make(tmp_path)
    assert keys.load_or_make(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len(set(made.values())) == len(keys.NAMES)
    assert (len(made["QM_TWILIO_ACCOUNT_SID"]), made["QM_STRIPE_API_KEY"][:8]) == (34, "sk_test_")


def test_a_secret_that_is_new_to_an_old_directory_is_added(tmp_path: Path) -> None:
    made = keys.load_or_make(tmp_path)
    older = {name: value for name, value in made.items() if name != "QM_HASH_KEY"}
    keys.write_private(tmp_path / "secrets.json", str(older).replace("'", '"'))
    again = keys.load_or_make(tmp_path)
    assert {name for name in made if made[name] != again[name]} == {"QM_HASH_KEY"}


def test_a_directory_belongs_to_one_platform_at_a_time(tmp_path: Path) -> None:
    assert place.running_pid(tmp_path) is None
    with place.taken(tmp_path):
        assert place.running_pid(tmp_path) == os.getpid()
        with pytest.raises(StageError, match=rf"already runs on .* \(process {os.getpid()}\)"), place.taken(tmp_path):
            pass
    assert place.running_pid(tmp_path) is None


def test_only_a_platform_that_is_up_can_be_reset(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"^No platform runs"):
        place.check_ready(tmp_path)
    with place.taken(tmp_path):
        with pytest.raises(StageError, match="still starting"):
            place.check_ready(tmp_path)
        place.say_ready(tmp_path)
        place.check_ready(tmp_path)
    with pytest.raises(StageError, match=r"^No platform runs"):
        place.check_ready(tmp_path)


def test_a_directory_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError, match=r"^DATA_DIR .*file/data cannot be used \(not a directory\)"):
        place.prepare(tmp_path / "file" / "data")


def test_work_learns_of_a_reset(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with gate.work() as never:
        assert never == 0
    before_ms = int(time.time() * 1000)
    with gate.reset():
        pass
    with gate.work() as reset_at_ms:
        assert before_ms <= reset_at_ms <= time.time() * 1000


def test_a_reset_that_fails_is_none(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with pytest.raises(StageError), gate.reset():
        raise StageError
    with gate.work() as never:
        assert never == 0


def test_a_reset_waits_for_work_but_not_for_ever(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with gate.work(), gate.reset(patience_s=0.05):
        pass
    with gate.work() as reset_at_ms:
        assert reset_at_ms > 0
