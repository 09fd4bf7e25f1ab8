"""What a first start puts into an empty database. Runs in a process of its own, with the environment of the parts.

``python -m infra.local.bootstrap prepare|resources|empty|demo``
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module

from infra.local import resources


def prepare() -> None:
    """Before anything else, at every start: the emulator's resources, and the schema. May be repeated."""
    from chalicelib.kernel import migrations

    resources.create()
    urls = [os.environ["QM_DATABASE_OWNER_URL"], *os.environ.get("QM_TEMPLATE_URL", "").split()]
    applied = [migrations.migrate(url) for url in urls]
    print(f"{len(applied[0])} migrations applied" if applied[0] else "schema is current")


def create_empty_organization() -> None:
    """An empty organization with one administrator, who is what ADMIN_USERNAME and ADMIN_PASSWORD say."""
    from chalicelib import identity
    from chalicelib.kernel import database

    with database.connect(os.environ["QM_DATABASE_OWNER_URL"]) as connection, connection.transaction():
        identity.bootstrap_organization(
            connection,
            name="Quartermaster",
            username=os.environ["ADMIN_USERNAME"],
            password=os.environ["ADMIN_PASSWORD"],
        )


def load_demo() -> None:
    """The demo company."""
    made = import_module("infra.local.demo").load(dict(os.environ))
    print(f"{len(made.staff)} staff, {len(made.customers)} customers")


TASKS: dict[str, Callable[[], None]] = {
    "prepare": prepare,
    "resources": resources.create,
    "empty": create_empty_organization,
    "demo": load_demo,
}

if __name__ == "__main__":
    TASKS[sys.argv[1]]()
