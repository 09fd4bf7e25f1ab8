"""Who may import whom. Contexts meet at the front door: the package itself, and its events."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter

from tests.house.source import PRODUCT, ROOT, Source, sources

ALLOWED: dict[str, set[str]] = {
    "catalogue": set(),
    "places": {"stock"},
    "stock": set(),
    "platform": set(),
    "identity": {"places"},
    "orders": {"catalogue", "places", "stock"},
    "payments": {"orders"},
    "messaging": {"orders", "payments"},
    "customers": {"identity", "messaging", "orders", "payments"},
    "robots": {"places", "stock"},
    "picking": {"catalogue", "orders", "robots", "stock"},
    "packing": {"catalogue", "orders"},
    "dispatch": {"orders", "picking", "places", "stock"},
    "lookups": {"catalogue", "orders"},
    "transfers": {"stock"},
    "putaway": {"catalogue", "transfers"},
    "voice": {"orders"},
    "counts": {"places", "stock"},
    "purchasing": set(),
    "receiving": {"places", "purchasing", "stock"},
    "connectors": {"catalogue", "orders"},
    "feed": set(),
    "overview": {"picking", "places"},
    "audit": set(),
    "imports": {"catalogue", "orders", "places", "purchasing"},
    "books": {"orders", "payments", "stock"},
    "insights": {"catalogue", "orders"},
}
"""Context -> contexts that it may call or listen to. Kernel and adapters are for everybody."""

CALL_BACKS: dict[tuple[str, str], str] = {
    ("orders", "customers"): "who has proven a telephone number may see the orders it was given for",
    ("orders", "picking"): "an order that is called off while it is picked leaves its batch in the same transaction",
    ("payments", "messaging"): "evidence in a dispute says what the customer was told",
    ("robots", "picking"): "a box at the balcony hands its task over to the floor in the same transaction",
}
"""Calls against the direction of the table: imported where they are used, each with its reason."""

KERNEL_REACHES: dict[tuple[str, str], str] = {
    ("chalicelib/kernel/schedules.py", "chalicelib.orders"): "the schedule that returns the stock of unpaid orders",
    ("chalicelib/kernel/schedules.py", "chalicelib.catalogue"): "the schedule that ends uploads of which nothing came",
    (
        "chalicelib/kernel/schedules.py",
        "chalicelib.identity",
    ): "schedules that remove sessions, that count uses of keys",
    ("chalicelib/kernel/schedules.py", "chalicelib.connectors"): "the schedule that starts syncs whose time has come",
    ("chalicelib/kernel/schedules.py", "chalicelib.insights"): "the schedule that has scores of customers computed",
    (
        "chalicelib/kernel/schedules.py",
        "chalicelib.payments",
    ): "schedules that look at unfinished payments, and reconcile",
}
"""What the kernel names of the rest; imported when it is needed."""

SHARED = {"kernel", "adapters"}
INPUT_OUTPUT = {"uow", "clock", "database", "dynamo", "queues", "settings"}
"""Kernel modules that `rules.py` must not know: rules decide, they do not look anything up."""


@dataclass(frozen=True)
class Import:
    """One import of ours, or the text of an `import_module`."""

    source: Source
    line: int
    module: str
    is_late: bool

    @property
    def target(self) -> str:
        return self.module.split(".")[1]

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line} imports {self.module}"


def imports_of(source: Source) -> Iterator[Import]:
    """Imports below `chalicelib`; `from chalicelib import stock` counts as chalicelib.stock."""
    for parent in ast.walk(source.tree):
        for node in ast.iter_child_nodes(parent):
            is_late = not isinstance(parent, ast.Module)
            for module in _named(node):
                yield Import(source, getattr(node, "lineno", 0), module, is_late)


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == "chalicelib":
        found = [f"chalicelib.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        found = [node.module or ""]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        found = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
    else:
        found = []
    return [module for module in found if module.startswith("chalicelib.")]


IMPORTS = [found for source in sources(PRODUCT) for found in imports_of(source)]
ACROSS = [i for i in IMPORTS if i.target != i.source.context and i.source.context not in {*SHARED, "__init__"}]


def test_every_context_stands_in_the_table() -> None:
    folders = {path.name for path in PRODUCT.iterdir() if (path / "__init__.py").exists()} - SHARED - {"migrations"}
    assert folders == set(ALLOWED)


def test_the_table_has_no_circles() -> None:
    assert len(list(TopologicalSorter(ALLOWED).static_order())) == len(ALLOWED)


def test_contexts_import_whom_the_table_allows() -> None:
    wrong = [
        str(i)
        for i in ACROSS
        if i.target not in SHARED | ALLOWED[i.source.context]
        and not ((i.source.context, i.target) in CALL_BACKS and i.is_late)
    ]
    assert wrong == []


def test_contexts_meet_at_the_front_door() -> None:
    doors = {f"chalicelib.{context}{suffix}" for context in ALLOWED for suffix in ("", ".events")}
    wrong = [str(i) for i in ACROSS if i.target not in SHARED and i.module not in doors]
    assert wrong == []


def test_the_table_allows_no_more_than_is_used() -> None:
    used = {(i.source.context, i.target) for i in ACROSS if i.target not in SHARED}
    granted = {(context, other) for context, others in ALLOWED.items() for other in others} | set(CALL_BACKS)
    assert granted - used == set()


def test_the_kernel_knows_no_context() -> None:
    wrong = [
        str(i)
        for i in IMPORTS
        if i.source.context == "kernel"
        and i.target != "kernel"
        and not ((i.source.name, i.module) in KERNEL_REACHES and i.is_late)
    ]
    assert wrong == []


def test_adapters_know_no_context() -> None:
    assert [str(i) for i in IMPORTS if i.source.context == "adapters" and i.target not in SHARED] == []


def test_rules_look_nothing_up() -> None:
    wrong = [
        str(i)
        for i in IMPORTS
        if i.source.path.name == "rules.py" and i.target == "kernel" and i.module.split(".")[-1] in INPUT_OUTPUT
    ]
    assert wrong == []


HEAVY = {
    "stripe",
    "twilio",
    "requests",
    "numpy",
    "PIL",
    "jinja2",
    "reportlab",
    "openai",
    "easypost",
    "phonenumbers",
    "cryptography",
}
"""Imported where they are used: cold start is a feature (FACTS.md)."""
LOAD_ALL_ROUTES = """
import importlib, sys
for module in sys.argv[2:]:
    importlib.import_module(module)
print(*sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1].split())))
"""


def test_no_endpoint_loads_a_heavy_library_before_it_needs_it() -> None:
    modules = [
        ".".join(source.path.relative_to(ROOT).with_suffix("").parts)
        for source in sources(PRODUCT)
        if source.path.name == "routes.py"
    ]
    assert len(modules) > 10
    command = [sys.executable, "-c", LOAD_ALL_ROUTES, " ".join(sorted(HEAVY)), *modules]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_only_the_kernel_touches_chalice() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in sources(PRODUCT)
        if source.context != "kernel"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        and "chalice" in ast.unparse(node).replace("chalicelib", "").split()
    ]
    assert wrong == []


def test_the_product_never_imports_what_is_not_packaged() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in sources(PRODUCT)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("infra", "tests")
    ]
    assert wrong == []
