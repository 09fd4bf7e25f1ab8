"""As root, servers become nobody; what nobody cannot reach is put where he can."""

import os
from pathlib import Path

import pytest

from infra.local import binaries
from infra.local.privileges import account_for_servers, copy_readable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@as_root
def test_nobody_cannot_enter_roots_private_folder(tmp_path: Path) -> None:
    account = account_for_servers()
    assert account is not None
    private, public = tmp_path / "private", Path("/")
    private.mkdir(mode=0o700)
    assert (account.can_enter(private), account.can_enter(public)) == (False, True)


@as_root
def test_nobody_finds_a_server_that_he_can_start() -> None:
    account = account_for_servers()
    assert account is not None
    assert account.can_run(binaries.folder_for(account) / "postgres")


def test_a_copy_can_be_read_by_everybody(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True, mode=0o700)
    (source / "bin" / "tool").write_text("#!/bin/sh\n")
    (source / "bin" / "tool").chmod(0o700)
    (source / "data").write_text("x")
    (source / "data").chmod(0o600)
    copy_readable(source, tmp_path / "target")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "target").rglob("*")}
    assert modes == {"bin": 0o755, "tool": 0o755, "data": 0o644}


@pytest.mark.parametrize(("text", "major"), [("postgres (PostgreSQL) 18.6", 18), ("postgres (PostgreSQL) 15.9", 15)])
def test_the_version_is_read(text: str, major: int) -> None:
    assert binaries.major_version(text) == major
