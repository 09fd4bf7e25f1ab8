"""From guest to customer at check-out."""

from chalicelib import orders
from chalicelib.customers import service
from chalicelib.customers.checkout.shapes import CreateAccount
from chalicelib.customers.service import DuplicateCustomer, NewCustomer
from chalicelib.customers.store import Customer
from chalicelib.kernel.uow import UnitOfWork


def create_account(uow: UnitOfWork, wanted: CreateAccount) -> Customer:
    """Makes an account as registering does, and claims the order it is made for.

    The order stays the guest's until the account's address is verified (orders.link_claimed). Whether there is such an order
    does not show. Raises DuplicateCustomer, which names address or number, and WeakPassword; then nothing is claimed.
    """
    first, _, last = wanted.delivery_name.strip().rpartition(" ")
    new = NewCustomer(
        username=wanted.email,
        password=wanted.password.get_secret_value(),
        email=wanted.email,
        phone=wanted.delivery_phone,
        first_name=first or last,
        last_name=last if first else "",
        company_name=wanted.delivery_company,
        shipping_address=wanted.delivery_address,
        city=wanted.delivery_city,
        state=wanted.delivery_state,
        zip=wanted.delivery_zip,
    )
    try:
        customer = service.register(uow, new)
    except DuplicateCustomer as taken:
        if taken.extra["duplicate_field"] == "username":  # which is the address, and nobody chose it as a name
            raise DuplicateCustomer.of("email") from None
        raise
    if wanted.order_number is not None:
        orders.claim(uow, customer.id, wanted.order_number, token=wanted.order_token)
    return customer
