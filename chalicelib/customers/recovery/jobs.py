"""What recovery does after its answers: mails and text messages, for those who have an account."""

from chalicelib import messaging
from chalicelib.customers import store
from chalicelib.customers.events import CodeAsked, ResetAsked, UsernameAsked
from chalicelib.customers.recovery import codes, fresh, service, tokens
from chalicelib.customers.store import Customer
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.settings import settings
from chalicelib.kernel.uow import UnitOfWork

RESET_PAGE = "/reset-password"


@consumer(ResetAsked)
def send_reset_link(job: Job[ResetAsked]) -> None:
    """Mails a link with a fresh token, which never lies in the outbox. A repeat makes another; the first use ends both.

    The token stands behind the #, which browsers send to nobody: it ends up in no log and no Referer.
    """
    customer = _find(job.uow, job.event.customer_id)
    if customer is None or customer.email is None:
        return
    token = service.make_reset_token(job.uow, customer)
    context = {
        "name": _known_name(customer),
        "link": f"{settings().public_url.rstrip('/')}{RESET_PAGE}#token={token}",
        "minutes": tokens.LASTS_S["password_reset"] // 60,
    }
    messaging.send_mail(job.uow, customer.email, "reset_password", context, kind="reset_password", is_secret=True)


@consumer(UsernameAsked)
def send_username(job: Job[UsernameAsked]) -> None:
    """Mails a user name to a proven address. An unproven one gets nothing: a stranger may have chosen both."""
    customer = _find(job.uow, job.event.customer_id)
    if customer is None or customer.email is None or customer.email_verified_at is None:
        return
    context = {"name": customer.display_name, "username": customer.username}
    messaging.send_mail(job.uow, customer.email, "forgot_username", context, kind="forgot_username", is_secret=True)


@consumer(CodeAsked)
def send_code(job: Job[CodeAsked]) -> None:
    """Sends the code of a round that is still the latest. A repeat sends another, and only that one counts.

    Not to a number that was entered lately.
    """
    customer = _find(job.uow, job.event.customer_id)
    if customer is None or customer.phone is None or fresh.is_fresh(job.uow, customer):
        return
    code = codes.make(job.uow, customer, customer.phone, job.event.round_id)
    if code is None:
        return
    organization, minutes = job.uow.organization.name, codes.LASTS_S // 60
    text = f"{code} is your code for {organization}. It works for {minutes} minutes. We never ask you for it."
    messaging.send_sms(job.uow, customer.phone, text, kind="one_time_code", is_secret=True)


def _find(uow: UnitOfWork, customer_id: int | None) -> Customer | None:
    """The account, if it is still open."""
    customer = None if customer_id is None else store.find_customer(uow, customer_id)
    return customer if customer is not None and customer.is_active else None


def _known_name(customer: Customer) -> str:
    """How a mail addresses somebody whose address is proven; others would read a stranger's words."""
    return customer.display_name if customer.email_verified_at is not None else ""
