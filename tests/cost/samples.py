"""Samples of the meter, made up."""

from collections import Counter
from typing import Any

from infra.cost.samples import Measured, Sample

IDLE = {
    name: {"invocations": 10, "wall_us": 50_000, "cpu_us": 10_000, "sql_statements": 90}
    for name in (
        "relay_outbox",
        "seal_audit",
        "expire_holds",
        "purge_expired",
        "sync_connectors",
        "count_key_uses",
        "score_customers",
        "reconcile_payments",
        "settle_payments",
    )
}


def sample(parts: dict[tuple[str, str], dict[str, int]], **others: Any) -> Sample:
    """A stretch of time in which so much was counted."""
    database = {"bytes": 9000, "wal_bytes": 40_960, "blocks_read": 0, "cpu_ms": 1000, **others.pop("database", {})}
    counted = {key: Counter(counts) for key, counts in parts.items()}
    return Sample(counted, database, others.pop("seconds", 10.0), others.pop("messages", {"sms": 3, "mail": 1}))


def idle() -> Sample:
    """Nobody calls; only the schedules run."""
    return sample(
        {(name, ""): counts for name, counts in IDLE.items()},
        database={"bytes": 0, "wal_bytes": 0, "cpu_ms": 20},
        seconds=20.0,
    )


def day(**api: int) -> Sample:
    """One order, shipped, and the work that it left to a queue."""
    one = {"invocations": 1, "wall_us": 20_000, "cpu_us": 10_000, "answers 2xx": 1, "answer_bytes": 500}
    return sample({
        ("api", "POST /api/orders"): {**one, "sql_statements": 8, **api},
        ("api", "POST /api/shipping/fulfill"): one,
        ("api", "GET /api/books"): {**one, "sql_statements": 100},
        ("work_queue", "orders.placed"): {"invocations": 1, "wall_us": 5000, "cpu_us": 1000},
        ("telemetry_queue", ""): {"invocations": 2, "wall_us": 8000, "cpu_us": 2000},
        ("iot_rule", ""): {"iot_heard": 2, "iot_messages": 2, "iot_rules": 2, "iot_actions": 2},
        ("outside", ""): {"sqs_receives": 50, "sqs_deletes": 2},
        ("relay_outbox", ""): {"invocations": 100, "wall_us": 500_000, "sqs_sends": 1, "sqs_messages": 1},
        ("seal_audit", ""): {"invocations": 5, "wall_us": 50_000},
    })  # fmt: skip


def measured(*days: Sample) -> Measured:
    """A measurement of some days, by default one."""
    return Measured(idle(), list(days) or [day()])
