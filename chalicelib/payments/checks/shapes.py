"""What the endpoints of paper checks read and say."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.bodies import Upload
from chalicelib.kernel.money import Amount, parse_positive_amount
from chalicelib.kernel.shapes import Note, Shape
from chalicelib.payments.checks.rules import is_routing_number
from chalicelib.payments.checks.service import Decided, NewCheck, Uploaded
from chalicelib.payments.shapes import OrderNumber


def _amount(value: Any) -> int:
    """A form says everything in text."""
    try:
        return parse_positive_amount(Decimal(value) if isinstance(value, str) and len(value) <= 32 else value)
    except InvalidOperation:
        raise PydanticCustomError("decimal_type", "Amount should be a number") from None


def _routing(value: str) -> str:
    if not is_routing_number(value):
        raise PydanticCustomError("routing_number", "Not a routing number: its check digit does not fit")
    return value


FormAmount = Annotated[Amount, BeforeValidator(_amount)]
RoutingNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$"), AfterValidator(_routing)]
AccountNumber = Annotated[str, StringConstraints(pattern=r"^[0-9 -]{4,34}$")]


class UploadCheck(Shape):
    """Pictures of both sides of a check, and what is printed on it, as far as somebody typed it in.

    Without an amount it is what the order still costs. `check_image` is what older clients called the front; beside
    `check_front` it is passed over.
    """

    order_number: OrderNumber
    check_front: Upload
    check_image: Upload | None = None
    check_back: Upload | None = None
    amount: FormAmount | None = None
    check_number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,32}$")] | None = None
    routing_number: RoutingNumber | None = None
    account_number: AccountNumber | None = None

    def new(self) -> NewCheck:
        """The check as the service takes it."""
        return NewCheck(
            order_number=self.order_number,
            front=self.check_front.content,
            back=self.check_back.content if self.check_back else None,
            amount_minor=self.amount,
            number=self.check_number or "",
            routing_number=self.routing_number,
            account_number=self.account_number,
        )


class CheckUploaded(Shape):
    """Under which names the pictures are kept; nobody but staff can read them."""

    success: bool = True
    message: str
    front_filename: str
    back_filename: str | None
    account_last4: str | None
    """The end of the account's number, where one was typed in."""

    @classmethod
    def of(cls, uploaded: Uploaded) -> "CheckUploaded":
        """From the service."""
        message = "Check uploaded; it waits for approval"
        return cls(
            message=message,
            front_filename=uploaded.front_name,
            back_filename=uploaded.back_name,
            account_last4=uploaded.account_last4,
        )


class RejectCheck(Shape):
    """Why, for staff to read. `bounced`: the bank returned a check that was approved."""

    reason: Annotated[Note, Field(max_length=500)] | None = None
    bounced: bool = False


class CheckDecision(Shape):
    """What came of it."""

    success: bool = True
    message: str

    @classmethod
    def approved(cls, decided: Decided) -> "CheckDecision":
        """After an approval."""
        order = decided.order
        said = "the order is confirmed" if order.payment_state == "paid" else "a part of the order is left to pay"
        return cls(message=f"Check approved; {said}")

    @classmethod
    def rejected(cls, decided: Decided) -> "CheckDecision":
        """After a rejection."""
        said = (
            "it bounced: nothing of the order leaves before it is paid"
            if decided.is_bounced
            else "the order waits to be paid"
        )
        return cls(message=f"Check rejected; {said}")
