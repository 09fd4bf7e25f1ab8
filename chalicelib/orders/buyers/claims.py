"""How a guest's order becomes a customer's: an account that was made at check-out claims it, and proves later that it may."""

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import facts
from chalicelib.orders.buyers import proofs, rules, store


def claim(uow: UnitOfWork, customer_id: int, number: str, *, token: str | None) -> None:
    """Notes that a new account claims the guest's order it was made for; `link_claimed` decides. One statement.

    `token` proves the order; without it the account's mail address must turn out to be the order's. Whether there is such an
    order does not show.
    """
    is_proven = proofs.is_token(uow, number, token)
    store.claim(uow, customer_id, number, channels=rules.BUYERS_CHANNELS, is_proven=is_proven)


def link_claimed(uow: UnitOfWork, customer_id: int) -> None:
    """Gives a customer whose mail address is verified the orders that their account claimed and that are provably theirs.

    Of several accounts that claim one order the first gets it. May be repeated; nothing before the address is verified. One
    statement; locks the orders.
    """
    for order in store.link_claimed(uow, customer_id):
        uow.audit("order.linked", "order", order.id, after={"customer_id": customer_id})
        uow.tell(facts.Changed(order_id=order.id, warehouse_id=order.warehouse_id))
