"""Faults happen where and when they were ordered, once, and never on a deployed stage."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from chalicelib.kernel import faults
from chalicelib.kernel.faults import Fault, FaultRaised
from chalicelib.kernel.settings import Settings, settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("QM_FAULT_FOLDER", str(tmp_path))
    monkeypatch.setenv("QM_PROCESS", "pumps")
    monkeypatch.setattr(faults, "LOOK_EVERY_S", 0.0)
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def order(folder: Path, **fault: object) -> Path:
    file = folder / f"{len(list(folder.iterdir()))}-{folder.name}.json"
    file.write_text(Fault.model_validate({"point": "relay.sent", "action": "raise", **fault}).model_dump_json())
    return file


def passes(number: int, name: str = "relay.sent", detail: str = "") -> list[bool]:
    """Which of so many passes failed."""
    found = []
    for _ in range(number):
        try:
            faults.point(name, detail)
        except FaultRaised:
            found.append(True)
        else:
            found.append(False)
    return found


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployed_stage_refuses_to_start_with_faults(stage: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="local and test stages only"):
        Settings.model_validate({"stage": stage, "fault_folder": str(tmp_path)})


def test_without_an_order_nothing_happens(folder: Path) -> None:
    assert passes(3) == [False, False, False]
    folder.rmdir()
    assert passes(1) == [False]


def test_a_fault_happens_at_its_pass_and_once(folder: Path) -> None:
    file = order(folder, number=3)
    assert passes(5) == [False, False, True, False, False]
    assert (file.exists(), file.with_suffix(".fired").exists()) == (False, True)


@pytest.mark.parametrize(
    ("_case", "fault", "happens"),
    [
        ("another point", {"point": "relay.marked"}, False),
        ("another process", {"process": "gateway"}, False),
        ("this process", {"process": "pumps"}, True),
        ("another detail", {"detail": "messaging.mail"}, False),
        ("this detail", {"detail": "messaging.sms"}, True),
    ],
)
def test_a_fault_is_for_certain_passes(_case: str, fault: dict[str, str], happens: bool, folder: Path) -> None:
    order(folder, **fault)
    assert passes(1, detail="messaging.sms") == [happens]


def test_two_faults_of_one_point_happen_one_after_the_other(folder: Path) -> None:
    order(folder, number=1)
    order(folder, number=2)
    assert passes(3) == [True, True, False]


def test_a_kill_is_sudden(folder: Path) -> None:
    file = order(folder, action="kill")
    source = (
        "import atexit; atexit.register(print, 'politely');"
        "from chalicelib.kernel import faults; faults.point('relay.sent')"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert file.with_suffix(".fired").exists()


def test_an_order_that_makes_no_sense_is_not_overlooked(folder: Path) -> None:
    (folder / "wrong.json").write_text('{"point": "relay.sent", "action": "explode"}')
    with pytest.raises(ValidationError):
        faults.point("relay.sent")
