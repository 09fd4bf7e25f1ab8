"""Working as root: PostgreSQL refuses to, so it becomes nobody and needs places that nobody can reach."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.errors import StageError

HOMES = (Path("/var/lib/quartermaster"), Path("/var/tmp/quartermaster"))  # made 0711, owned by root
NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """An unprivileged user that a child becomes."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """For subprocess: become this user and forget root's groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can reach a folder. Asked by trying: modes, ACLs and mounts all have a say."""
        command = ["/bin/sh", "-c", 'cd "$0"', str(folder)]
        return subprocess.run(command, capture_output=True, check=False, **self.popen_arguments()).returncode == 0

    def can_run(self, program: Path) -> bool:
        """Whether this user can start a program."""
        try:
            answer = subprocess.run(
                [program, "--version"], capture_output=True, check=False, cwd="/", **self.popen_arguments()
            )
        except OSError:
            return False
        return answer.returncode == 0

    def take(self, folder: Path) -> None:
        """Makes a folder this user's own, mode 0700."""
        os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def take_file(self, file: Path) -> None:
        """Makes a file this user's own, mode 0600."""
        os.chown(file, self.uid, self.gid)
        file.chmod(0o600)


def account_for_servers() -> Account | None:
    """Whom servers become that refuse root; None when we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY, NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)


def shared_home(account: Account) -> Path:
    """A folder of root's that `account` may pass through. Raises StageError when there is none."""
    for home in HOMES:
        try:
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError:
            continue
        if home.stat().st_uid == 0 and not home.is_symlink() and account.can_enter(home):
            return home
    raise StageError(f"PostgreSQL cannot run as root, and {HOMES[0]} cannot be made for another user.")


def copy_readable(source: Path, target: Path) -> None:
    """Copies a folder so that everybody may read it; complete or not there, even when interrupted."""
    if target.exists():
        return
    draft = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        draft.rename(target)
    except OSError:  # somebody else was faster
        shutil.rmtree(draft, ignore_errors=True)
