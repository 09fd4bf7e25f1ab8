"""Faults that were asked for: which call fails, how, and how often."""

import asyncio
import json
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

Provider = Literal["stripe", "twilio", "mail", "easypost", "llm", "shop", "receiver"]


class FaultRule(BaseModel):
    """Fail some calls of one operation. `times` null: until cleared. `skip`: leave the first ones alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Provider
    operation: str = "*"
    status: int | None = Field(None, ge=400, le=599)
    """Answer with this status. Mail knows 4xx (try again) and 5xx (final) as SMTP codes."""
    is_after: bool = False
    """The status is answered after the work was done, not instead of it."""
    retry_after_s: int | None = Field(None, ge=0)
    """The header that goes with the status."""
    lie: dict[str, Any] | None = None
    """Fields of a JSON answer that say something else than what was done."""
    delay_s: float = Field(0.0, ge=0, le=120)
    drop: Literal["before", "after"] | None = None
    """Cut the connection instead of answering; ``after``: with the work done, an answer that gets lost."""
    kill: Literal["before", "after"] | None = None
    """SIGKILL for all doubles instead of an answer; ``after``: with the work done."""
    times: int | None = Field(1, ge=1)
    skip: int = Field(0, ge=0)
    probability: float = Field(1.0, ge=0, le=1)
    seed: int | None = None

    def matches(self, provider: str, operation: str) -> bool:
        """Whether this rule is about that call."""
        return self.provider == provider and self.operation in ("*", operation)


@dataclass
class _Armed:
    rule: FaultRule
    chance: random.Random
    seen: int = 0
    fired: int = 0

    def fires(self) -> bool:
        """Count a matching call and say whether it is hit."""
        self.seen += 1
        used_up = self.rule.times is not None and self.fired >= self.rule.times
        if used_up or self.seen <= self.rule.skip or self.chance.random() >= self.rule.probability:
            return False
        self.fired += 1
        return True


@dataclass
class Faults:
    """The rules in force, in the order they were given; the first that fires decides."""

    armed: list[_Armed] = field(default_factory=list)

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force."""
        self.armed.append(_Armed(rule, random.Random(rule.seed)))

    def clear(self) -> None:
        """Behave from now on."""
        self.armed.clear()

    def take(self, provider: str, operation: str) -> FaultRule | None:
        """The fault that hits this call, if any; uses it up."""
        hit = next((a for a in self.armed if a.rule.matches(provider, operation) and a.fires()), None)
        return hit.rule if hit else None

    def report(self) -> list[dict[str, object]]:
        """Rules with what they have done so far."""
        return [{**a.rule.model_dump(), "seen": a.seen, "fired": a.fired} for a in self.armed]


async def answer(
    request: web.Request,
    fault: FaultRule | None,
    work: Callable[[], Awaitable[web.StreamResponse]],
    refuse: Callable[[int], web.StreamResponse],
) -> web.StreamResponse:
    """Do the work under a fault: late, refused, refused although done, with a lie, or with the connection cut.

    aiohttp does not cancel a handler whose client gave up, so a late call is still carried out, as at a
    provider.
    """
    if fault is None:
        return await work()
    await asyncio.sleep(fault.delay_s)
    die(fault, "before")
    if fault.drop == "before":
        return _cut(request)
    if fault.status and not fault.is_after:
        return _hinted(refuse(fault.status), fault)
    response = await work()
    die(fault, "after")
    if fault.drop == "after":
        return _cut(request)
    if fault.status:
        return _hinted(refuse(fault.status), fault)
    return _lying(response, fault.lie) if fault.lie else response


def _hinted(response: web.StreamResponse, fault: FaultRule) -> web.StreamResponse:
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(fault.retry_after_s)
    return response


def _lying(response: web.StreamResponse, lie: Mapping[str, Any]) -> web.StreamResponse:
    """The answer with other values in some of its fields."""
    assert isinstance(response, web.Response)
    body = json.loads(response.text or "{}")
    return web.json_response({**body, **lie}, status=response.status)


def die(fault: FaultRule, moment: Literal["before", "after"]) -> None:
    """Ends this process at once if the fault says so for this moment."""
    if fault.kill == moment:
        os.kill(os.getpid(), signal.SIGKILL)


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.Response()
