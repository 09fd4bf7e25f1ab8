"""What becomes of refunds: the last word on each is announced."""

from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.events import RefundEnded
from chalicelib.payments.refunds import rules, store
from chalicelib.payments.rules import RefundTold


def take_in(uow: UnitOfWork, told: RefundTold) -> None:
    """Takes in what Stripe says about a refund of ours; others leave their entries in the ledger only. May be repeated."""
    refund_id = store.take_in(uow, told)
    if refund_id is not None and told.state in rules.ENDED:
        announce(uow, refund_id, is_failed=told.state != "succeeded")


def announce(uow: UnitOfWork, refund_id: int, *, is_failed: bool) -> None:
    """Tells the customer that the money is on its way, or whoever looks after such things that it is not."""
    if is_failed:
        count("RefundFailed")
        logger.error("a refund failed", extra={"refund_id": refund_id})
    uow.publish(RefundEnded(refund_id=refund_id).message())
