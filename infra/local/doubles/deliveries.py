"""Webhooks to the platform: sent, tried again, and on demand late, twice, shuffled, held or forged."""

import asyncio
import random
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.kernel import clock
from infra.local.doubles import signing
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.signing import Source, Variant
from infra.local.doubles.store import Doc, Store

ANSWER_S = 10.0
"""How long a receiver may take. Stripe, Twilio and EasyPost allow 7 to 20 s."""
PAUSE_MAX_S = 30.0
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a source tries. `on_status`: also after an answer other than 2xx, not only without one."""

    tries: int
    on_status: bool


POLICIES: dict[Source, Policy] = {
    "stripe": Policy(12, on_status=True),
    "twilio": Policy(2, on_status=False),
    "elevenlabs": Policy(5, on_status=True),
    "easypost": Policy(7, on_status=True),
}
"""Stripe tries for three days, EasyPost six more times; Twilio repeats only what did not connect (each one's
documentation of webhooks). ElevenLabs' retries are a setting that we take as switched on."""

Mode = Literal["normal", "twice", "shuffled", "delayed", "held", "tampered", "foreign", "stale", "future"]


class WebhookMode(BaseModel):
    """How webhooks of a source (``*``: of all) leave from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Source | Literal["*"] = "*"
    mode: Mode = "normal"
    delay_s: float = Field(0.5, ge=0, le=120)
    """For ``delayed``."""
    window_s: float = Field(0.2, ge=0, le=10)
    """For ``shuffled``: how long webhooks gather before they leave in random order."""
    seed: int | None = None


class Deliveries:
    """A webhook is a ``delivery`` (what) and a ``delivery_state`` (how it went); a kill forgets neither."""

    def __init__(self, store: Store, settings: DoublesSettings) -> None:
        self._store = store
        self._settings = settings
        self._modes: dict[str, WebhookMode] = {}
        self._gathered: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP session and take up what an earlier process left unfinished."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        for state in self._store.all("delivery_state"):
            if state["state"] == "pending":
                self._spawn(self._deliver(state["id"], "good"))

    async def stop(self) -> None:
        """Stop sending; what is unfinished stays in the journal."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def cancel(self) -> None:
        """Drop everything under way."""
        self._gathered.clear()
        for task in self._tasks:
            task.cancel()

    def reset(self) -> None:
        """Back to normal, with nothing under way."""
        self.cancel()
        self._modes.clear()

    def set_mode(self, mode: WebhookMode) -> None:
        """Change how webhooks leave; ``*`` replaces what was said about single sources."""
        if mode.source == "*":
            self._modes.clear()
        self._modes[mode.source] = mode

    def enqueue(self, source: Source, *, type: str, external_id: str, url: str, body: str, media: str) -> str:
        """Send a webhook once the surrounding change is kept; returns the delivery's id."""
        delivery_id = f"whd_{secrets.token_hex(8)}"
        held = self._mode(source).mode == "held"
        delivery = {
            "id": delivery_id,
            "source": source,
            "type": type,
            "external_id": external_id,
            "url": url,
            "body": body,
            "media": media,
            "at": clock.now().isoformat(),
        }
        state: Doc = {"id": delivery_id, "state": "held" if held else "pending", "attempts": []}
        with self._store.batch():
            self._store.put("delivery", delivery_id, delivery)
            self._store.put("delivery_state", delivery_id, state)
            if not held:
                self._store.after_commit(lambda: self._route(delivery_id, source))
        return delivery_id

    def release(self, *, order: Literal["fifo", "reversed", "shuffled"], seed: int | None) -> list[str]:
        """Let go of what is held, one after the other in this order, and stop holding. Returns the ids."""
        held = [state["id"] for state in self._store.all("delivery_state") if state["state"] == "held"]
        if order == "reversed":
            held.reverse()
        elif order == "shuffled":
            random.Random(seed).shuffle(held)
        self._modes = {source: mode for source, mode in self._modes.items() if mode.mode != "held"}
        for delivery_id in held:
            self._set(delivery_id, state="pending")
        self._spawn(self._in_order(held))
        return held

    def redeliver(self, delivery_id: str, variant: Variant = "good") -> bool:
        """Send one again, whatever became of it. False when there is none of that id."""
        if self._store.get("delivery", delivery_id) is None:
            return False
        self._spawn(self._deliver(delivery_id, variant))
        return True

    def log(self, *, source: str | None, type: str | None) -> list[Doc]:
        """Deliveries with their attempts, oldest first."""
        return [
            {**delivery, **(self._store.get("delivery_state", delivery["id"]) or {})}
            for delivery in self._store.all("delivery")
            if source in (None, delivery["source"]) and type in (None, delivery["type"])
        ]

    def report(self) -> list[Doc]:
        """The modes in force."""
        return [mode.model_dump() for mode in self._modes.values()]

    def _mode(self, source: str) -> WebhookMode:
        return self._modes.get(source) or self._modes.get("*") or WebhookMode()

    def _route(self, delivery_id: str, source: Source) -> None:
        mode = self._mode(source)
        if mode.mode == "shuffled":
            if not self._gathered:
                self._spawn(self._scatter(mode))
            self._gathered.append(delivery_id)
        elif mode.mode in ("tampered", "foreign", "stale", "future"):
            self._spawn(self._deliver(delivery_id, mode.mode))
        else:
            pause_s = mode.delay_s if mode.mode == "delayed" else 0.0
            for _ in range(2 if mode.mode == "twice" else 1):
                self._spawn(self._deliver(delivery_id, "good", pause_s))

    async def _scatter(self, mode: WebhookMode) -> None:
        await asyncio.sleep(mode.window_s)
        gathered, self._gathered = self._gathered, []
        random.Random(mode.seed).shuffle(gathered)
        await self._in_order(gathered)

    async def _in_order(self, delivery_ids: list[str]) -> None:
        """First tries strictly one after the other; retries then go their own way."""
        for delivery_id in delivery_ids:
            if not await self._attempt(delivery_id, "good"):
                self._spawn(self._deliver(delivery_id, "good", self._settings.doubles_retry_s))

    async def _deliver(self, delivery_id: str, variant: Variant, pause_s: float = 0.0) -> None:
        """Try until it is taken or the source gives up. A forged one is tried once."""
        await asyncio.sleep(pause_s)
        delivery = self._store.get("delivery", delivery_id)
        tries = POLICIES[delivery["source"]].tries if delivery and variant == "good" else 1
        for number in range(tries):
            if await self._attempt(delivery_id, variant):
                return
            await asyncio.sleep(min(self._settings.doubles_retry_s * 2**number, PAUSE_MAX_S))
        self._set(delivery_id, state="failed")

    async def _attempt(self, delivery_id: str, variant: Variant) -> bool:
        """One try; True when there is no reason for another."""
        delivery = self._store.get("delivery", delivery_id)
        if delivery is None:
            return True
        async with self._slots:
            started = time.monotonic()
            outcome = await self._send(delivery, variant)
        taken = 200 <= (outcome["status"] or 0) < 300
        done = taken or (outcome["status"] is not None and not POLICIES[delivery["source"]].on_status)
        attempt = {**outcome, "variant": variant, "seconds": round(time.monotonic() - started, 4)}
        self._note(delivery_id, attempt, "delivered" if taken else "failed" if done else None)
        return done

    async def _send(self, delivery: Doc, variant: Variant) -> Doc:
        """Each try is signed anew, with the time of the try (Stripe, Webhooks, Replay attacks)."""
        assert self._session
        headers = signing.headers(
            self._settings,
            delivery["source"],
            url=delivery["url"],
            body=delivery["body"],
            now=clock.timestamp(),
            variant=variant,
        )
        headers["Content-Type"] = delivery["media"]
        at = clock.now().isoformat()
        try:
            async with self._session.post(
                delivery["url"], data=delivery["body"].encode(), headers=headers, allow_redirects=False
            ) as response:
                await response.read()
                return {"at": at, "status": response.status, "error": None}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return {"at": at, "status": None, "error": f"{type(error).__name__}: {error}"}

    def _note(self, delivery_id: str, attempt: Doc, state: str | None) -> None:
        known = self._store.get("delivery_state", delivery_id)
        if known is None:
            return
        final = "delivered" if known["state"] == "delivered" else state or known["state"]
        self._set(delivery_id, state=final, attempts=[*known["attempts"], attempt])

    def _set(self, delivery_id: str, **changes: Any) -> None:
        known = self._store.get("delivery_state", delivery_id)
        if known is None or (known["state"] == "delivered" and changes.get("state") == "failed"):
            return
        self._store.put("delivery_state", delivery_id, {**known, **changes})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
