"""Requests and replies of payments, and what Stripe sends us."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, StringConstraints

from chalicelib.kernel.money import Amount, AmountIn
from chalicelib.kernel.shapes import Instant, JsonObject, OptionalText, Shape, at_most
from chalicelib.payments.links.rules import HOURS_MAX

OrderNumber = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), at_most(64)]
ProviderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$", min_length=1, max_length=255)]


class CreateIntent(Shape):
    """What the checkout page asks for. With an order number the amount must be the order's total."""

    amount: AmountIn
    order_number: OrderNumber | None = None
    customer_name: OptionalText | None = None
    customer_email: OptionalText | None = None


class IntentCreated(Shape):
    """What Stripe.js needs to take the card."""

    success: bool = True
    client_secret: str
    payment_intent_id: str


class ConfirmPayment(Shape):
    """What the checkout page says when it is done; believed only after Stripe was asked."""

    order_number: OrderNumber
    payment_intent_id: ProviderId


class PaymentConfirmed(Shape):
    """Whether the order is paid now. `success` is false when money arrived that does not pay the order."""

    success: bool
    message: str


class CreateLink(Shape):
    """For which order, and how long the link shall last: a day unless said otherwise, thirty days at most."""

    order_number: OrderNumber
    expires_in_hours: Annotated[StrictInt, Field(ge=1, le=HOURS_MAX)] | None = None


class LinkCreated(Shape):
    """The page on which the order can be paid once; or why there is none, and where else it can be paid."""

    success: bool
    payment_url: str | None = None
    order_number: str
    amount: Amount
    expires_at: Instant | None = None
    error: str | None = None
    fallback_url: str | None = None


class StripeObject(Shape):
    """The record that an event is about."""

    model_config = ConfigDict(extra="ignore")

    object: JsonObject


class StripeEvent(Shape):
    """A Stripe event; fields we do not need are passed over (Stripe, Events: new ones may come at any time)."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    created: Annotated[StrictInt, Field(ge=0, le=2**40)]
    data: StripeObject

    def kept(self) -> dict[str, Any]:
        """What we keep of it: ids, amounts and states. No client secret, no card, no person."""
        return {"created": self.created, "object": _kept(self.data.object)}


class EventReceived(Shape):
    """Stripe reads the status only."""

    received: bool = True


_KEPT = (
    "id",
    "object",
    "status",
    "amount",
    "amount_received",
    "amount_refunded",
    "amount_total",
    "currency",
    "payment_intent",
    "payment_link",
    "payment_method",
    "payment_status",
    "setup_intent",
    "customer",
    "charge",
    "latest_charge",
    "reason",
    "failure_reason",
)


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    plain = {name: record[name] for name in _KEPT if isinstance(record.get(name), str | int)}
    error, metadata, evidence = (
        found if isinstance(found := record.get(name), dict) else {}
        for name in ("last_payment_error", "metadata", "evidence_details")
    )
    return {
        **plain,
        "failure_code": error.get("code"),
        "reference": metadata.get("payment"),
        "refund_reference": metadata.get("refund"),
        "evidence_due_by": evidence.get("due_by"),
    }
