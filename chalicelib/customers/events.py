"""What customers announce to the workers."""

from chalicelib.kernel.outbox import Event


class VerificationDue(Event, topic="customers.verification_due", queue="work"):
    """A customer is to get a mail with a link that proves the address."""

    customer_id: int


class PasswordChanged(Event, topic="customers.password_changed", queue="work"):
    """A customer is to get a notice that the password was changed."""

    customer_id: int


class ResetAsked(Event, topic="customers.reset_asked", queue="work"):
    """Somebody asked for a new password. Without a customer there is nothing to do: the request was the same."""

    customer_id: int | None


class UsernameAsked(Event, topic="customers.username_asked", queue="work"):
    """Somebody asked for a user name; as `ResetAsked`."""

    customer_id: int | None


class CodeAsked(Event, topic="customers.code_asked", queue="work"):
    """Somebody asked for a code by text message; as `ResetAsked`."""

    customer_id: int | None
    round_id: str


class EmailChangeAsked(Event, topic="customers.email_change_asked", queue="work"):
    """A customer entered another e-mail address; the old one is to be told."""

    customer_id: int


class PhoneChanged(Event, topic="customers.phone_changed", queue="work"):
    """A customer entered another telephone number, or removed it, and is to be told by mail."""

    customer_id: int
