"""SQL lives in `store.py` and in migrations, as constants; only the unit of work begins and ends transactions."""

import ast
import re
from collections.abc import Iterator

from chalicelib.kernel.migrations import OUTSIDE
from tests.house.source import PRODUCT, ROOT, Source, product, sources

STATEMENT = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+(SET|AS)\s|DELETE\s+FROM\s|WITH\s+(RECURSIVE\s+)?\w+\s+AS\s|TRUNCATE\s"
    r"|CREATE\s+(TABLE|INDEX|FUNCTION|ROLE|POLICY)|ALTER\s+(TABLE|ROLE)|DROP\s+(TABLE|INDEX|FUNCTION)|SET\s+LOCAL\s|LOCK\s+TABLE)"
)
"""How a statement begins. SQL is written in capitals, prose is not."""
FRAGMENT = re.compile(r"\bFROM\s+\w+\s+(WHERE|JOIN|ORDER)\b|\bWHERE\s+\w+(\.\w+)?\s*(=|IN|IS|<|>)|%\(\w+\)s")
TRANSACTION = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|START TRANSACTION)\b")

OUTSIDE_STORES = {
    "infra/local/database.py": "clones and drops databases of the local stage",
    "infra/bench": "measures what the database does, and fills it beyond what the API would let anybody",
}
"""Files and folders of the local stage that must speak SQL; the product has none."""


def looks_like_sql(text: str) -> bool:
    return bool(STATEMENT.search(text) or FRAGMENT.search(text) or TRANSACTION.search(text))


def found_in(source: Source) -> Iterator[str]:
    for line, text in source.strings():
        if looks_like_sql(text):
            yield f"{source.name}:{line}: {' '.join(text.split())[:60]}"


def test_the_rule_knows_sql_when_it_sees_it() -> None:
    statements = [
        "SELECT 1",
        "\n    WITH a AS (SELECT 1)",
        "UPDATE orders SET x = 1",
        " WHERE id = 1",
        "COMMIT",
        "x %(a)s",
    ]
    prose = ["Select a product", "With a key", "Update the order", "where it is", "commit to it", "begin here"]
    assert [looks_like_sql(text) for text in (*statements, *prose)] == [True] * 6 + [False] * 6


def test_sql_stands_in_store_files_only() -> None:
    wrong = [hit for source in product() if source.path.name != "store.py" for hit in found_in(source)]
    local = (
        s for s in sources(ROOT / "infra") if s.path.name != "store.py" and not s.name.startswith(tuple(OUTSIDE_STORES))
    )
    assert [*wrong, *(hit for source in local for hit in found_in(source))] == []


def test_the_exceptions_are_still_needed() -> None:
    needless = [
        name
        for name in OUTSIDE_STORES
        if not any(hit for s in sources(ROOT / "infra") if s.name.startswith(name) for hit in found_in(s))
    ]
    assert needless == []


def test_sql_is_never_put_together_with_values() -> None:
    """No f-string, no ``%``, no ``format`` on a str: psycopg's own SQL objects compose constants."""
    wrong = []
    for source in product():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.JoinedStr) and looks_like_sql(_skeleton(node)):
                wrong.append(f"{source.name}:{node.lineno} f-string")
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_sql_constant(node.left):
                wrong.append(f"{source.name}:{node.lineno} %")
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("format", "replace", "join")
                and _is_sql_constant(node.func.value)
            ):
                wrong.append(f"{source.name}:{node.lineno} {node.func.attr}")
    assert wrong == []


def _skeleton(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)


def _is_sql_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and looks_like_sql(node.value)


def test_statements_are_named_constants_of_their_module() -> None:
    """Not hidden in a function, where no PREPARE would find them."""
    wrong = []
    for source in sources(PRODUCT):
        if source.path.name != "store.py":
            continue
        for function in source.functions():
            wrong += [
                f"{source.name}:{node.lineno}"
                for node in ast.walk(function)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in source.docstrings
                and STATEMENT.search(node.value)
            ]
    assert wrong == []


def test_only_the_unit_of_work_ends_transactions() -> None:
    """`.commit(` nowhere; the words COMMIT and ROLLBACK once, and used by kernel/uow.py alone."""
    calls = [
        f"{source.name}:{node.lineno}"
        for source in product()
        for name, node in source.calls()
        if name.endswith((".commit", ".rollback"))
    ]
    assert calls == []
    users = {
        source.name
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("BEGIN", "COMMIT", "ROLLBACK", "ROLLBACK_TO_SAVEPOINT")
    }
    assert users == {"chalicelib/kernel/uow.py"}
    words = {hit.split(":")[0] for s in product() for hit in found_in(s) if TRANSACTION.search(hit.split(": ", 1)[1])}
    assert words == {"chalicelib/kernel/store.py"}


def test_stores_take_the_time_from_the_unit_of_work() -> None:
    """Otherwise a moved clock moves half of the business."""
    database_time = re.compile(
        r"\b(now\(\)|current_timestamp|current_date|clock_timestamp\(\)|localtimestamp)", re.IGNORECASE
    )
    wrong = [
        f"{source.name}:{line}"
        for source in sources(PRODUCT)
        for line, text in source.strings()
        if looks_like_sql(text)
        and database_time.search(text)
        and "CREATE TABLE IF NOT EXISTS schema_migration" not in text
    ]
    assert wrong == []


def test_stores_do_not_filter_by_organization_by_hand() -> None:
    """Row-level security does; a second rule beside it would be the one that is forgotten."""
    by_hand = re.compile(r"organization_id\s*=\s*%\(")
    wrong = [
        f"{source.name}:{line}"
        for source in sources(PRODUCT)
        for line, text in source.strings()
        if by_hand.search(text)
    ]
    assert wrong == []


def test_migrations_neither_look_back_nor_wait() -> None:
    """Forward only; no statement that cannot run in a transaction, except indexes in files that ask for none."""
    barred = re.compile(r"\b(CONCURRENTLY|VACUUM|COMMIT|ROLLBACK|ALTER SYSTEM)\b")
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((PRODUCT / "migrations").glob("*.sql"))}
    wrong = [
        f"{name}: {found.group()}"
        for name, text in texts.items()
        for found in barred.finditer(re.sub(r"--.*", "", text))
        if not (found.group() == "CONCURRENTLY" and text.startswith(OUTSIDE))
    ]
    assert wrong == []
