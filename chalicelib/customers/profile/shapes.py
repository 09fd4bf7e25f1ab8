"""Requests of customers about their own record."""

from typing import Annotated

from pydantic import BeforeValidator

from chalicelib.customers.shapes import Address, Blank, none_if_blank
from chalicelib.kernel.emails import Email
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import Shape


class ChangeProfile(Shape):
    """What is left out stays as it is; null or an empty text removes it. An e-mail address can only be replaced."""

    email: Annotated[Email | None, BeforeValidator(none_if_blank)] = None
    company_name: Blank = ""
    phone: Annotated[Phone | None, BeforeValidator(none_if_blank)] = None
    shipping_address: Address = ""
    billing_address: Address = ""
