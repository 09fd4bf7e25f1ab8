"""Migrations run while the code before them still serves, and before the code that needs them: they only add.

Squawk finds what locks, rewrites or takes away. What must go, goes in a later release, when no code uses it any more: the
statement then says ``-- squawk-ignore <rule>`` and from which release it is unused (infra/README.md, "Changing the schema").
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.kernel.migrations import OUTSIDE
from tests.house.source import ROOT

SQUAWK = Path(sys.executable).parent / "squawk"
STYLE = {
    "prefer-bigint-over-int": "identities of tenants, places and the like stay far below 2^31; ledgers are bigint",
    "prefer-robust-stmts": "each file is one transaction (kernel/migrations.py) and is recorded with it",
    "prefer-text-field": "as ban-char-field",
    "ban-char-field": "currency codes have three letters for ever",
    "require-lock-timeout": "kernel/migrations.py sets it for every file",
    "require-statement-timeout": "a file that only adds is quick; Lambda's own limit bounds the rest",
}
"""Rules that say nothing about safety here, each with its reason."""
BEFORE_FIRST_RELEASE = {
    "0005_orders.sql": {"adding-foreign-key-constraint", "constraint-missing-not-valid"},
    "0009_robots.sql": {"require-concurrent-index-creation"},
    "0013_references_stay_in_the_organization.sql": {"require-concurrent-index-deletion"},
}
"""The files of the first release are applied together to an empty database."""
CALLED_BY_OLD_CODE = re.compile(
    r"^\s*(DROP\s+(FUNCTION|PROCEDURE|VIEW|POLICY|TYPE)|REVOKE|ALTER\s+FUNCTION.*RENAME)", re.I
)
FIRST_RELEASE = 13


def findings(folder: Path) -> list[tuple[str, int, str]]:
    """(file, line, rule) of everything that Squawk finds in a folder of migrations."""
    outside = {path for path in folder.glob("*.sql") if path.read_text(encoding="utf-8").startswith(OUTSIDE)}
    inside = set(folder.glob("*.sql")) - outside
    found = [*_of_squawk(inside, "--assume-in-transaction"), *_of_squawk(outside)]
    return [(Path(each["file"]).name, each["line"] + 1, each["rule_name"]) for each in found]


def _of_squawk(files: set[Path], *options: str) -> list[dict[str, Any]]:
    if not files:
        return []
    options = (*options, "--pg-version", "17", "--reporter", "json", "--exclude", ",".join(STYLE))
    done = subprocess.run([SQUAWK, *options, *sorted(files)], capture_output=True, text=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_migrations_only_add() -> None:
    found = findings(ROOT / "chalicelib" / "migrations")
    assert [each for each in found if each[2] not in BEFORE_FIRST_RELEASE.get(each[0], set())] == []


def test_what_old_code_calls_stays() -> None:
    """Functions, policies and rights that Squawk does not look at."""
    wrong = [
        f"{path.name}:{number} {line.strip()}"
        for path in sorted((ROOT / "chalicelib" / "migrations").glob("*.sql"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if int(path.name[:4]) > FIRST_RELEASE and CALLED_BY_OLD_CODE.match(line) and "-- unused since" not in line
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE variant DROP COLUMN sku;", "ban-drop-column"),
        ("DROP TABLE variant;", "ban-drop-table"),
        ("ALTER TABLE variant RENAME COLUMN sku TO code;", "renaming-column"),
        ("ALTER TABLE variant RENAME TO item;", "renaming-table"),
        ("ALTER TABLE variant ALTER COLUMN sku TYPE char(9);", "changing-column-type"),
        ("ALTER TABLE variant ALTER COLUMN sku SET NOT NULL;", "adding-not-nullable-field"),
        ("ALTER TABLE variant ADD COLUMN size int NOT NULL;", "adding-required-field"),
        ("CREATE INDEX variant_name ON variant (name);", "require-concurrent-index-creation"),
        ("ALTER TABLE variant ADD CONSTRAINT one CHECK (id > 0);", "constraint-missing-not-valid"),
    ],
)
def test_the_rule_itself(tmp_path: Path, statement: str, rule: str) -> None:
    (tmp_path / "0001_wrong.sql").write_text(statement + "\n", encoding="utf-8")
    assert rule in [name for _, _, name in findings(tmp_path)]


def test_an_index_on_a_busy_table_is_made_outside_a_transaction(tmp_path: Path) -> None:
    text = f"{OUTSIDE}DROP INDEX CONCURRENTLY IF EXISTS a;\nCREATE INDEX CONCURRENTLY a ON variant (name);\n"
    (tmp_path / "0001_outside.sql").write_text(text, encoding="utf-8")
    assert findings(tmp_path) == []
    (tmp_path / "0001_outside.sql").write_text(text.removeprefix(OUTSIDE), encoding="utf-8")
    assert [rule for _, _, rule in findings(tmp_path)] != []
