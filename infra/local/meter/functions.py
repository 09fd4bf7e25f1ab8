"""Invocations: each handler of app.py within a wrapper that counts what Lambda and API Gateway would bill."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.meter.counters import Meter, Work

Handler = Callable[[dict[str, Any], Any], Any]
UNROUTED = "-"
"""The part of requests that no route takes."""


def measured(meter: Meter, function: str, handler: Handler, part_of: Callable[[dict[str, Any]], str]) -> Handler:
    """`handler`, counted: invocations, wall and CPU time (of the thread), and what an answer over HTTP weighs."""

    def invoke(event: dict[str, Any], context: Any) -> Any:
        work = Work(function, part_of(event))
        with meter.working(work):
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                result = handler(event, context)
            finally:
                meter.add({
                    "invocations": 1,
                    "wall_us": round((time.perf_counter() - wall) * 1_000_000),
                    "cpu_us": round((time.thread_time() - cpu) * 1_000_000),
                })  # fmt: skip
            if "httpMethod" in event:
                kind = int(result.get("statusCode", 502)) // 100
                meter.add({"answer_bytes": answer_bytes(result), f"answers {kind}xx": 1})
            return result

    return invoke


def answer_bytes(result: Mapping[str, Any]) -> int:
    """What an answer weighs on the wire: status line, headers, body. Nothing for what the gateway cannot send."""
    body = result.get("body") or ""
    weight = len(body) * 3 // 4 if result.get("isBase64Encoded") else len(body.encode())
    many = result.get("multiValueHeaders") or {}
    pairs = [*(result.get("headers") or {}).items(), *((name, value) for name in many for value in many[name])]
    return len("HTTP/1.1 200 OK\r\n\r\n") + weight + sum(len(f"{name}: {value}\r\n") for name, value in pairs)


def route_of() -> Callable[[dict[str, Any]], str]:
    """Names the route of an API Gateway event: ``POST /api/orders``."""
    from chalicelib.kernel.resolver import BadPath, Match, Resolver
    from chalicelib.routes import ROUTES

    resolver = Resolver((method, path, f"{method} {path}") for method, path, *_ in ROUTES)

    def name(event: dict[str, Any]) -> str:
        try:
            found = resolver.resolve(event["httpMethod"], event["path"])
        except BadPath:
            return UNROUTED
        return found.target if isinstance(found, Match) else UNROUTED

    return name


def topic_of(event: dict[str, Any]) -> str:
    """Names the topic of the first message of an SQS event; telemetry has none."""
    body = json.loads(event["Records"][0]["body"])
    return str(body.get("topic", "")) if "outbox_id" in body else ""


def no_part(_event: dict[str, Any]) -> str:
    """For functions that do one thing."""
    return ""
