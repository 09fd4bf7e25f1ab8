"""The doubles on free ports, a platform that receives webhooks, and the real adapters pointed at the doubles."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from pydantic import SecretStr

from chalicelib.adapters.mail import SmtpMailer
from chalicelib.adapters.sms import TwilioGateway
from chalicelib.adapters.stripe_api import StripeGateway
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.server import Doubles, in_thread
from tests.circuits import close_all

DEADLINE_S = 8.0
STRIPE_KEY = SecretStr("sk_test_doubles")
STRIPE_SECRET = SecretStr("whsec_doubles")
TWILIO_SID, TWILIO_TOKEN = "AC" + "0" * 32, SecretStr("twilio-token")
VOICE_SECRET = SecretStr("voice-secret")


def until(is_so: Callable[[], Any]) -> Any:
    """Poll until something is true; returns it."""
    ends_at = time.monotonic() + DEADLINE_S
    while not (found := is_so()):
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.005)
    return found


@pytest.fixture(autouse=True)
def _circuits(aws: None) -> None:
    """The adapters ask the table whether a provider is away."""
    close_all()


@dataclass(frozen=True)
class Hook:
    """A webhook as it arrived."""

    path: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Platform:
    """Takes webhooks; `answers` are the statuses of the next ones, 200 after that."""

    url: str = ""
    hooks: list[Hook] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def types(self) -> list[str]:
        """Types of Stripe's events, in the order of arrival."""
        return [hook.json["type"] for hook in list(self.hooks) if hook.path == "/api/webhooks/stripe"]

    def wait_for(self, *types: str) -> None:
        """Until these events have arrived, in any order, and no others."""
        until(lambda: sorted(self.types()) == sorted(types))


@pytest.fixture
def platform() -> Iterator[Platform]:
    took = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            took.hooks.append(Hook(self.path, took.url + self.path, dict(self.headers), body))
            self.send_response(took.answers.pop(0) if took.answers else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    took.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield took
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(platform: Platform, tmp_path: Path) -> DoublesSettings:
    return DoublesSettings(
        doubles_port=0,
        smtp_port=0,
        public_url=platform.url,
        data_dir=tmp_path,
        stripe_api_key=STRIPE_KEY,
        stripe_webhook_secret=STRIPE_SECRET,
        twilio_account_sid=TWILIO_SID,
        twilio_auth_token=TWILIO_TOKEN,
        elevenlabs_webhook_secret=VOICE_SECRET,
        doubles_step_s=0.01,
        doubles_retry_s=0.01,
    )


@pytest.fixture
def doubles(settings: DoublesSettings) -> Iterator[Doubles]:
    with in_thread(settings) as running:
        yield running


class Control:
    """The control surface."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def close(self) -> None:
        self._session.close()

    def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self._session.post(self._url + path, json={} if body is None else body, timeout=DEADLINE_S)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, **query: str) -> Any:
        answer = self._session.get(self._url + path, params=query, timeout=DEADLINE_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, provider: str, operation: str, **how: Any) -> None:
        self.post("/control/faults", {"provider": provider, "operation": operation, **how})

    def pay(self, intent_id: str, card: str = "success", *, status: int = 200) -> Any:
        return self.post("/control/stripe/pay", {"payment_intent": intent_id, "card": card}, status=status)

    def inbox(self, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/inbox", **query)["items"]
        return items

    def log(self, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/control/webhooks/log", **query)["items"]
        return items


@pytest.fixture
def control(doubles: Doubles) -> Iterator[Control]:
    opened = Control(doubles.url)
    yield opened
    opened.close()


def stripe_gateway(doubles: Doubles, *, key: SecretStr = STRIPE_KEY, read_s: float = 5) -> StripeGateway:
    return StripeGateway(
        api_key=key,
        webhook_secret=STRIPE_SECRET,
        api_base=f"{doubles.url}/stripe",
        timeout_s=(1, read_s),
    )


def twilio_gateway(doubles: Doubles, *, token: SecretStr = TWILIO_TOKEN, read_s: float = 5) -> TwilioGateway:
    return TwilioGateway(
        account_sid=TWILIO_SID,
        auth_token=token,
        from_number="+12025550100",
        api_base=f"{doubles.url}/twilio",
        timeout_s=read_s,
    )


@pytest.fixture
def payments(doubles: Doubles) -> StripeGateway:
    return stripe_gateway(doubles)


@pytest.fixture
def sms(doubles: Doubles) -> TwilioGateway:
    return twilio_gateway(doubles)


@pytest.fixture
def mailer(doubles: Doubles) -> SmtpMailer:
    sender = "Quartermaster <no-reply@shop.example>"
    return SmtpMailer(host="127.0.0.1", port=doubles.smtp_port, sender=sender, starttls=False, timeout_s=5)
