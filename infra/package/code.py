"""Our own part of the package: `app.py` and `chalicelib`, of this checkout or of another revision of it."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from infra.local.options import ROOT
from infra.package.errors import PackageError

PARTS = ("app.py", "chalicelib")
"""What a function reads when it runs lies in these: migrations, templates, pages, the served openapi.json too."""
REQUIREMENTS = "requirements.txt"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def copy_checkout(folder: Path) -> None:
    """Copies this checkout as it is, committed or not."""
    for name in (*PARTS, REQUIREMENTS):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=IGNORED)
        else:
            shutil.copyfile(source, folder / name)


def copy_revision(folder: Path, revision: str) -> None:
    """Copies a commit's. Raises PackageError when git does not know it, as in a clone without history."""
    content = git("archive", "--format=tar", revision, *PARTS, REQUIREMENTS)
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        files.extractall(folder, filter="data")


def git(*arguments: str) -> bytes:
    """What git prints. Raises PackageError with its complaint."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise PackageError(f"git {' '.join(arguments[:2])}: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout
