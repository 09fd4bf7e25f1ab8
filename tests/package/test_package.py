"""What is in the zip: enough to run everything that our code imports, and nothing that Lambda cannot run."""

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.server import in_thread
from infra.local.options import ROOT
from infra.package import Built, archive, code, vendor
from infra.package.build import UNZIPPED_BYTES_AIM, pack_files
from infra.package.lambdas import environment_of, unpacked
from tests.conftest import ENVIRONMENT

IMPORTER, DRIVER = (Path(__file__).parent / name for name in ("import_everything.py", "drive_adapters.py"))
"""Programs that run with the package's libraries, by the target interpreter."""
HEADER_BYTES = 16
"""Of a .pyc; the flags stand in bytes 4 to 8 (PEP 552)."""
UNCHECKED_HASH = 1


@pytest.fixture(scope="module")
def task_root(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The zip, unpacked; nothing may be written there."""
    with unpacked(built.package, tmp_path_factory.mktemp("package")) as folder:
        yield folder


def test_it_is_small_enough(built: Built) -> None:
    assert built.package.size < UNZIPPED_BYTES_AIM
    with zipfile.ZipFile(built.zip_path) as files:
        entries = files.infolist()
    assert (len(entries), sum(entry.file_size for entry in entries)) == (built.package.files, built.package.size)
    assert sum(built.package.size_by_package.values()) == built.package.size


def test_the_template_names_the_very_zip_that_was_made(built: Built) -> None:
    assert built.zip_path.read_bytes() == built.package.zip_file.read_bytes()


def test_it_holds_all_of_our_code_and_nothing_else_of_ours(task_root: Path) -> None:
    ours = {name for name, _ in archive.files_of(ROOT / "chalicelib") if not name.endswith(".pyc")}
    packed = {name for name, _ in archive.files_of(task_root / "chalicelib") if not name.endswith(".pyc")}
    assert packed == ours
    assert {"migrations/0001_kernel.sql", "platform/openapi.json", "messaging/templates/base.html"} <= packed
    assert [
        name for name in ("infra", "tests", ".git", "requirements.txt", ".chalice") if (task_root / name).exists()
    ] == []


def test_it_brings_no_boto3_of_its_own(task_root: Path) -> None:
    """Lambda has it; together with botocore it is 30 MB."""
    assert [name for name in ("boto3", "botocore", "s3transfer", "aiohttp") if (task_root / name).exists()] == []


def test_every_module_is_compiled_and_trusted_without_a_look_at_its_source(built: Built, task_root: Path) -> None:
    tag = built.package.target.name.replace("python3.", "cpython-3")
    for source in task_root.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        content = compiled.read_bytes()
        assert int.from_bytes(content[4:8], "little") == UNCHECKED_HASH, compiled


def test_tracebacks_name_the_place_in_lambda(built: Built, task_root: Path) -> None:
    tag = built.package.target.name.replace("python3.", "cpython-3")
    for name in ("app.py", "chalicelib/kernel/jobs.py", "stripe/_stripe_client.py"):
        source = task_root / name
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert f"/var/task/{name}".encode() in compiled.read_bytes()[HEADER_BYTES:]


def test_the_same_code_makes_the_same_zip(built: Built, tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    source.mkdir()
    into.mkdir()
    code.copy_checkout(source)
    libraries = vendor.libraries(source / code.REQUIREMENTS, built.package.target)
    (source / code.REQUIREMENTS).unlink()
    pack_files(source, libraries, into, built.package.target)
    assert (into / "deployment.zip").read_bytes() == built.package.zip_file.read_bytes()


def run_inside(built: Built, task_root: Path, program: Path, settings: dict[str, str]) -> dict[str, Any]:
    """Runs a program as a function of the package would run; what it printed."""
    own = environment_of(built.package.target, task_root, "test", "app.app", settings)
    environment = {**own, "PYTHONPATH": os.pathsep.join([str(task_root), own["PYTHONPATH"]])}
    command = [str(built.package.target.python), "-S", "-s", "-P", str(program)]
    done = subprocess.run(command, cwd=task_root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_everything_that_our_code_imports_is_there(built: Built, task_root: Path) -> None:
    """Every module of ours, and every import that stands inside a function too, with the names that it takes."""
    said = run_inside(built, task_root, IMPORTER, ENVIRONMENT)
    assert said["missing"] == []
    assert said["modules"] == len([*(ROOT / "chalicelib").rglob("*.py")]) + 1
    assert {"stripe", "twilio.rest", "phonenumbers", "argon2", "jinja2"} <= set(said["imported"])


def test_the_adapters_work_with_the_pruned_libraries(built: Built, task_root: Path) -> None:
    """Every call that an adapter makes of an SDK, against the doubles, and every other library that is imported late."""
    doubles_settings = DoublesSettings(doubles_port=0, smtp_port=0, doubles_step_s=0.01)
    with in_thread(doubles_settings) as doubles:
        settings = {
            **ENVIRONMENT,
            "QM_STRIPE_API_BASE": f"{doubles.url}/stripe",
            "QM_TWILIO_API_BASE": f"{doubles.url}/twilio",
            "QM_SMTP_HOST": "127.0.0.1",
            "QM_SMTP_PORT": str(doubles.smtp_port),
            "QM_SMTP_STARTTLS": "false",
            "QM_DOUBLES_URL": doubles.url,
        }
        said = run_inside(built, task_root, DRIVER, settings)
    assert said["stripe"] == {
        "intent": ["requires_payment_method", 1250, "USD"],
        "cancelled": "canceled",
        "paid": "succeeded",
        "refund": ["succeeded", 1250],
        "intent, unknown": "resource_missing",
        "webhook, forged": "WebhookRefused",
    }
    assert said["twilio"] == {
        "message": ["+13125550123", "hello"],
        "message, fetched": "hello",
        "message, listed": True,
        "message, refused": "21211",
        "callback, forged": "WebhookRefused",
    }
    assert said["pictures"] == dict.fromkeys(("jpeg", "png", "gif", "webp"), "ffd8ff")
    assert said["scores"] == {"models": ["fitted", "fitted"], "customers": 40}
    assert said["rest"] == {
        "mail": "sent",
        "phone": "+12125550100",
        "password": [True, False],
        "assets": True,
        "document": "application/json",
        "template": "Please confirm your e-mail address",
    }
