"""The libraries of the package: installed for the target, checked, pruned, compiled. Kept by the hash of what decides."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from infra.package import pip, prune
from infra.package.errors import PackageError
from infra.package.target import Target

TASK_ROOT = "/var/task"
"""Where Lambda puts the package: what tracebacks show."""
TAG = re.compile(r"^Tag: \S+-(?P<platform>[^-\s]+)$", re.MULTILINE)
CHALICE_FILES = ("__init__.py", "app.py")
"""What Chalice itself puts into a package (chalice/deploy/packager.py); without bytecode, which costs half of the start."""


def libraries(requirements: Path, target: Target, *, is_current: bool = True) -> Path:
    """The folder with what `requirements` lists, ready for the zip. `is_current`: whether these are today's requirements.

    Raises PackageError when a wheel is missing for the target, or was compiled on some machine instead of for manylinux.
    """
    makers = (Path(prune.__file__), Path(__file__), pip.PINS)
    inputs = (requirements.read_text(encoding="utf-8"), target.name, *pip.pins("chalice"))
    decided_by = (*inputs, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in makers))

    def make(folder: Path) -> None:
        pip.install(folder, ["-r", str(requirements)], target)
        check_wheels(folder, target)
        prune.prune(folder, is_current=is_current)
        _add_chalice(folder, target)
        compile_code(folder, target)

    return pip.kept(f"vendor-{target.name}", decided_by, make)


def check_wheels(folder: Path, target: Target) -> None:
    """Raises PackageError for an installed wheel whose platform is not one that Lambda promises.

    A wheel tagged ``linux_x86_64`` was compiled on the machine that built it, against libraries that Lambda may not have:
    it installs, and fails at the first import there (FACTS.md, Chalice 1).
    """
    allowed = {*target.platforms, "any"}
    found = [*folder.glob("*.dist-info/WHEEL")]
    wrong = [
        f"{wheel.parent.name.removesuffix('.dist-info')} ({platform})"
        for wheel in sorted(found)
        for platform in _platforms(wheel)
        if platform not in allowed
    ]
    if wrong:
        raise PackageError(f"These wheels are not made for Lambda: {', '.join(wrong)}.")
    if not found:
        raise PackageError(f"No wheel was installed in {folder}.")


def _platforms(wheel: Path) -> list[str]:
    """Platforms of a wheel, as its own metadata names them; a wheel for several names each."""
    tags = TAG.findall(wheel.read_text(encoding="utf-8"))
    return tags or ["no tag at all"]


def _add_chalice(folder: Path, target: Target) -> None:
    source = pip.folder_of("chalice+boto3", target) / "chalice"
    (folder / "chalice").mkdir()
    for name in CHALICE_FILES:
        shutil.copyfile(source / name, folder / "chalice" / name)


def compile_code(folder: Path, target: Target) -> None:
    """Compiles everything below a folder as if it lay in Lambda's task root.

    Bytecode is trusted without a look at the source's time (PEP 552, unchecked hashes): zips keep times badly, and in
    Lambda nothing can be written. Raises PackageError for a file that does not compile.
    """
    command = [str(target.python), "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    done = subprocess.run(
        [*command, "-s", str(folder), "-p", TASK_ROOT, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackageError(f"{folder} does not compile for {target.name}: {done.stdout.strip()[-600:]}")
