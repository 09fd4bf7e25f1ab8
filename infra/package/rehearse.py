"""A rollback, rehearsed: the package of an older revision on the schema of today, with the order path of the day.

Migrations go forward only, and a deployment migrates before its functions change: for some minutes, or after a rollback for
good, old code serves on a new schema. This shows that it can.
"""

from infra.package import code, ground
from infra.package.boot import booted
from infra.package.build import pack
from infra.package.errors import PackageError
from infra.package.play import Path

MIGRATIONS = "chalicelib/migrations"


def rehearse(old: str = "") -> str:
    """Plays the order path with the package of `old`; what it prints at the end.

    `old`: a revision; empty: the last commit with an older schema. Raises PackageError when git does not know
    it, and when anything goes wrong on the way.
    """
    revision = old or last_with_an_older_schema()
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
    today = migrations_of("HEAD")
    edited = [name for name, blob in migrations_of(revision).items() if today.get(name) != blob]
    if edited:
        raise PackageError(
            f"{', '.join(edited)} changed after {revision[:12]}: no package that old runs on this schema."
        )


def migrations_of(revision: str) -> dict[str, str]:
    """The revision's migrations: name of the file -> git's name of its content."""
    lines = code.git("ls-tree", f"{revision}:{MIGRATIONS}").decode().splitlines()
    listed = (line.split(None, 3) for line in lines)
    return {name: blob for _, _, blob, name in listed if name.endswith(".sql")}


def last_with_an_older_schema() -> str:
    """The newest commit of the main line whose migrations today's go on from. Raises PackageError where there is none."""
    if code.git("rev-parse", "--is-shallow-repository").strip() == b"true":
        raise PackageError("This clone is shallow: fetch its history, or name an old revision, OLD=...")
    today = migrations_of("HEAD")
    for revision in code.git("rev-list", "--first-parent", "HEAD").decode().split():
        then = migrations_of(revision)
        if len(then) < len(today) and then.items() <= today.items():
            return revision
    raise PackageError("No commit has an older schema that goes on to today's: name an old revision, OLD=...")
