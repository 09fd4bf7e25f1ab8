"""pip, for folders and environments below ``build/`` that are made once and kept under the hash of what they hold."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra.local.options import ROOT
from infra.package.errors import PackageError
from infra.package.target import Target

BUILD = ROOT / "build"
CACHE = BUILD / "cache"
PINS = Path(__file__).parent / "pins.txt"
"""Programs that make, check and boot a package and are no part of it."""
KEPT = 4
"""Folders of one name; the older ones serve whoever goes back to an earlier revision."""
QUIET = ("--disable-pip-version-check", "--no-input", "--quiet")


def pins(*names: str) -> tuple[str, ...]:
    """Requirements as `pins.txt` and `requirements-dev.txt` pin them. Raises PackageError for one that is in neither."""
    lines = [
        *PINS.read_text(encoding="utf-8").splitlines(),
        *(ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines(),
    ]
    pinned = {line.split("==")[0].strip(): line.split("#")[0].strip() for line in lines if "==" in line}
    missing = set(names) - set(pinned)
    if missing:
        raise PackageError(f"{', '.join(sorted(missing))} is not pinned in {PINS.name} or requirements-dev.txt.")
    return tuple(pinned[name] for name in names)


def install(folder: Path, requirements: list[str], target: Target) -> None:
    """Fills a folder with wheels for the target. Raises PackageError with pip's last words, also when one is not a wheel."""
    platforms = [part for name in target.platforms for part in ("--platform", name)]
    python = ("--python-version", target.version, "--implementation", "cp", "--only-binary=:all:")
    command = [sys.executable, "-m", "pip", "install", *QUIET, "--no-compile", "--target", str(folder)]
    _run([*command, *platforms, *python, *requirements])


def folder_of(name: str, target: Target) -> Path:
    """A folder with one pinned program and its requirements, importable by the target interpreter."""
    requirements = pins(*name.split("+"))
    return kept(f"{name}-{target.name}", requirements, lambda draft: install(draft, list(requirements), target))


def environment_of(name: str) -> Path:
    """The folder of programs of a virtual environment that holds one pinned checker: their requirements exclude ours."""
    requirements = pins(name)

    def make(draft: Path) -> None:
        _run([sys.executable, "-m", "venv", str(draft)])
        _run([str(draft / "bin" / "python"), "-m", "pip", "install", *QUIET, "--prefer-binary", *requirements])

    return kept(name, (*requirements, sys.version), make) / "bin"


def kept(name: str, inputs: tuple[str, ...], make: Callable[[Path], None]) -> Path:
    """A folder below ``build/cache``, made when there is none for these inputs yet.

    Only a complete one counts: a mark beside it is written last. Of two makers at once one waits for the other.
    """
    folder = CACHE / f"{name}-{hashlib.sha256(chr(0).join(inputs).encode()).hexdigest()[:16]}"
    mark = CACHE / f"{folder.name}.complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
        mark.touch()
    _forget_old(name)
    return folder


def _forget_old(name: str) -> None:
    """Removes folders of this name that were not wanted lately. The mark's time says when one was last wanted."""
    marks = [
        mark for mark in CACHE.glob(f"{name}-*.complete") if re.fullmatch(r"[0-9a-f]{16}", mark.stem[len(name) + 1 :])
    ]
    for mark in sorted(marks, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        mark.unlink(missing_ok=True)
        shutil.rmtree(CACHE / mark.stem, ignore_errors=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise PackageError(f"pip failed: {' '.join(errors[-3:])[:600]}")
