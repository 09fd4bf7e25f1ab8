"""The libraries of the package: installed for the target, checked, pruned, compiled. Kept by the hash of what decides."""

import base64
import csv
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from infra.package import archive, pip, prune
from infra.package.errors import PackageError
from infra.package.target import Target

TASK_ROOT = "/var/task"
"""Where Lambda puts the package: what tracebacks show."""
TAG = re.compile(r"^Tag: \S+-(?P<platform>[^-\s]+)$", re.MULTILINE)
ISOLATED = ("-I", "-S")
"""Nothing of this machine's Python takes part: no environment, no site-packages, no hooks of them."""
LIBRARIES, FINGERPRINT = "libraries", "fingerprint"
CHALICE_FILES = ("__init__.py", "app.py")
"""What Chalice itself puts into a package (chalice/deploy/packager.py); without bytecode, which costs half of the start."""


def libraries(requirements: Path, target: Target, *, is_current: bool = True) -> Path:
    """The folder with what `requirements` lists, ready for the zip. `is_current`: whether these are today's requirements.

    Raises PackageError when a wheel is missing for the target, or was compiled on some machine instead of for manylinux.
    """
    makers = (Path(prune.__file__), Path(__file__), pip.PINS)
    inputs = (requirements.read_text(encoding="utf-8"), target.name, *pip.pins("chalice"))
    decided_by = (*inputs, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in makers))

    def make(into: Path) -> None:
        folder = into / LIBRARIES
        pip.install(folder, ["-r", str(requirements)], target)
        check_wheels(folder, target)
        check_records(folder)
        prune.prune(folder, is_current=is_current)
        _add_chalice(folder, target)
        compile_code(folder, target)
        (into / FINGERPRINT).write_text(archive.fingerprint(folder), encoding="ascii")

    return pip.kept(f"vendor-{target.name}", decided_by, make) / LIBRARIES


def check_unchanged(libraries: Path) -> None:
    """Raises PackageError when kept libraries are not what they were when they were made.

    Programs exist that write into the libraries they meet, such as a certificate of some machine into certifi's list of
    whom to trust. That must not travel to production.
    """
    if archive.fingerprint(libraries) != (libraries.parent / FINGERPRINT).read_text(encoding="ascii"):
        raise PackageError(
            f"Somebody has changed {libraries}: remove {libraries.parent.name}.complete to make it anew."
        )


def check_records(folder: Path) -> None:
    """Raises PackageError for an installed file that is not what its wheel's publisher recorded (PEP 376, RECORD)."""
    wrong = [
        path
        for record in sorted(folder.glob("*.dist-info/RECORD"))
        for path, recorded, _ in csv.reader(record.read_text(encoding="utf-8").splitlines())
        if recorded and (folder / path).is_file() and not _is(folder / path, recorded)
    ]
    if wrong:
        raise PackageError(f"These files are not what their publishers made: {', '.join(wrong[:5])}.")


def _is(path: Path, recorded: str) -> bool:
    algorithm, _, expected = recorded.partition("=")
    digest = hashlib.new(algorithm, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == expected


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
    command = [str(target.python), *ISOLATED, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    done = subprocess.run(
        [*command, "-s", str(folder), "-p", TASK_ROOT, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackageError(f"{folder} does not compile for {target.name}: {done.stdout.strip()[-600:]}")
