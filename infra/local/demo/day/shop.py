"""Steps 1 to 3: people register, order and pay."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from infra.local.demo.company import PASSWORD, company
from infra.local.demo.day.caller import Caller, DayFailed, dollars, headline, show, until
from infra.local.demo.day.cast import Cast

SHOPPER_PHONE = "+13125550188"
DELIVERY = {
    "delivery_name": "Robin Alder",
    "delivery_address": "401 N Wabash Ave",
    "delivery_city": "Chicago",
    "delivery_state": "IL",
    "delivery_zip": "60611",
}
LINKS = 3
"""Links of verification mails that are tried."""
NEW_PASSWORD = "Copper-Ladle-Orchard-77"  # of a customer who lives for a day
RUSH = 8
"""Guests who want the last units at the same moment."""


def open_shop(cast: Cast) -> None:
    """A customer registers, proves the address, signs in and looks around."""
    headline(1, "The shop opens")
    email = cast.customer_email = f"{cast.run}@newdiner.example.com"
    form = {
        "username": f"new.diner.{cast.run}",
        "email": email,
        "password": PASSWORD,
        "company_name": "The New Diner",
        "business_type": "restaurant",
    }
    cast.anyone.post("/api/register", form, note=lambda d: d["message"])
    cast.anyone.post(
        "/api/login",
        {"username": email, "password": PASSWORD},
        expect=(401, 403),
        note="not before the address is proven",
    )
    _prove_address(cast.anyone, email)
    _choose_another_password(cast.anyone, email)
    signed_in = cast.anyone.call(
        "POST", "/api/login", {"username": email, "password": NEW_PASSWORD}, note=lambda d: d["message"]
    )
    cast.customer = cast.anyone.signed_in(Cookie=signed_in.headers["set-cookie"].split(";")[0])
    cast.anyone.get(
        "/api/products?per_page=5", note=lambda d: f"{d['total']} products, the first: {d['products'][0]['name']}"
    )
    cast.anyone.post(
        "/api/search/ai",
        {"query": "olive oil under 80 dollars"},
        note=lambda d: f"{d['total']} products, by {d['answered_by']}: {d['suggestion'][:60]}",
    )
    _choose_goods(cast)
    sku = cast.shelf_skus[0]
    cast.anyone.get(
        f"/api/products/sku/{quote(sku)}",
        note=lambda d: f"{sku}: {d['name']}, {dollars(d['unit_price'])} a {d['unit_size']}",
    )


def _prove_address(anyone: Caller, email: str) -> None:
    """Opens the link of the mail. A link that was forgotten (DynamoDB may lose everything) is asked for anew, as people do."""
    opened = ""
    for _ in range(LINKS):
        link = until("the verification mail", partial(_newer_link, anyone, email, opened))
        reply = anyone.call("GET", urlsplit(link).path, None, expect=302)
        outcome = reply.headers["location"].split("?")[-1]
        show(f"{'GET':<5}{'/api/auth/verify-email/...':<44}302  link of the mail: {outcome}")
        if outcome == "email_verified=success":
            return
        opened = link
        anyone.post("/api/auth/resend-verification", {"email": email}, note=lambda d: d["message"])
    raise DayFailed(f"none of {LINKS} links proves the address")


def _choose_another_password(anyone: Caller, email: str) -> None:
    """As somebody does who has forgotten the first one already."""
    opened = ""
    for _ in range(LINKS):
        anyone.post("/api/auth/forgot-password", {"identifier": email}, note=lambda d: d["message"])
        link = opened = until("the mail with the link", partial(_newer_link, anyone, email, opened, "#token="))
        body = {"token": link.partition("#token=")[2], "password": NEW_PASSWORD}
        if anyone.call("POST", "/api/auth/reset-password", body, expect=(200, 400)).status == 200:
            show(f"{'POST':<5}{'/api/auth/reset-password':<44}200  with the token of the mail, once")
            return
    raise DayFailed(f"none of {LINKS} links lets choose a password")


def _newer_link(anyone: Caller, email: str, opened: str, part: str = "/api/auth/verify-email/") -> str | None:
    """The link of the newest mail that has such a one, if it is another than the one opened before."""
    links = [link for mail in _mails_to(anyone, email) for link in mail["links"] if part in link]
    return links[-1] if links and links[-1] != opened else None


def _mails_to(caller: Caller, address: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = caller.get("/sandbox/inbox?kind=mail&to=" + quote(address))["items"]
    return items


def _choose_goods(cast: Cast) -> None:
    """Some SKUs from shelves and some from robot boxes of the first warehouse, with enough of each."""
    robots = set(company().robot_skus)
    cast.warehouse_id = cast.erp.get("/api/v1/inventory_levels?per_page=1")["inventory_levels"][0]["location_id"]
    levels = cast.erp.get(f"/api/v1/inventory_levels?location_id={cast.warehouse_id}&per_page=200")["inventory_levels"]
    plenty = [level["sku"] for level in levels if level["available"] >= 20]
    cast.shelf_skus = [sku for sku in plenty if sku not in robots][:6]
    cast.robot_skus = [sku for sku in plenty if sku in robots][:3]
    if len(cast.shelf_skus) < 6 or len(cast.robot_skus) < 3:
        raise DayFailed("the demo company has sold out: `make reset` starts over")


def place_orders(cast: Cast) -> None:
    """A card order, one on terms, a guest's; then more guests than there are units."""
    headline(2, "Orders are placed; their stock is held in the same transaction")
    shelf, robot = cast.shelf_skus, cast.robot_skus
    assert cast.customer is not None
    cast.orders["card"] = order(
        cast.customer, "customer, card", [(shelf[0], 12), (shelf[1], 2), (robot[0], 2)], "credit_card"
    )
    cast.orders["net30"] = order(
        on_terms(cast), "customer, net30", [(shelf[1], 3), (shelf[2], 1), (robot[1], 1)], "net30"
    )
    cast.orders["guest"] = order(cast.anyone, "guest, card", [(shelf[0], 1), (shelf[3], 2)], "credit_card")
    _rush(cast)


def on_terms(cast: Cast) -> Caller:
    """A customer of many years, with terms."""
    buyer = next(c for c in company().customers if c.payment_terms == "net30" and c.credit_limit_cents >= 500_000)
    reply = cast.anyone.call("POST", "/api/login", {"username": buyer.email, "password": PASSWORD})
    return cast.anyone.signed_in(Cookie=reply.headers["set-cookie"].split(";")[0])


def order(caller: Caller, who: str, lines: list[tuple[str, int]], method: str) -> dict[str, Any]:
    """Somebody orders; the order as it was placed."""
    body = {
        "items": [{"product_sku": sku, "quantity": quantity} for sku, quantity in lines],
        "payment_method": method,
        "delivery_phone": SHOPPER_PHONE,
        **DELIVERY,
    }
    answer = caller.post(
        "/api/orders",
        body,
        note=lambda d: (
            f"{d['order']['order_number']}  {who}, {len(lines)} lines, "
            f"{dollars(d['order']['total_amount'])}, {d['order']['status']}"
        ),
    )
    placed: dict[str, Any] = answer["order"]
    return placed


def _rush(cast: Cast) -> None:
    """The last units of the scarcest product, wanted by more guests than there are."""
    sku = company().scarce_sku
    level = cast.erp.get(f"/api/v1/inventory_levels?sku={sku}&location_id={cast.warehouse_id}")["inventory_levels"][0]
    if level["available"] == 0:
        body = {"sku": sku, "location_id": cast.warehouse_id, "quantity": 5, "reason": "found"}
        level = cast.erp.post("/api/v1/inventory_adjustments", body)
    body = {"items": [{"product_sku": sku, "quantity": 1}], "payment_method": "credit_card", **DELIVERY}
    with ThreadPoolExecutor(RUSH) as pool:
        statuses = [r.status for r in pool.map(lambda _: cast.anyone.quiet("POST", "/api/orders", body), range(RUSH))]
    sold, refused = statuses.count(201), statuses.count(409)
    show(
        f"POST /api/orders  {RUSH} guests at once want {sku}, {level['available']} left: {sold} sold, {refused} refused"
    )
    if (sold, refused) != (min(level["available"], RUSH), max(RUSH - level["available"], 0)):
        raise DayFailed(f"{RUSH} guests wanted {level['available']} units: {statuses}")


def take_payments(cast: Cast) -> None:
    """Card payments at the provider; its webhook and the browser's word arrive in either order."""
    headline(3, "Cards are charged; Stripe's webhook and the browser agree in either order")
    for name in ("card", "guest"):
        placed = cast.orders[name]
        intent = pay_by_card(cast, placed)
        if name == "guest":
            _confirm(cast, placed, intent)
        until("the webhook", partial(is_confirmed, cast, placed))
        show(f"     order {placed['order_number']}: webhook arrived, order is confirmed")
        if name == "card":
            _confirm(cast, placed, intent)


def pay_by_card(cast: Cast, placed: dict[str, Any]) -> dict[str, Any]:
    """The checkout page asks for an intent, and the customer pays it; the intent."""
    intent: dict[str, Any] = cast.anyone.post(
        "/api/payments/create-intent",
        {"amount": placed["total_amount"], "order_number": placed["order_number"]},
        note=f"an intent over {dollars(placed['total_amount'])}",
    )
    pay = {
        "payment_intent": intent["payment_intent_id"],
        "client_secret": intent["client_secret"],
        "card": "success",
    }
    cast.anyone.post("/sandbox/doubles/control/stripe/pay", pay, note="the customer pays in the browser")
    return intent


def _confirm(cast: Cast, order: dict[str, Any], intent: dict[str, Any]) -> None:
    body = {"order_number": order["order_number"], "payment_intent_id": intent["payment_intent_id"]}
    cast.anyone.post("/api/payments/confirm", body, note=lambda d: d["message"])


def is_confirmed(cast: Cast, order: dict[str, Any]) -> bool:
    """Whether an order is confirmed by now, as the voice agent sees it."""
    answer = cast.agent.quiet("POST", "/api/voice/check_order_status", {"order_number": order["order_number"]})
    return answer.status == 200 and bool(answer.data["order"]["status"] == "confirmed")
