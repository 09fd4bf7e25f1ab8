"""Requests and replies of payments, and what Stripe sends us."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, StringConstraints

from chalicelib.kernel.money import AmountIn
from chalicelib.kernel.shapes import JsonObject, OptionalText, Shape, at_most

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


class StripeObject(Shape):
    """The record that an event is about, and what it was before."""

    model_config = ConfigDict(extra="ignore")

    object: JsonObject
    previous_attributes: JsonObject | None = None


class StripeEvent(Shape):
    """A Stripe event; fields we do not need are passed over (Stripe, Events: new ones may come at any time)."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    created: Annotated[StrictInt, Field(ge=0, le=2**40)]
    data: StripeObject

    def kept(self) -> dict[str, Any]:
        """What we keep of it: ids, amounts and states. No client secret, no card, no person."""
        before = self.data.previous_attributes or {}
        return {
            "created": self.created,
            "object": _kept(self.data.object),
            "before": {name: before[name] for name in ("amount_refunded", "status") if name in before},
        }


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
    "currency",
    "payment_intent",
    "charge",
    "latest_charge",
    "reason",
)


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    plain = {name: record[name] for name in _KEPT if isinstance(record.get(name), str | int)}
    error, metadata = record.get("last_payment_error"), record.get("metadata")
    plain["failure_code"] = error.get("code") if isinstance(error, dict) else None
    plain["reference"] = metadata.get("payment") if isinstance(metadata, dict) else None
    return plain
