"""The interpreter that the package is made for: Lambda's Python. It must run here: it compiles and boots it."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.package.errors import PackageError

MINORS = (13, 12, 11)
"""Minor versions of Python 3 that Lambda runs and our code runs on, the best one first (FACTS.md, Chalice 1)."""
GLIBC = {13: 34, 12: 34, 11: 26}
"""glibc 2.x of Lambda's images: Amazon Linux 2023 from Python 3.12 on, Amazon Linux 2 before (Lambda guide, Runtimes)."""
OLDEST_GLIBC = 5
TOLD_BY_INTERPRETER = "import sys; print(sys.version_info[1], sys.executable)"


@dataclass(frozen=True)
class Target:
    """An interpreter of this machine that is one of Lambda's."""

    python: Path
    minor: int

    @property
    def name(self) -> str:
        """Lambda's name of the runtime, ``python3.13``."""
        return f"python3.{self.minor}"

    @property
    def version(self) -> str:
        """What pip takes for ``--python-version``."""
        return f"3.{self.minor}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags of wheels that run in Lambda (PEP 600: whatever needs this glibc or an older one)."""
        newest = GLIBC[self.minor]
        dated = ("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64")
        return (*(f"manylinux_2_{minor}_x86_64" for minor in range(newest, OLDEST_GLIBC - 1, -1)), *dated)

    @property
    def warning(self) -> str:
        """One line to be said loudly when this is not the Python we want, else empty."""
        if self.minor == MINORS[0]:
            return ""
        return (
            f"WARNING: no Python 3.{MINORS[0]} runs on this machine: the package is made for Python 3.{self.minor}. "
            "Set PACKAGE_PYTHON, or do not deploy this one."
        )


@cache
def find() -> Target:
    """The newest of Lambda's Pythons on this machine: PACKAGE_PYTHON, else the PATH and pyenv are looked through.

    Raises PackageError when there is none, when PACKAGE_PYTHON is none, or when this machine is not like Lambda's.
    """
    return search(os.environ)


def search(environment: Mapping[str, str]) -> Target:
    """See `find`."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise PackageError("The package is compiled and booted by Lambda's kind of machine: build it on Linux x86_64.")
    given = environment.get("PACKAGE_PYTHON")
    if given:
        found = _asked(Path(given))
        if found is None or found.minor not in MINORS:
            raise PackageError(
                f"PACKAGE_PYTHON={given} is no Python that Lambda runs: 3.{MINORS[-1]} to 3.{MINORS[0]}."
            )
        return found
    for minor in MINORS:
        for python in _candidates(minor, environment):
            target = _asked(python)
            if target is not None and target.minor == minor:
                return target
    raise PackageError(
        f"No Python 3.{MINORS[-1]} to 3.{MINORS[0]} runs on this machine: install one, or set PACKAGE_PYTHON."
    )


def _candidates(minor: int, environment: Mapping[str, str]) -> Iterator[Path]:
    """Where a Python 3.`minor` may be. A shim of pyenv is on the PATH too, and does not run unless it is chosen."""
    name = f"python3.{minor}"
    for folder in environment.get("PATH", "").split(os.pathsep):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            yield Path(found)
    root = Path(environment.get("PYENV_ROOT") or Path(environment.get("HOME", "/")) / ".pyenv")
    versions = [path for path in (root / "versions").glob(f"3.{minor}.*") if re.fullmatch(r"3\.\d+\.\d+", path.name)]
    for folder_of_version in sorted(versions, key=lambda path: int(path.name.split(".")[2]), reverse=True):
        yield folder_of_version / "bin" / name


def _asked(python: Path) -> Target | None:
    """The interpreter as it describes itself; None when it does not run."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", TOLD_BY_INTERPRETER], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    minor, executable = done.stdout.strip().split(" ", 1)
    return Target(Path(executable), int(minor))
