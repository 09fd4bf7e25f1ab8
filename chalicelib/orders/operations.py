"""What an operator may set: an organization's delivery fee and discounts (kernel/operations.py)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.kernel.money import AMOUNT_MAX
from chalicelib.kernel.uow import as_machine, unit_of_work
from chalicelib.orders import store

Minor = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]


class Discount(BaseModel):
    """Basis points of the subtotal, from a subtotal on, for customers with these terms (orders.rules.discount_minor)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    per_10000: Annotated[int, Field(gt=0, lt=10_000)]
    from_minor: Minor = 0
    terms: Literal["prepaid", "net30"] | None = None


def set_fees_and_discounts(
    organization_id: int,
    *,
    delivery_fee_minor: Minor = 0,
    free_delivery_from_minor: Minor | None = None,
    discounts: Annotated[list[Discount], Field(max_length=50)] | None = None,
) -> dict[str, Any]:
    """Sets all of them, in minor units: what is left out is none. Orders count with them from the next request on.

    What they are now. May be repeated.
    """
    wanted = {
        "delivery_fee_minor": delivery_fee_minor,
        "free_delivery_from_minor": free_delivery_from_minor,
        "discounts": [discount.model_dump(exclude_none=True) for discount in discounts or ()],
    }
    with unit_of_work(as_machine(organization_id, "operator"), request_id="operator") as uow:
        before = {name: uow.organization.settings.get(name) for name in wanted}
        store.merge_settings(uow, wanted)
        uow.audit("update", "setting", "fees_and_discounts", before=before, after=wanted)
    return wanted
