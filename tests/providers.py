"""The provider doubles beside the tests: the real SDKs talk to them over HTTP, webhooks wait until a test delivers them."""

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest

from chalicelib.kernel import clock
from chalicelib.kernel.settings import settings
from infra.local.doubles import signing
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.server import in_thread
from infra.local.doubles.signing import Source, Variant
from tests.circuits import close_all
from tests.client import Client, Reply

PATHS: dict[Source, str] = {
    "stripe": "/api/webhooks/stripe",
    "twilio": "/api/sms/status-callback",
    "elevenlabs": "/api/voice/webhook/call-complete",
}
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Delivery:
    """A webhook as its provider would send it."""

    source: Source
    type: str
    body: str
    media: str

    def send(self, api: Client, variant: Variant = "good", *, path: str = "") -> Reply:
        """Delivers it to the API, signed now."""
        path = path or PATHS[self.source]
        headers = signing.headers(
            DoublesSettings(),
            self.source,
            url=settings().public_url + path,
            body=self.body,
            now=clock.timestamp(),
            variant=variant,
        )
        plain = {name.lower().replace("-", "_"): value for name, value in headers.items()}
        return api.post(path, self.body.encode(), content_type=self.media, **plain)


@dataclass(frozen=True)
class Providers:
    """What a test tells the doubles, and what it may look at."""

    url: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of their control surface."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data=data, method=method), timeout=10) as answer:
            return json.loads(answer.read())

    def fail(self, provider: str, operation: str = "*", **rule: Any) -> None:
        """Makes the next call of an operation fail."""
        self.ask("POST", "/control/faults", {"provider": provider, "operation": operation, **rule})

    def count(self, provider: str, operation: str = "*") -> None:
        """Counts the calls of an operation from now on, for `asked`: before other rules, a rule that never fires."""
        self.fail(provider, operation, skip=10**9)

    def asked(self, provider: str, operation: str = "*") -> int:
        """How many calls there were since `count`."""
        rules = self.ask("GET", "/control/faults")["items"]
        found = [r for r in rules if (r["provider"], r["operation"], r["skip"]) == (provider, operation, 10**9)]
        return int(found[0]["seen"])

    def recover(self) -> None:
        """All providers behave again, and everybody knows. What was counted stays known no longer."""
        self.ask("DELETE", "/control/faults")
        close_all()

    def pay(self, intent_id: str, card: str = "success") -> None:
        """What Stripe.js does in the customer's browser."""
        self.ask("POST", "/control/stripe/pay", {"payment_intent": intent_id, "card": card})

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Everything of a kind that the doubles know."""
        found: list[dict[str, Any]] = self.ask("GET", f"/control/state?kind={kind}")["records"].get(kind, [])
        return found

    def inbox(self, kind: str) -> list[dict[str, Any]]:
        """What reached customers."""
        found: list[dict[str, Any]] = self.ask("GET", f"/inbox?kind={kind}")["items"]
        return found

    def webhooks(self, source: Source, *types: str, subject: str = "") -> list[Delivery]:
        """Webhooks that wait, oldest first; polled until every one of `types` is there."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            log = self.ask("GET", f"/control/webhooks/log?source={source}")["items"]
            found = [Delivery(source, d["type"], d["body"], d["media"]) for d in log if subject in d["body"]]
            if {d.type for d in found} >= set(types):
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{source} never sent {set(types) - {d.type for d in found}}")
            time.sleep(0.02)


def five_times_shuffled(deliveries: list[Delivery], seed: int) -> list[Delivery]:
    """Every delivery five times, in an order of chance."""
    many = deliveries * 5
    random.Random(seed).shuffle(many)
    return many


@contextmanager
def running() -> Iterator[Providers]:
    """Doubles that hold their webhooks, and settings that point to them."""
    with in_thread(DoublesSettings(doubles_port=0, smtp_port=0, doubles_step_s=0.01)) as doubles:
        changed = {
            "QM_OUTBOUND_ALLOWED": doubles.url.removeprefix("http://"),
            "QM_STRIPE_API_BASE": f"{doubles.url}/stripe",
            "QM_TWILIO_API_BASE": f"{doubles.url}/twilio",
            "QM_LLM_BASE_URL": f"{doubles.url}/llm/v1",
            "QM_SMTP_HOST": "127.0.0.1",
            "QM_SMTP_PORT": str(doubles.smtp_port),
            "QM_SMTP_STARTTLS": "false",
        }
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        settings.cache_clear()
        try:
            yield Providers(doubles.url)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            settings.cache_clear()


@pytest.fixture(scope="session")
def doubles(database: object, aws: None) -> Iterator[Providers]:
    """The doubles of this run."""
    with running() as started:
        yield started


@pytest.fixture
def providers(doubles: Providers) -> Providers:
    """The doubles, empty and well-behaved, holding their webhooks."""
    doubles.ask("POST", "/reset")
    doubles.ask("POST", "/control/webhooks", {"mode": "held"})
    close_all()
    return doubles
