"""What the endpoints of store credit read and say."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chalicelib.kernel.money import Amount, AmountIn, parse_amount
from chalicelib.kernel.shapes import Instant, Note, Shape
from chalicelib.payments.credit.rules import Entry, Kind, Request
from chalicelib.payments.credit.service import Issued, Spent, Statement


def _signed(value: Any) -> int:
    minor = parse_amount(value)
    if minor == 0:
        raise PydanticCustomError("amount_zero", "Amount should not be 0")
    return minor


SignedAmountIn = Annotated[Amount, BeforeValidator(_signed)]


class PayWithCredit(Shape):
    """How much of the credit is spent; without an amount as much as there is and the order needs."""

    amount: AmountIn | None = None


class PaidWithCredit(Shape):
    """What the credit has paid. `amount_due` is left to pay otherwise."""

    success: Literal[True] = True
    order_number: str
    payment_status: str
    credit_applied: Amount
    amount_due: Amount
    credit_balance: Amount

    @classmethod
    def of(cls, spent: Spent) -> "PaidWithCredit":
        """From the ledger."""
        return cls(
            order_number=spent.order.number,
            payment_status=spent.order.payment_state,
            credit_applied=spent.spent_minor,
            amount_due=spent.open_minor,
            credit_balance=spent.balance_minor,
        )


class HistoryQuery(Shape):
    """Which entries: so many, older than the one with the id `before`."""

    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class CreditEntry(Shape):
    """An entry of the ledger. `balance` is what there was after it; `order_number` where it is about an order."""

    id: int
    kind: Kind
    amount: Amount
    balance: Amount
    order_number: str | None
    note: str
    created_at: Instant

    @classmethod
    def of(cls, entry: Entry) -> "CreditEntry":
        """From the ledger."""
        return cls(
            id=entry.id,
            kind=entry.kind,
            amount=entry.amount_minor,
            balance=entry.balance_minor,
            order_number=entry.order_number,
            note=entry.note,
            created_at=entry.recorded_at,
        )


class OwnEntry(Shape):
    """An entry as the customer sees it: without what staff noted."""

    id: int
    kind: Kind
    amount: Amount
    balance: Amount
    order_number: str | None
    created_at: Instant


class OwnCredit(Shape):
    """The signed-in customer's store credit, the newest entries first."""

    credit_balance: Amount
    currency: str
    history: list[OwnEntry]

    @classmethod
    def of(cls, found: Statement) -> "OwnCredit":
        """From the ledger."""
        entries = (CreditEntry.of(entry).model_dump(exclude={"note"}) for entry in found.entries)
        return cls(
            credit_balance=found.holder.balance_minor,
            currency=found.currency,
            history=[OwnEntry(**entry) for entry in entries],
        )


class CustomerCredit(Shape):
    """A customer's store credit, the newest entries first; older ones by `before`."""

    user_id: int
    username: str
    company_name: str
    credit_balance: Amount
    currency: str
    history: list[CreditEntry]

    @classmethod
    def of(cls, found: Statement) -> "CustomerCredit":
        """From the ledger."""
        return cls(
            user_id=found.holder.id,
            username=found.holder.username,
            company_name=found.holder.company_name,
            credit_balance=found.holder.balance_minor,
            currency=found.currency,
            history=[CreditEntry.of(entry) for entry in found.entries],
        )


class IssueCredit(Shape):
    """What is issued; a negative amount deducts."""

    amount: SignedAmountIn
    note: Note | None = None


class Transaction(Shape):
    """An entry that was made (`posted`), or waits for somebody else's approval: then `id` is the request's."""

    id: int
    state: Literal["posted", "waiting"]
    amount: Amount
    note: str
    created_at: Instant


class CreditIssued(Shape):
    """The balance as it is now. `transaction` is null where a request was rejected."""

    success: Literal[True] = True
    credit_balance: Amount
    transaction: Transaction | None

    @classmethod
    def of(cls, issued: Issued) -> "CreditIssued":
        """From the ledger."""
        made: Transaction | None = None
        if issued.entry is not None:
            entry = issued.entry
            made = Transaction(
                id=entry.id, state="posted", amount=entry.amount_minor, note=entry.note, created_at=entry.recorded_at
            )
        elif issued.request is not None:
            asked = issued.request
            made = Transaction(
                id=asked.id, state="waiting", amount=asked.amount_minor, note=asked.note, created_at=asked.asked_at
            )
        return cls(credit_balance=issued.balance_minor, transaction=made)


class CreditRequest(Shape):
    """Credit that waits for a second person."""

    id: int
    user_id: int
    amount: Amount
    note: str
    asked_by: int
    created_at: Instant

    @classmethod
    def of(cls, request: Request) -> "CreditRequest":
        """From the ledger."""
        return cls(
            id=request.id,
            user_id=request.customer_id,
            amount=request.amount_minor,
            note=request.note,
            asked_by=request.asked_by,
            created_at=request.asked_at,
        )


class CreditRequests(Shape):
    """What waits, the oldest first."""

    requests: list[CreditRequest]
