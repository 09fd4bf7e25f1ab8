"""Which Python the package is made for, and what wheels that allows."""

import sys
from pathlib import Path

import pytest

from infra.package import PackageError, target
from infra.package.target import Target

HERE = sys.version_info[1]


def pretended(folder: Path, name: str, text: str) -> Path:
    """A program that is no Python, or pretends to be one."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_the_newest_that_runs_is_taken(tmp_path: Path) -> None:
    shims, versions = tmp_path / "shims", tmp_path / "pyenv" / "versions"
    pretended(shims, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    for version, minor in (("3.13.9", 13), ("3.13.11", 13), ("3.12.1", 12)):
        pretended(versions / version / "bin", f"python3.{minor}", f"echo {minor} /{version}")
    found = target.search({"PATH": str(shims), "PYENV_ROOT": str(tmp_path / "pyenv")})
    assert (found, found.name, found.warning) == (Target(Path("/3.13.11"), 13), "python3.13", "")


def test_an_older_one_is_taken_loudly(tmp_path: Path) -> None:
    pretended(tmp_path, "python3.13", "exit 127")
    pretended(tmp_path, "python3.12", "echo 12 /twelve")
    found = target.search({"PATH": str(tmp_path), "PYENV_ROOT": "/nowhere"})
    assert found == Target(Path("/twelve"), 12)
    assert found.warning.startswith(
        "WARNING: no Python 3.13 runs on this machine: the package is made for Python 3.12."
    )


def test_a_program_that_is_another_version_than_its_name_is_not_taken(tmp_path: Path) -> None:
    pretended(tmp_path, "python3.13", "echo 14 /fourteen")
    with pytest.raises(PackageError, match=r"No Python 3\.11 to 3\.13 runs on this machine"):
        target.search({"PATH": str(tmp_path), "PYENV_ROOT": "/nowhere"})


def test_package_python_decides() -> None:
    assert target.search({"PACKAGE_PYTHON": sys.executable}).minor == HERE


@pytest.mark.parametrize("text", ["exit 1", "echo 9 /nine"])
def test_a_package_python_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    program = pretended(tmp_path, "python", text)
    with pytest.raises(PackageError, match=r"is no Python that Lambda runs: 3\.11 to 3\.13"):
        target.search({"PACKAGE_PYTHON": str(program)})


@pytest.mark.parametrize(
    ("minor", "newest", "too_new"),
    [
        (13, "manylinux_2_34_x86_64", "manylinux_2_35_x86_64"),
        (12, "manylinux_2_34_x86_64", "manylinux_2_35_x86_64"),
        (11, "manylinux_2_26_x86_64", "manylinux_2_28_x86_64"),
    ],
)
def test_wheels_may_need_the_glibc_of_lambdas_image_and_no_newer_one(minor: int, newest: str, too_new: str) -> None:
    platforms = Target(Path("python"), minor).platforms
    assert newest in platforms
    assert "manylinux2014_x86_64" in platforms
    assert {too_new, "linux_x86_64"} & set(platforms) == set()
