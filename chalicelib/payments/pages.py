"""Where our own front end takes payments: for mails, and for when Stripe's pages cannot be had."""

from urllib.parse import quote

from chalicelib.kernel.settings import settings


def pay_page(number: str) -> str:
    """The front end's page on which an order can be paid."""
    return f"{settings().public_url.rstrip('/')}/?pay={quote(number, safe='')}"
