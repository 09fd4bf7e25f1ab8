"""Step 4: money that comes in other ways than by card in the shop, and money that goes back."""

from functools import partial
from typing import Any

from infra.local.demo.company import company
from infra.local.demo.day.caller import Caller, DayFailed, Form, dollars, headline, show, until
from infra.local.demo.day.cast import ADMIN, Cast
from infra.local.demo.day.pictures import check_side
from infra.local.demo.day.shop import is_confirmed, on_terms, order, pay_by_card


def take_other_payments(cast: Cast) -> None:
    """By link, by check; and a paid order that is cancelled."""
    headline(4, "Others pay by link or by check; who cancels gets the money back")
    desk = cast.desk(ADMIN)
    _by_link(cast, desk)
    _by_check(cast, desk)
    _and_back(cast)


def _by_link(cast: Cast, desk: Caller) -> None:
    """Staff sends a link; somebody opens it and pays on Stripe's page."""
    placed = order(cast.anyone, "guest, by link", [(cast.shelf_skus[2], 1)], "credit_card")
    asked = {"order_number": placed["order_number"], "expires_in_hours": 24}
    link = desk.post("/api/payments/create-link", asked, note=lambda d: f"a link over {dollars(d['amount'])}")
    found = cast.anyone.get("/sandbox/doubles/control/state?kind=stripe.payment_link")["records"]
    known = next(each for each in found["stripe.payment_link"] if each["url"] == link["payment_url"])
    visit = cast.anyone.post("/sandbox/doubles/control/stripe/visit", {"payment_link": known["id"]})
    page = "/sandbox/doubles/control/stripe/checkout"
    cast.anyone.call("POST", page, {"session": visit["id"]}, expect=(200, 400), note="somebody pays on Stripe's page")
    until("the link's webhook", partial(is_confirmed, cast, placed))
    show(f"     order {placed['order_number']}: paid, and the link is closed")


def _by_check(cast: Cast, desk: Caller) -> None:
    """A picture of both sides, looked at and approved by the office."""
    placed = order(on_terms(cast), "customer, by check", [(cast.shelf_skus[3], 2)], "check")
    buyer = company().customers[0].company
    sides = {
        "check_front": ("front.png", check_side(buyer, f"${placed['total_amount']:.2f}", "No. 1044"), "image/png"),
        "check_back": ("back.png", check_side("For deposit only"), "image/png"),
    }
    form = Form({"order_number": placed["order_number"], **sides})
    desk.post("/api/payments/upload-check", form, note=lambda d: d["message"])
    desk.call("GET", f"/api/staff/checks/{placed['order_number']}", None, note="staff looks at it")
    desk.post(f"/api/staff/checks/{placed['order_number']}/approve", note="approved: the order is paid")
    if not is_confirmed(cast, placed):
        raise DayFailed(f"the check did not pay order {placed['order_number']}")


def _and_back(cast: Cast) -> None:
    """A paid order is cancelled: Stripe is asked for the refund, once, and tells when it is done."""
    placed = order(cast.anyone, "guest, regrets it", [(cast.shelf_skus[4], 1)], "credit_card")
    pay_by_card(cast, placed)
    until("the webhook", partial(is_confirmed, cast, placed))
    cast.erp.post(f"/api/v1/orders/{placed['id']}/cancel", note=lambda d: f"order {d['id']} is {d['status']}")
    until("the refund", partial(_is_refunded, cast, placed))
    show(f"     {dollars(placed['total_amount'])} went back to the card")


def _is_refunded(cast: Cast, placed: dict[str, Any]) -> bool:
    """Whether Stripe has a refund of this order's charge that has succeeded."""
    state = cast.anyone.get("/sandbox/doubles/control/state")["records"]
    intents = {
        intent["id"]
        for intent in state["stripe.payment_intent"]
        if intent["metadata"].get("order_number") == placed["order_number"]
    }
    return any(
        refund["payment_intent"] in intents and refund["status"] == "succeeded"
        for refund in state.get("stripe.refund", ())
    )
