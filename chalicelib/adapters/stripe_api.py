"""Stripe's API through its SDK: the `PaymentGateway` of adapters/payments.py."""

import calendar
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from chalicelib.adapters import signatures, stripe_statement
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable, WebhookRefused
from chalicelib.adapters.payments import (
    API_VERSION,
    CONNECT_S,
    READ_S,
    TOLERANCE_S,
    Charge,
    Dispute,
    Intent,
    Link,
    Method,
    Refund,
    Session,
    Setup,
)
from chalicelib.adapters.stripe_statement import StatementPage
from chalicelib.kernel import circuit
from chalicelib.kernel.providers import seconds_of
from chalicelib.kernel.settings import Secrets, Settings

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError

Answer = TypeVar("Answer")
PAGE = 100
"""Most records that Stripe lists at a time. A link has few visits, an intent few refunds: more than one page is followed."""


class StripeGateway:
    """The real one. Threads may share it: the SDK keeps one HTTP session per thread."""

    def __init__(
        self,
        *,
        api_key: SecretStr,
        webhook_secret: SecretStr,
        api_base: str,
        timeout_s: tuple[float, float] = (CONNECT_S, READ_S),
    ) -> None:
        self._api_key = api_key
        self._webhook_secret = webhook_secret
        self._api_base = api_base.rstrip("/")
        self._timeout_s = timeout_s

    @classmethod
    def from_settings(cls, settings: Settings, secrets: Secrets) -> "StripeGateway":
        """The gateway that the environment and the secrets describe."""
        return cls(
            api_key=secrets.stripe_api_key,
            webhook_secret=secrets.stripe_webhook_secret,
            api_base=settings.stripe_api_base,
        )

    @cached_property
    def _client(self) -> "StripeClient":
        import stripe

        return stripe.StripeClient(
            self._api_key.get_secret_value(),
            stripe_version=API_VERSION,
            base_addresses={"api": self._api_base},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=self._timeout_s),
        )

    def create_intent(
        self,
        *,
        amount_minor: int,
        currency: str,
        idempotency_key: str,
        metadata: Mapping[str, str],
        description: str,
    ) -> Intent:
        """See `PaymentGateway.create_intent`."""
        asked: Any = {
            "amount": amount_minor,
            "currency": currency.lower(),
            "metadata": dict(metadata),
            "description": description,
            "automatic_payment_methods": {"enabled": True},
        }
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _intent(self._client.v1.payment_intents.create(asked, key).to_dict()))

    def get_intent(self, intent_id: str) -> Intent:
        """See `PaymentGateway.get_intent`."""
        return self._ask(lambda: _intent(self._client.v1.payment_intents.retrieve(intent_id).to_dict()))

    def cancel_intent(self, intent_id: str, *, idempotency_key: str) -> Intent:
        """See `PaymentGateway.cancel_intent`."""
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _intent(self._client.v1.payment_intents.cancel(intent_id, {}, key).to_dict()))

    def get_charge(self, intent_id: str) -> Charge:
        """See `PaymentGateway.get_charge`."""
        asked: Any = {"expand": ["latest_charge"]}
        return self._ask(lambda: _charge(self._client.v1.payment_intents.retrieve(intent_id, asked).to_dict()))

    def create_link(
        self, *, amount_minor: int, currency: str, name: str, idempotency_key: str, metadata: Mapping[str, str]
    ) -> Link:
        """See `PaymentGateway.create_link`. The metadata stands on the link, its sessions and their intents."""
        price = {"currency": currency.lower(), "unit_amount": amount_minor, "product_data": {"name": name}}
        asked: Any = {
            "line_items": [{"price_data": price, "quantity": 1}],
            "restrictions": {"completed_sessions": {"limit": 1}},
            "payment_intent_data": {"metadata": dict(metadata), "description": name},
            "metadata": dict(metadata),
        }
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _link(self._client.v1.payment_links.create(asked, key).to_dict()))

    def deactivate_link(self, link_id: str) -> Link:
        """See `PaymentGateway.deactivate_link`."""
        return self._ask(lambda: _link(self._client.v1.payment_links.update(link_id, {"active": False}).to_dict()))

    def list_sessions(self, link_id: str) -> Sequence[Session]:
        """See `PaymentGateway.list_sessions`."""
        asked: Any = {"payment_link": link_id, "limit": PAGE}
        return self._ask(
            lambda: [
                _session(each.to_dict()) for each in self._client.v1.checkout.sessions.list(asked).auto_paging_iter()
            ]
        )

    def expire_session(self, session_id: str) -> Session:
        """See `PaymentGateway.expire_session`."""
        return self._ask(lambda: _session(self._client.v1.checkout.sessions.expire(session_id).to_dict()))

    def create_refund(
        self,
        *,
        intent_id: str,
        amount_minor: int,
        idempotency_key: str,
        metadata: Mapping[str, str],
    ) -> Refund:
        """See `PaymentGateway.create_refund`."""
        asked: Any = {"payment_intent": intent_id, "amount": amount_minor, "metadata": dict(metadata)}
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _refund(self._client.v1.refunds.create(asked, key).to_dict()))

    def get_refund(self, refund_id: str) -> Refund:
        """See `PaymentGateway.get_refund`."""
        return self._ask(lambda: _refund(self._client.v1.refunds.retrieve(refund_id).to_dict()))

    def list_refunds(self, intent_id: str) -> Sequence[Refund]:
        """See `PaymentGateway.list_refunds`."""
        asked: Any = {"payment_intent": intent_id, "limit": PAGE}
        return self._ask(
            lambda: [_refund(each.to_dict()) for each in self._client.v1.refunds.list(asked).auto_paging_iter()]
        )

    def get_dispute(self, dispute_id: str) -> Dispute:
        """See `PaymentGateway.get_dispute`."""
        return self._ask(lambda: _dispute(self._client.v1.disputes.retrieve(dispute_id).to_dict()))

    def stage_evidence(
        self, dispute_id: str, evidence: Mapping[str, str], *, is_final: bool, idempotency_key: str
    ) -> Dispute:
        """See `PaymentGateway.stage_evidence`."""
        asked: Any = {"evidence": dict(evidence), "submit": is_final}
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _dispute(self._client.v1.disputes.update(dispute_id, asked, key).to_dict()))

    def create_customer(
        self, *, name: str, email: str | None, idempotency_key: str, metadata: Mapping[str, str]
    ) -> str:
        """See `PaymentGateway.create_customer`."""
        asked: Any = {"name": name, "metadata": dict(metadata), **({"email": email} if email else {})}
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: str(self._client.v1.customers.create(asked, key).id))

    def create_setup(self, *, customer_id: str, idempotency_key: str, metadata: Mapping[str, str]) -> Setup:
        """See `PaymentGateway.create_setup`."""
        asked: Any = {
            "customer": customer_id,
            "usage": "off_session",
            "automatic_payment_methods": {"enabled": True},
            "metadata": dict(metadata),
        }
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _setup(self._client.v1.setup_intents.create(asked, key).to_dict()))

    def get_setup(self, setup_id: str) -> Setup:
        """See `PaymentGateway.get_setup`."""
        return self._ask(lambda: _setup(self._client.v1.setup_intents.retrieve(setup_id).to_dict()))

    def get_method(self, method_id: str) -> Method:
        """See `PaymentGateway.get_method`."""
        return self._ask(lambda: _method(self._client.v1.payment_methods.retrieve(method_id).to_dict()))

    def detach_method(self, method_id: str) -> Method:
        """See `PaymentGateway.detach_method`."""
        return self._ask(lambda: _method(self._client.v1.payment_methods.detach(method_id).to_dict()))

    def read_statement(self, *, since: datetime, until: datetime, after: str | None) -> StatementPage:
        """See `PaymentGateway.read_statement`."""
        return self._ask(lambda: stripe_statement.read_page(self._client, since=since, until=until, after=after))

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Asks Stripe through its circuit; the SDK's exceptions become ours."""

        def translated() -> Answer:
            with _translated():
                return question()

        return circuit.ask("stripe", translated, takes_s=sum(self._timeout_s))

    def verify_signature(self, raw_body: bytes, signature_header: str | None, now: datetime) -> None:
        """See `PaymentGateway.verify_signature`.

        The SDK computes and compares (`hmac.compare_digest`); its header parser takes the first of several
        times and its clock is the machine's, so the header it sees is rebuilt from our stricter reading and
        times are ours.
        """
        from stripe import SignatureVerificationError, WebhookSignature

        parsed = signatures.parse(signature_header, "v1")
        header = ",".join([f"t={parsed.timestamp}", *(f"v1={digest}" for digest in parsed.digests)])
        body = signatures.decode(raw_body)
        try:
            WebhookSignature.verify_header(body, header, self._webhook_secret.get_secret_value(), None)
        except SignatureVerificationError:
            raise WebhookRefused("the signature does not match") from None
        parsed.check_time(now, past_s=TOLERANCE_S, ahead_s=TOLERANCE_S)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the SDK's exceptions into ours."""
    from stripe import StripeError

    try:
        yield
    except StripeError as error:
        raise _translate(error) from error


def _translate(error: "StripeError") -> ProviderUnavailable | ProviderRefused:
    """What an error says. 409: a request with the same key still runs; ``lock_timeout``: somebody else has the object."""
    import stripe

    name, code = type(error).__name__, error.code
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return ProviderUnavailable("stripe", name, maybe_done=False, cause="ours")
    if error.http_status == 409 or code == "lock_timeout":
        return ProviderUnavailable("stripe", name, maybe_done=False, cause="deferred")
    if isinstance(error, stripe.RateLimitError):
        retry_after_s = seconds_of((error.headers or {}).get("retry-after"))
        return ProviderUnavailable("stripe", name, maybe_done=False, cause="busy", retry_after_s=retry_after_s)
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return ProviderRefused("stripe", code or "invalid_request_error", error.user_message or str(error))
    if isinstance(error, stripe.IdempotencyError):
        return ProviderRefused("stripe", "idempotency_error", error.user_message or str(error))
    return ProviderUnavailable("stripe", name, maybe_done=True)


def _intent(doc: Mapping[str, Any]) -> Intent:
    failure = doc.get("last_payment_error") or {}
    return Intent(
        id=doc["id"],
        status=doc["status"],
        amount_minor=doc["amount"],
        received_minor=doc.get("amount_received", 0),
        currency=doc["currency"].upper(),
        client_secret=doc.get("client_secret") or "",
        charge_id=_id(doc.get("latest_charge")),
        failure_code=failure.get("code"),
        metadata=doc.get("metadata") or {},
    )


def _charge(intent: Mapping[str, Any]) -> Charge:
    charge = intent.get("latest_charge")
    collected = charge if isinstance(charge, Mapping) and charge["status"] == "succeeded" else {}
    return Charge(
        intent_id=intent["id"],
        captured_minor=collected.get("amount_captured", 0),
        refunded_minor=collected.get("amount_refunded", 0),
        is_disputed=bool(collected.get("disputed", False)),
    )


def _link(doc: Mapping[str, Any]) -> Link:
    return Link(id=doc["id"], url=doc["url"], is_active=doc["active"])


def _session(doc: Mapping[str, Any]) -> Session:
    return Session(id=doc["id"], status=doc["status"], intent_id=_id(doc.get("payment_intent")))


def _refund(doc: Mapping[str, Any]) -> Refund:
    return Refund(
        id=doc["id"],
        status=doc["status"],
        amount_minor=doc["amount"],
        currency=doc["currency"].upper(),
        intent_id=_id(doc.get("payment_intent")),
        charge_id=_id(doc.get("charge")),
        failure_reason=doc.get("failure_reason"),
        metadata=doc.get("metadata") or {},
    )


def _dispute(doc: Mapping[str, Any]) -> Dispute:
    due_by = (doc.get("evidence_details") or {}).get("due_by")
    return Dispute(
        id=doc["id"],
        status=doc["status"],
        reason=doc["reason"],
        amount_minor=doc["amount"],
        currency=doc["currency"].upper(),
        intent_id=_id(doc.get("payment_intent")),
        evidence_due_at=None if due_by is None else datetime.fromtimestamp(due_by, UTC),
    )


def _setup(doc: Mapping[str, Any]) -> Setup:
    return Setup(
        id=doc["id"],
        status=doc["status"],
        client_secret=doc.get("client_secret") or "",
        method_id=_id(doc.get("payment_method")),
    )


def _method(doc: Mapping[str, Any]) -> Method:
    kind = doc["type"]
    shown = doc.get(kind) or {}
    year, month = shown.get("exp_year"), shown.get("exp_month")
    return Method(
        id=doc["id"],
        kind=kind,
        brand=shown.get("brand") or shown.get("bank_name") or "",
        last4=shown.get("last4") or "",
        expires_on=date(year, month, calendar.monthrange(year, month)[1]) if year and month else None,
        customer_id=_id(doc.get("customer")),
    )


def _id(reference: Any) -> str | None:
    """The id of a reference that may be expanded."""
    found = reference["id"] if isinstance(reference, Mapping) else reference
    return None if found is None else str(found)
