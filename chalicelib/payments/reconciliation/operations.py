"""What an operator may ask: to compare now, and what differs (kernel/operations.py)."""

from chalicelib.kernel.uow import as_machine, unit_of_work
from chalicelib.payments.reconciliation import service
from chalicelib.payments.reconciliation.rules import Seen


def reconcile(organization_id: int) -> int:
    """Begins to compare an organization's books with Stripe's at once; the number of the comparison."""
    with unit_of_work(as_machine(organization_id, "operator")) as uow:
        return service.start_now(uow)


def list_differences(organization_id: int) -> list[Seen]:
    """What differed when an organization's books were last compared, the oldest first."""
    with unit_of_work(as_machine(organization_id, "operator")) as uow:
        return service.open_differences(uow)
