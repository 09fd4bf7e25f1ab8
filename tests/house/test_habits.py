"""Habits of STYLE.md, 4, 7 and 9, that a program can check."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.source import PRODUCT, ROOT, Source, everything, product, sources

REASON = re.compile(r"#\s*(?P<marker>noqa|type:\s*ignore|pragma|mypy|ruff)\b[^#]*(?P<reason>#\s*\S.{3,})?")
PERSONAL = re.compile(
    r"(^|_)(email|mail|phone|address|name|first_name|last_name|username|password|secret|token|key|code|otp|body|card|iban"
    r"|account_number|transcript|ip|payload|query|headers|cookie)$"
)
LOGGABLE = {"code", "migration"}
"""Field names of log lines that look personal and are not: an error's stable code, a migration's file name."""


def test_an_exception_to_a_rule_gives_its_reason_on_the_line() -> None:
    wrong = []
    for source in everything():
        for line, comment in source.comments.items():
            found = REASON.match(comment)
            if found and not found["reason"]:
                wrong.append(f"{source.name}:{line} {comment}")
    assert wrong == []


def test_a_to_do_names_an_issue() -> None:
    wrong = [
        f"{source.name}:{line} {comment}"
        for source in everything()
        for line, comment in source.comments.items()
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", comment) and not re.search(r"issue \d+", comment)
    ]
    assert wrong == []


def test_the_time_is_the_business_clocks() -> None:
    """A moved clock must move everything. `time.monotonic` and `perf_counter` measure, they do not tell the time."""
    barred = re.compile(r"^(datetime\.)*(datetime|date)\.(now|utcnow|today)$|^time\.time(_ns)?$|^(now|utcnow)$")
    wrong = [
        f"{source.name}:{node.lineno} {name}"
        for source in product()
        if source.name not in ("chalicelib/kernel/clock.py", "chalicelib/kernel/log.py")
        for name, node in source.calls()
        if barred.match(name)
    ]
    assert wrong == []


def test_services_take_the_time_from_the_unit_of_work() -> None:
    """Inside a transaction there is one time: `uow.now`."""
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in sources(PRODUCT)
        if source.path.name in ("service.py", "store.py", "rules.py", "routes.py", "shapes.py")
        and source.context != "kernel"
        for name, node in source.calls()
        if name in ("clock.now", "clock.timestamp")
    ]
    assert wrong == []


def test_the_environment_is_read_in_one_place() -> None:
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in product()
        if source.name != "chalicelib/kernel/settings.py"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and ast.unparse(node) in ("os.environ", "os.getenv", "environ", "getenv")
    ]
    assert wrong == []


@pytest.mark.parametrize("source", product(), ids=lambda s: s.name)
def test_what_others_may_call_is_explained_and_annotated(source: Source) -> None:
    """Docstrings on public functions, methods and classes of modules; types on every signature (mypy sees to those)."""
    wrong = [
        f"{source.name}:{node.lineno} {node.name}"
        for parent in ast.walk(source.tree)
        if isinstance(parent, ast.Module) or (isinstance(parent, ast.ClassDef) and not parent.name.startswith("_"))
        for node in parent.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_setter(node)
    ]
    assert wrong == []
    assert ast.get_docstring(source.tree) or not source.tree.body, f"{source.name} does not say what it is for"


def _is_setter(node: ast.AST) -> bool:
    return any(ast.unparse(d).endswith(".setter") for d in getattr(node, "decorator_list", []))


def test_logs_hold_ids_and_no_personal_data() -> None:
    """Field names of log lines and dimensions of metrics; an f-string as message could hold anything."""
    wrong = []
    for source in product():
        for name, call in source.calls():
            if not re.match(r"^(\w+\.)?(logger|log)\.(debug|info|warning|error|exception|critical)$", name):
                continue
            if call.args and not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)):
                wrong.append(f"{source.name}:{call.lineno} message is no constant")
            for keyword in call.keywords:
                if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
                    fields = [k.value for k in keyword.value.keys if isinstance(k, ast.Constant)]
                    wrong += [
                        f"{source.name}:{call.lineno} {field}"
                        for field in map(str, fields)
                        if PERSONAL.search(field) and field not in LOGGABLE
                    ]
    assert wrong == []


def test_nothing_prints() -> None:
    """Logs go through the logger; `sys.stdout` is for the metric format alone."""
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in product()
        for name, node in source.calls()
        if name == "print"
        or (name.startswith(("sys.stdout", "sys.stderr")) and source.name != "chalicelib/kernel/log.py")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_says_why(name: str) -> None:
    wrong = [
        line
        for line in Path(ROOT / name).read_text(encoding="utf-8").splitlines()
        if line.strip()
        and not line.startswith(("#", "-"))
        and not re.search(r"\s#\s\S.{8,}", line)
        and line.split(">")[0].split("=")[0].strip() not in ("pytest", "ruff", "mypy")
    ]
    assert wrong == []


def test_tests_do_not_reach_the_network_or_sleep() -> None:
    """Polling with a deadline is fine; a bare sleep is a guess. Real hosts have no place in a test."""
    wrong = [
        f"{source.name}:{node.lineno}"
        for source in sources(ROOT / "tests")
        for name, node in source.calls()
        if name in ("time.sleep", "sleep")
        and source.comments.get(node.lineno) is None
        and not _is_in_loop(source, node)
    ]
    assert wrong == []


def _is_in_loop(source: Source, call: ast.Call) -> bool:
    return any(
        isinstance(node, ast.While | ast.For) and node.lineno <= call.lineno <= (node.end_lineno or 0)
        for node in ast.walk(source.tree)
    )
