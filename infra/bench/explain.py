"""What PostgreSQL says about the statements of a request: EXPLAIN (ANALYZE) of each, in the transaction's own organization."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.kernel import store
from chalicelib.kernel.uow import Params, Query, UnitOfWork

if TYPE_CHECKING:
    from tests.client import Client
    from tests.tenant import Tenant

RUNS = 5
_CONTROL = (store.COMMIT, store.SAVEPOINT, store.ROLLBACK_TO_SAVEPOINT)
_STEPS = ("Scan", "Sort", "Aggregate")


@dataclass(frozen=True)
class Statement:
    """A statement as a request sent it."""

    text: str
    params: Params


@dataclass
class Plan:
    """What the statements of one request cost together. Milliseconds of execution; planning does not grow with the data."""

    ms: float = 0.0
    buffers: int = 0
    steps: list[str] = field(default_factory=list)
    """Scans, sorts and aggregates with the rows that came out, the ones with the most rows first."""


@contextmanager
def watching() -> Iterator[list[Statement]]:
    """Collects what requests of this thread send to the database."""
    seen: list[Statement] = []
    run = UnitOfWork._run

    def note(uow: UnitOfWork, sql: Query, params: Params) -> Any:
        if sql not in _CONTROL:
            text = sql if isinstance(sql, str) else sql.as_string(uow.connection)
            seen.append(Statement(text, params))
        return run(uow, sql, params)

    UnitOfWork._run = note  # type: ignore[method-assign, assignment]  # put back below
    try:
        yield seen
    finally:
        UnitOfWork._run = run  # type: ignore[method-assign]  # as above


def explain(tenant: "Tenant", caller: "Client", path: str) -> Plan:
    """The plan of a GET's statements, with the quickest of several executions of each: what else
    a machine does only ever adds to the time. Raises AssertionError unless 200."""
    with watching() as seen:
        reply = caller.get(path)
    assert reply.status == 200, (path, reply.json)
    plan = Plan()
    with tenant.uow() as uow:
        for statement in seen:
            _add(plan, [_analyzed(uow, statement) for _ in range(RUNS)])
    plan.steps.sort(key=lambda step: -int(step.split()[-1]))
    return plan


def _analyzed(uow: UnitOfWork, statement: Statement) -> dict[str, Any]:
    query = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + statement.text
    found = uow.value(query, statement.params)
    explained = json.loads(found) if isinstance(found, str) else found
    root: dict[str, Any] = explained[0]
    return root


def _add(plan: Plan, runs: list[dict[str, Any]]) -> None:
    plan.ms += min(run["Execution Time"] for run in runs)
    root = runs[-1]["Plan"]
    plan.buffers += root["Shared Hit Blocks"] + root["Shared Read Blocks"]
    plan.steps += [
        f"{node['Node Type']}{_on(node)} {int(node['Actual Rows'] * node['Actual Loops'])}"
        for node in _nodes(root)
        if node["Node Type"].endswith(_STEPS)
    ]


def _on(node: dict[str, Any]) -> str:
    name = node.get("Index Name") or node.get("Relation Name") or node.get("Function Name")
    return f" {name}" if name else ""


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
