"""What happens after a request of a customer: mails."""

from chalicelib import messaging
from chalicelib.customers import store, verification
from chalicelib.customers.events import PasswordChanged, VerificationDue
from chalicelib.kernel.jobs import Job, consumer


@consumer(VerificationDue)
def send_verification(job: Job[VerificationDue]) -> None:
    """Mails a fresh verification link; nothing when there is nothing left to verify.

    The token is made here and not in the request, so that it never lies in the outbox. A repeat makes another; both work.
    The mail carries no name: until the address is proven, a stranger chose both, and would have us send his words to it.
    """
    customer = store.find_customer(job.uow, job.event.customer_id)
    address = None if customer is None else customer.unproven_email
    if customer is None or address is None:
        return
    context = {
        "name": "",
        "link": verification.make_link(job.uow, customer.id, address),
        "hours": verification.VALID_H,
    }
    messaging.send_mail(job.uow, address, "verify_email", context, kind="verify_email", is_secret=True)


@consumer(PasswordChanged)
def send_password_notice(job: Job[PasswordChanged]) -> None:
    """Tells a customer that the password was changed, in case it was somebody else."""
    customer = store.find_customer(job.uow, job.event.customer_id)
    if customer is None or customer.email is None:
        return
    context = {"name": customer.display_name, "changed_at": job.published_at.strftime("%Y-%m-%d %H:%M UTC")}
    messaging.send_mail(job.uow, customer.email, "password_changed", context, kind="password_changed")
