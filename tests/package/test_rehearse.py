"""Which old package a rollback is rehearsed with. The rehearsal itself is `make rehearse`."""

import zipfile

import pytest

from infra.package import PackageError, code, pack, rehearse
from infra.package.target import Target

FIRST = "0001_kernel.sql"


def test_a_revision_that_git_does_not_know_is_refused() -> None:
    with pytest.raises(PackageError, match=r"^git log -1: .*nothing-of-this-name"):
        rehearse.rehearse("nothing-of-this-name")


def test_the_last_commit_has_the_history_of_today() -> None:
    rehearse.check_history("HEAD")


def test_an_edited_migration_is_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    at_head = rehearse.migrations_of("HEAD")
    edited = {**at_head, FIRST: "0" * 40}
    monkeypatch.setattr(rehearse, "migrations_of", lambda revision: at_head if revision == "HEAD" else edited)
    with pytest.raises(PackageError, match=f"^{FIRST} changed after 0123456789ab"):
        rehearse.check_history("0123456789abcdef")


def test_the_default_is_older_and_goes_on_to_today() -> None:
    if code.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        with pytest.raises(PackageError, match="shallow"):
            rehearse.last_with_an_older_schema()
        return
    old, today = rehearse.migrations_of(rehearse.last_with_an_older_schema()), rehearse.migrations_of("HEAD")
    assert len(old) < len(today)
    assert old.items() <= today.items()


def test_an_old_package_holds_the_code_of_its_revision(lambda_python: Target) -> None:
    package = pack("HEAD")
    assert package.target == lambda_python
    with zipfile.ZipFile(package.zip_file) as files:
        assert files.read("app.py") == code.git("show", "HEAD:app.py")
        path = f"chalicelib/migrations/{FIRST}"
        assert files.read(path) == code.git("show", f"HEAD:{path}")
