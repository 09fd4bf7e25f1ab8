"""What customers announce to the workers."""

from chalicelib.kernel.outbox import Event


class VerificationDue(Event, topic="customers.verification_due", queue="work"):
    """A customer is to get a mail with a link that proves the address."""

    customer_id: int


class PasswordChanged(Event, topic="customers.password_changed", queue="work"):
    """A customer is to get a notice that the password was changed."""

    customer_id: int
