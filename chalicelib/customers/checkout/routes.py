"""POST /api/orders/create-account (commerce contract)."""

from chalicelib import identity
from chalicelib.customers.checkout import service
from chalicelib.customers.checkout.shapes import AccountCreated, CheckoutAccount, CreateAccount
from chalicelib.customers.routes import REGISTRATIONS
from chalicelib.customers.service import DuplicateCustomer
from chalicelib.kernel.access import PUBLIC
from chalicelib.kernel.endpoint import Call, endpoint


@endpoint(
    "POST",
    "/api/orders/create-account",
    allow=PUBLIC,
    status=201,
    errors=(DuplicateCustomer, identity.WeakPassword),
    limit=REGISTRATIONS,
)
def create_account_at_checkout(call: Call[CreateAccount]) -> AccountCreated:
    """Make an account from a guest's delivery and send the mail that proves its address.

    A guest's order that is named becomes the account's when the address is verified, if it was placed with that address or
    its token was sent along.
    """
    customer = service.create_account(call.uow, call.body)
    order = " Your order is added to it then." if call.body.order_number is not None else ""
    message = f"Account created; please open the link in the mail that we sent.{order}"
    return AccountCreated(message=message, user=CheckoutAccount.of(customer))
