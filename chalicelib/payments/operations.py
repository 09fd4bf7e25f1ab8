"""What an operator decides about money: a refund that failed, evidence that is to go to the bank, a dispute that is forgiven.

Commands of `kernel/operations.py`, each about one organization. None of this is reachable through the API.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.uow import EntryRefused, UnitOfWork, as_machine, unit_of_work
from chalicelib.payments.disputes import defence
from chalicelib.payments.refunds import sending


def retry_refund(organization_id: int, refund_id: int) -> bool:
    """Sends again what is still due of a payment whose refund failed; whether that was needed. Raises NotFound."""
    with _acting_in(organization_id) as uow:
        return sending.try_again(uow, refund_id)


def submit_evidence(organization_id: int, dispute_id: int) -> str:
    """Gives a bank our evidence, once and for all. Raises NotFound, Conflict for a dispute that takes none."""
    with _acting_in(organization_id) as uow:
        step = defence.stage(uow, dispute_id, is_final=True)
    if step is None:
        raise Conflict("This dispute takes no evidence")
    answer = step.do()
    with _acting_in(organization_id) as uow:
        step.then(uow, answer)
    return "submitted" if answer else "refused"


def forgive_dispute(organization_id: int, dispute_id: int) -> bool:
    """Lets a dispute that was lost freeze its customer's credit no longer; whether it did. Raises NotFound, Conflict."""
    with _acting_in(organization_id) as uow:
        return defence.forgive(uow, dispute_id)


@contextmanager
def _acting_in(organization_id: int) -> Iterator[UnitOfWork]:
    try:
        with unit_of_work(as_machine(organization_id, "operator")) as uow:
            yield uow
    except EntryRefused:
        raise NotFound("There is no such organization") from None
