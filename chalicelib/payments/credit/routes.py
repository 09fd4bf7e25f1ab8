"""Store credit: of the signed-in customer, and as staff see, issue and approve it."""

from chalicelib.kernel.access import CUSTOMER, STAFF
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit
from chalicelib.payments.credit import rules, service
from chalicelib.payments.credit.shapes import (
    CreditIssued,
    CreditRequest,
    CreditRequests,
    CustomerCredit,
    HistoryQuery,
    IssueCredit,
    OwnCredit,
    PaidWithCredit,
    PayWithCredit,
)
from chalicelib.payments.rules import AlreadyPaid, NotPayable
from chalicelib.payments.shapes import OrderNumber

BOTH = ("admin", "manager")
"""Who may issue credit, and approve what another of them asks for."""


@endpoint("GET", "/api/store-credit", allow=CUSTOMER)
def get_own_credit(call: Call[NoBody], query: HistoryQuery) -> OwnCredit:
    """The signed-in customer's store credit and where it comes from."""
    found = service.statement(call.uow, call.actor.id, before_id=query.before, limit=query.limit)
    return OwnCredit.of(found)


@endpoint(
    "POST",
    "/api/orders/{order_number}/pay-with-credit",
    allow=CUSTOMER,
    errors=(
        NotFound,
        AlreadyPaid,
        NotPayable,
        rules.PaymentUnderWay,
        rules.NotEnoughCredit,
        rules.MoreThanOpen,
        rules.OtherCurrency,
    ),
    limit=Limit("pay_with_credit", calls=60),
)
def pay_with_credit(call: Call[PayWithCredit], order_number: OrderNumber) -> PaidWithCredit:
    """Pay an own order from store credit, in part or in full. What is left is paid in any other way.

    When the order is cancelled, the credit comes back by itself.
    """
    return PaidWithCredit.of(service.pay_order(call.uow, order_number, amount_minor=call.body.amount))


@endpoint("GET", "/api/staff/users/{user_id}/credit", allow=STAFF(), errors=(NotFound,))
def get_customer_credit(call: Call[NoBody], user_id: PathId, query: HistoryQuery) -> CustomerCredit:
    """A customer's balance and history."""
    return CustomerCredit.of(service.statement(call.uow, user_id, before_id=query.before, limit=query.limit))


@endpoint(
    "POST",
    "/api/staff/users/{user_id}/credit/issue",
    allow=STAFF(*BOTH),
    errors=(NotFound, rules.TooMuchByHand, rules.NotEnoughCredit, rules.OtherCurrency),
)
def issue_credit(call: Call[IssueCredit], user_id: PathId) -> CreditIssued:
    """Issue credit by hand; a negative amount deducts, never below 0.

    What one person has moved within a day may come to 100.00 (an organization may set another sum); what goes beyond waits
    for another admin or manager: `transaction.state` is `waiting` and the balance stays.
    """
    note = call.body.note or ""
    return CreditIssued.of(service.issue(call.uow, user_id, amount_minor=call.body.amount, note=note))


@endpoint("GET", "/api/staff/credit-requests", allow=STAFF(*BOTH))
def list_credit_requests(call: Call[NoBody]) -> CreditRequests:
    """Credit that waits for a second person, the oldest first; at most 200."""
    return CreditRequests(requests=[CreditRequest.of(request) for request in service.list_waiting(call.uow)])


@endpoint(
    "POST",
    "/api/staff/credit-requests/{request_id}/approve",
    allow=STAFF(*BOTH),
    errors=(
        rules.NoSuchRequest,
        rules.OwnRequest,
        rules.AlreadyDecided,
        rules.NotEnoughCredit,
        rules.OtherCurrency,
    ),
)
def approve_credit(call: Call[NoBody], request_id: PathId) -> CreditIssued:
    """Approve what another person has asked for; it is posted at once."""
    return CreditIssued.of(service.decide(call.uow, request_id, "approved"))


@endpoint(
    "POST",
    "/api/staff/credit-requests/{request_id}/reject",
    allow=STAFF(*BOTH),
    errors=(rules.NoSuchRequest, rules.AlreadyDecided, rules.OtherCurrency),
)
def reject_credit(call: Call[NoBody], request_id: PathId) -> CreditIssued:
    """Reject what was asked for, or withdraw it."""
    return CreditIssued.of(service.decide(call.uow, request_id, "rejected"))
