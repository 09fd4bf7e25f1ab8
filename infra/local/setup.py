"""Makes `.venv` and installs what requirements-dev.txt lists; does nothing when that was done for the same list.

Run by the system's Python before anything is installed: standard library only.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "quartermaster.stamp"
LISTS = ("requirements.txt", "requirements-dev.txt")


def main() -> int:
    """One clear sentence and 1 when the environment cannot be made."""
    wanted = _wanted()
    if _is_current(wanted):
        return 0
    try:
        with (ROOT / LISTS[-1]).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once: one makes it, the other finds it made
            return 0 if _is_current(wanted) else _make(wanted)
    except OSError as error:
        return _fail(f"The environment in {VENV} cannot be made: {error.strerror or error}.")


def _wanted() -> str:
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in LISTS)).hexdigest()


def _is_current(wanted: str) -> bool:
    try:
        return STAMP.read_text(encoding="ascii") == wanted and _runs("pass")
    except OSError:
        return False


def _runs(program: str) -> bool:
    """Whether the environment's interpreter starts, which the one it was made from may not do any more."""
    try:
        return subprocess.run([PYTHON, "-c", program], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _make(wanted: str) -> int:
    if not _runs("import sys, pip; sys.exit(sys.version_info < (3, 11))"):
        print(f"Making {VENV.name} with Python {sys.version.split()[0]} ...", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
        if made.returncode:
            return _fail("Python's venv module does not work; on Debian and Ubuntu: apt install python3-venv.")
    print("Installing what requirements-dev.txt lists (about a minute, once) ...", flush=True)
    if not _install():
        return _fail("pip could not install requirements-dev.txt: see its words above; is the network reachable?")
    STAMP.write_text(wanted, encoding="ascii")
    return 0


def _install() -> bool:
    """Runs pip, naming what it fetches as it does; its complaints only when it fails."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--prefer-binary"]
    command += ["--progress-bar", "off", "-r", "requirements-dev.txt"]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="replace"
        ) as pip,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            if line.startswith(("Collecting", "Installing")):
                print(f"  {line.split(' (from')[0].strip()[:100]}", flush=True)
        if pip.wait():
            complaints.seek(0)
            print("".join(complaints.readlines()[-12:]), file=sys.stderr)
    return pip.returncode == 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
