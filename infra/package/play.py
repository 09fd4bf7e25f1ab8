"""The order path of the day, through nothing but events: what API Gateway, SQS and the scheduler hand to functions."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import SecretStr

from infra.local.demo.company import PASSWORD, company
from infra.local.doubles import signing
from infra.local.doubles.config import DoublesSettings
from infra.local.events import answer_of, proxy_event
from infra.package import gateway
from infra.package.errors import PackageError
from infra.package.ground import Ground
from infra.package.lambdas import Lambdas, end

QUEUES = {"work": "work_queue", "messages": "messages_queue", "webhooks": "webhooks_queue"}
SCHEDULES = (
    "relay_outbox",
    "expire_holds",
    "seal_audit",
    "purge_expired",
    "sync_connectors",
    "count_key_uses",
    "score_customers",
    "reconcile_payments",
    "settle_payments",
)
WARM_CALLS = 40
COLD_STARTS = 3
ROUNDS = 20
ADMINISTRATOR = "m.okafor"
DELIVERY = {
    "delivery_name": "Boot Test",
    "delivery_address": "1 Package St",
    "delivery_city": "Chicago",
    "delivery_state": "IL",
    "delivery_zip": "60601",
}


@dataclass(frozen=True)
class Figures:
    """What the API's function needed. Seconds, measured on this machine; the gateway's own time comes on top."""

    init_s: float
    first_call_s: float
    warm_median_s: float
    memory_max_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"boots: started in {self.init_s:.2f} s, first answer after {self.init_s + self.first_call_s:.2f} s, "
            f"warm {self.warm_median_s * 1000:.1f} ms, {self.memory_max_bytes / 1e6:.0f} MB at most"
        )


@dataclass
class Path:
    """Plays on one package. Every step that goes wrong raises PackageError with what was answered."""

    lambdas: Lambdas
    ground: Ground
    say: Callable[[str], None] = print
    cookie: str = ""
    order_number: str = ""
    intent_id: str = ""
    mails: list[str] = field(default_factory=list)

    @property
    def buyer(self) -> str:
        """Whom the mails go to."""
        return next(customer.email for customer in company().customers)

    def play(self) -> Figures:
        """The whole path on a migrated database with the demo company; may be repeated."""
        figures = self.measure()
        self.order()
        self.pay()
        self.work_off()
        self.check_mails()
        self.ask_by_phone()
        self.run_schedules()
        self.check_books()
        return replace(figures, memory_max_bytes=self.lambdas.get("api_handler").memory_max_bytes())

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> Any:
        """One request through the function that the gateway would choose; the data of the answer."""
        reply = self.send(method, path, b"" if body is None else json.dumps(body).encode(), headers)
        if reply[0] != expect:
            raise PackageError(f"{method} {path} answered {reply[0]} instead of {expect}: {reply[2][:400]!r}")
        self.say(f"  {method:<5}{path.split('?')[0]:<36}{reply[0]}  {self._function(path)}")
        return json.loads(reply[2]) if reply[2] else None

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request, whatever it is answered: status, headers, body."""
        function = self._function(urlsplit(path).path)
        answer = answer_of(self.lambdas.call(function, self._event(method, path, body, headers or {})))
        return answer.status, {name.decode(): value.decode() for name, value in answer.headers}, answer.body

    def _event(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        parts = urlsplit(path)
        sent = {"content-type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return proxy_event(
            method=method,
            raw_path=parts.path.encode(),
            query=parts.query.encode(),
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            body=body,
            peer="203.0.113.7",
            request_id=str(uuid4()),
        )

    def _function(self, path: str) -> str:
        chosen = gateway.function_of(path)
        return chosen if chosen == "api_handler" or self.lambdas.has(chosen) else "api_handler"

    def measure(self) -> Figures:
        """The catalogue from several cold processes and then from a warm one; the best start, because others work here too."""
        path = "/api/products?per_page=20"
        cold = [self._cold_start(path) for _ in range(COLD_STARTS)]
        self.call("GET", path)
        for _ in range(WARM_CALLS):
            self.send("GET", path)
        api = self.lambdas.get("api_handler")
        return Figures(*min(cold, key=sum), statistics.median(api.times_s[1:]))

    def _cold_start(self, path: str) -> tuple[float, float]:
        """Seconds until a new process asks for work, and those of its first answer."""
        function = self.lambdas.start("api_handler")
        try:
            function.call(self._event("GET", path, b"", {}))
            return function.init_s, function.times_s[0]
        finally:
            end(function)

    def order(self) -> None:
        """A customer signs in and orders by card."""
        body = json.dumps({"username": self.buyer, "password": PASSWORD}).encode()
        status, headers, content = self.send("POST", "/api/login", body)
        if status != 200:
            raise PackageError(f"POST /api/login answered {status}: {content[:400]!r}")
        self.cookie = headers["set-cookie"].split(";")[0]
        product = self.call("GET", "/api/products?per_page=1")["products"][0]
        items = [{"product_id": product["id"], "quantity": 1}]
        asked = {"items": items, "payment_method": "credit_card", "delivery_email": self.buyer, **DELIVERY}
        order = self.call("POST", "/api/orders", asked, expect=201, cookie=self.cookie)["order"]
        self.order_number, amount = order["order_number"], order["total_amount"]
        asked = {"amount": amount, "order_number": self.order_number}
        self.intent_id = self.call("POST", "/api/payments/create-intent", asked)["payment_intent_id"]

    def pay(self) -> None:
        """The customer pays at Stripe; its webhook arrives, then the browser's word."""
        self.ground.ask_doubles("POST", "/control/webhooks", {"mode": "held"})
        self.ground.ask_doubles("POST", "/control/stripe/pay", {"payment_intent": self.intent_id})
        body = self._webhook()
        url = self.ground.environment["QM_PUBLIC_URL"] + "/api/webhooks/stripe"
        secret = SecretStr(self.ground.environment["QM_STRIPE_WEBHOOK_SECRET"])
        settings = DoublesSettings(stripe_webhook_secret=secret)
        signed = signing.headers(settings, "stripe", url=url, body=body, now=time.time(), variant="good")
        status, _, content = self.send("POST", "/api/webhooks/stripe", body.encode(), signed)
        if status != 200:
            raise PackageError(f"The webhook answered {status}: {content[:400]!r}")
        self.say(f"  POST /api/webhooks/stripe                {status}  {self._function('/api/webhooks/stripe')}")
        confirmed = {"order_number": self.order_number, "payment_intent_id": self.intent_id}
        self.call("POST", "/api/payments/confirm", confirmed)

    def _webhook(self) -> str:
        for _ in range(ROUNDS):
            log = self.ground.ask_doubles("GET", "/control/webhooks/log?source=stripe")["items"]
            for each in log:
                if each["type"] == "payment_intent.succeeded" and self.intent_id in each["body"]:
                    return str(each["body"])
            time.sleep(0.05)
        raise PackageError("Stripe's double announced no payment")

    def work_off(self) -> None:
        """Relay and workers, until no queue has anything left: what was promised inside the transactions is done."""
        done = 0
        for _ in range(ROUNDS):
            sent = self.lambdas.call("relay_outbox", {"relay_for_s": 0})["sent"]
            worked = sum(self._work(queue, function) for queue, function in QUEUES.items())
            done += worked
            if not sent and not worked:
                self.say(f"  {done} messages from the outbox through SQS to {', '.join(QUEUES.values())}")
                return
        raise PackageError(f"The outbox is not empty after {ROUNDS} rounds")

    def _work(self, queue: str, function: str) -> int:
        batch = self.ground.take(queue)
        if batch.messages:
            batch.delete(self.lambdas.call(function, batch.event))
        return len(batch.messages)

    def check_mails(self) -> None:
        """What reached the customer: the order, and that it is paid."""
        mails = self.ground.ask_doubles("GET", f"/inbox?kind=mail&to={self.buyer}")["items"]
        self.mails = [mail["subject"] for mail in mails if self.order_number in json.dumps(mail)]
        if len(self.mails) != 2:
            raise PackageError(f"Two mails about {self.order_number} should be there, and not {self.mails}")
        self.say(f"  mails: {'; '.join(self.mails)}")

    def ask_by_phone(self) -> None:
        """The voice agent looks the order up."""
        key = next(key.value for key in company().api_keys if key.surface == "voice")
        asked = {"order_number": self.order_number}
        order = self.call("POST", "/api/voice/check_order_status", asked, x_api_key=key)["order"]
        if order["status"] != "confirmed":
            raise PackageError(f"A paid order is {order['status']}")

    def run_schedules(self) -> None:
        """Every schedule once, and the operator's list of dead letters."""
        for name in SCHEDULES:
            self.lambdas.call(name, {"relay_for_s": 0})
        if self.lambdas.has("operate"):
            answer = self.lambdas.call("operate", {"command": "list_dead"})
            if answer != {"result": []}:
                raise PackageError(f"There are dead letters: {answer}")
        self.say(f"  {', '.join(SCHEDULES)}; no dead letters")

    def check_books(self) -> None:
        """Sums of moves, holds, payments and outbox."""
        signed_in = self.call("POST", "/api/auth/login", {"username": ADMINISTRATOR, "password": PASSWORD})
        books = self.call("GET", "/api/books", authorization=f"Bearer {signed_in['token']}")
        if not books["is_whole"]:
            raise PackageError(f"The books do not add up: {json.dumps(books)[:600]}")
