"""What customers were sent, as it lies before it leaves; and what a request did besides answering."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib import routes
from chalicelib.kernel import dynamo, jobs
from tests.client import Reply
from tests.tenant import Tenant

DUE = "SELECT id, topic FROM outbox WHERE topic LIKE 'customers.%%' AND closed_at IS NULL ORDER BY id"
MESSAGES = "SELECT recipient, subject, body_text, is_secret FROM message WHERE kind = %(kind)s ORDER BY id"
RESET = re.compile(r"https://shop\.example\.test/reset-password#token=(\S+)")
VERIFY = re.compile(r"https://shop\.example\.test(/api/auth/verify-email/\S+)")
CODE = re.compile(r"^([0-9]{6}) is your code")


def work_off(tenant: Tenant) -> None:
    """Does the work that customers left, and none of what it leaves to others: nothing is sent."""
    for row in tenant.rows(DUE):
        jobs.run(tenant.id, row["id"], row["topic"], routes.CONSUMERS)
    assert tenant.rows(DUE) == []


def messages(tenant: Tenant, kind: str) -> list[dict[str, Any]]:
    """All messages of a kind so far, the oldest first, once the work is done."""
    work_off(tenant)
    return tenant.rows(MESSAGES, kind=kind)


def _found(tenant: Tenant, kind: str, pattern: re.Pattern[str]) -> list[str]:
    return [pattern.search(m["body_text"])[1] for m in messages(tenant, kind)]  # type: ignore[index]  # a message without it fails here, as it should


def reset_tokens(tenant: Tenant) -> list[str]:
    """Tokens of the links that were mailed."""
    return _found(tenant, "reset_password", RESET)


def verification_paths(tenant: Tenant) -> list[str]:
    """Paths of the links that prove an address."""
    return _found(tenant, "verify_email", VERIFY)


def codes(tenant: Tenant) -> list[str]:
    """Codes of the text messages."""
    return _found(tenant, "one_time_code", CODE)


@contextmanager
def table_calls() -> Iterator[list[str]]:
    """The operations that this process asks of DynamoDB in the meantime."""
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    events = dynamo.client().meta.events
    events.register("before-call.dynamodb", note)
    try:
        yield asked
    finally:
        events.unregister("before-call.dynamodb", note)


def seen_of(reply: Reply) -> tuple[Any, ...]:
    """Everything of an answer that a stranger can look at, but its own id."""
    headers = {name: value for name, value in reply.headers.items() if name not in ("X-Request-Id",)}
    return reply.status, reply.body, headers, reply.cookies
