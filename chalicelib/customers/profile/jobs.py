"""What happens after a customer changed the own record."""

from chalicelib import messaging
from chalicelib.customers import store
from chalicelib.customers.events import EmailChangeAsked, PhoneChanged
from chalicelib.customers.recovery import fresh
from chalicelib.kernel.jobs import Job, consumer


@consumer(EmailChangeAsked)
def warn_old_address(job: Job[EmailChangeAsked]) -> None:
    """Tells the address so far which one is to take its place, in case it was somebody else who entered it."""
    customer = store.find_customer(job.uow, job.event.customer_id)
    if customer is None or customer.email is None or customer.pending_email is None:
        return
    context = {
        "name": customer.display_name,
        "new_email": customer.pending_email,
        "asked_at": job.published_at.strftime("%Y-%m-%d %H:%M UTC"),
    }
    messaging.send_mail(job.uow, customer.email, "email_change", context, kind="email_change")


@consumer(PhoneChanged)
def tell_of_phone(job: Job[PhoneChanged]) -> None:
    """Tells a customer that the telephone number was changed, in case it was somebody else."""
    customer = store.find_customer(job.uow, job.event.customer_id)
    if customer is None or customer.email is None:
        return
    context = {
        "name": customer.display_name,
        "changed_at": job.published_at.strftime("%Y-%m-%d %H:%M UTC"),
        "days": fresh.LASTS_DAYS,
    }
    messaging.send_mail(job.uow, customer.email, "phone_changed", context, kind="phone_changed")
