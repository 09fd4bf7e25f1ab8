"""The request and the reply of an account made at check-out."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from chalicelib.customers.shapes import Blank, Secret, none_if_blank
from chalicelib.customers.store import Customer
from chalicelib.kernel.emails import Email
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import Shape, Text

OrderReference = Annotated[str, Field(min_length=1, max_length=64)]
OrderToken = Annotated[str, Field(min_length=1, max_length=128)]


class CreateAccount(Shape):
    """A new account with the address of a delivery. The user name is the e-mail address.

    `order_number` is a guest's order that is to become the account's. With the `order_token` that came with it the order is
    proven; without, the order must have been placed with the account's e-mail address.
    """

    email: Email
    password: Secret
    delivery_name: Text
    delivery_address: Text
    delivery_city: Text
    delivery_state: Text
    delivery_zip: Text
    delivery_phone: Annotated[Phone | None, BeforeValidator(none_if_blank)] = None
    delivery_company: Blank = ""
    order_number: Annotated[OrderReference | None, BeforeValidator(none_if_blank)] = None
    order_token: Annotated[OrderToken | None, BeforeValidator(none_if_blank)] = None


class CheckoutAccount(Shape):
    """The new account as its maker sees it."""

    id: int
    username: str
    email: str | None
    first_name: str
    last_name: str
    company_name: str
    phone: str | None
    shipping_address: str
    email_verified: bool

    @classmethod
    def of(cls, customer: Customer) -> "CheckoutAccount":
        """From the account."""
        shown = {name: getattr(customer, name) for name in cls.model_fields if name != "email_verified"}
        return cls(**shown, email_verified=customer.email_verified_at is not None)


class AccountCreated(Shape):
    """The account is there and waits for its address to be verified; so does its order."""

    success: Literal[True] = True
    message: str
    user: CheckoutAccount
