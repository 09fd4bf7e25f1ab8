"""A rollback, rehearsed: the package of an older revision on the schema of today, with the order path of the day.

Migrations go forward only, and a deployment migrates before its functions change: for some minutes, or after a rollback for
good, old code serves on a new schema. This shows that it can.
"""

from infra.local.options import ROOT
from infra.package import code, ground
from infra.package.boot import booted
from infra.package.build import pack
from infra.package.errors import PackageError
from infra.package.play import Path

MIGRATIONS = "chalicelib/migrations"


def rehearse(old: str = "") -> str:
    """Plays the order path with the package of `old`; what it prints at the end.

    `old`: a revision; empty: the last commit before the newest migration came. Raises PackageError when git does not know
    it, and when anything goes wrong on the way.
    """
    revision = old or before_newest_migration()
    title = code.git("log", "-1", "--format=%h %s", revision).decode().strip()
    print(f"old package: {title}", flush=True)
    check_history(revision)
    old_package, new_package = pack(revision), pack()
    with ground.running() as on:
        with booted(new_package, on, "new") as new:
            applied = new.call("migrate", {})["applied"]
        print(f"  schema of today: {len(applied)} migrations, the newest {applied[-1]}", flush=True)
        on.prepare("resources")
        on.prepare("demo")
        with booted(old_package, on, "old") as lambdas:
            left = lambdas.call("migrate", {})["applied"]
            if left:
                raise PackageError(f"The old package applied {left} to a schema that is ahead of it")
            figures = Path(lambdas, on).play()
    result = f"the old package ({title.split()[0]}) serves on the new schema; {figures}"
    print(result, flush=True)
    return result


def check_history(revision: str) -> None:
    """Raises PackageError when today's migrations are no continuation of the revision's: nothing rolls back across that.

    Happens only before the first deployment, while migrations may still be edited; the old package would refuse as well.
    """
    names = code.git("ls-tree", "--name-only", f"{revision}:{MIGRATIONS}").decode().split()
    edited = [name for name in names if not _is_unchanged(revision, f"{MIGRATIONS}/{name}")]
    if edited:
        raise PackageError(
            f"{', '.join(edited)} changed after {revision[:12]}: no package that old runs on this schema."
        )


def _is_unchanged(revision: str, path: str) -> bool:
    today = ROOT / path
    return today.exists() and today.read_bytes() == code.git("show", f"{revision}:{path}")


def before_newest_migration() -> str:
    """The commit before the one that added the newest migration. Raises PackageError in a clone without that history."""
    if code.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        raise PackageError("This clone is shallow: fetch its history, or name an old revision, OLD=...")
    newest = max((ROOT / MIGRATIONS).glob("[0-9]*.sql")).name
    path = f"{MIGRATIONS}/{newest}"
    added = code.git("log", "--diff-filter=A", "--format=%H", "-1", "--", path).decode().strip()
    if not added:
        raise PackageError(f"{path} is not committed yet: commit it, or name an old revision, OLD=...")
    return f"{added}^"
