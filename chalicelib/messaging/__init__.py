"""Messaging: text messages and mail to customers. The front door for other contexts.

    messaging.send_sms(uow, order.delivery_phone, "Your order ...", kind="order_shipped", order_id=order.id)
    messaging.send_mail(uow, customer.email, "verify_email", {"name": ..., "link": ..., "hours": 24}, kind="verify_email",
                        is_secret=True)

Both write a row and an outbox message in the caller's transaction; a worker hands it to the provider after the commit.
"""

from chalicelib.messaging.rules import is_phone
from chalicelib.messaging.service import messages_of_order, send_mail, send_sms

__all__ = ["is_phone", "messages_of_order", "send_mail", "send_sms"]
