"""Steps 8 to 11: integrators, the voice agent, the catalogue and its buyers, the books."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from infra.local.demo.day.caller import DayFailed, Form, dollars, headline, show, until
from infra.local.demo.day.cast import ADMIN, Cast
from infra.local.demo.day.pictures import carton


def integrate(cast: Cast) -> None:
    """An ERP reads the same numbers, corrects one, reserves an order, and looks an hour back."""
    headline(8, "Integrators see the same numbers, now and an hour ago")
    sku = cast.shelf_skus[0]
    path = f"/api/v1/inventory_levels?sku={quote(sku)}&location_id={cast.warehouse_id}"
    now = cast.erp.get(path, note=lambda d: _told(d["inventory_levels"][0]))["inventory_levels"][0]
    an_hour_ago = (cast.now() - timedelta(hours=1)).isoformat()
    old = cast.erp.get(f"{path}&as_of={quote(an_hour_ago)}")["inventory_levels"][0]
    show(f"{'GET':<5}{'/api/v1/inventory_levels?as_of=...':<44}200  {sku} an hour ago: {old['on_hand']} on hand")
    moves = cast.erp.get(
        f"/api/v1/inventory_ledger?variant_id={now['variant_id']}&per_page=200",
        note=lambda d: f"{len(d['inventory_ledger'])} moves, the last: {_move(d['inventory_ledger'][0])}",
    )["inventory_ledger"]
    gone = sum(_effect(move, cast.warehouse_id) for move in moves if move["created_at"] > an_hour_ago[:19])
    if old["on_hand"] + gone != now["on_hand"]:
        raise DayFailed(f"{sku}: {old['on_hand']} an hour ago and {gone} moved since do not make {now['on_hand']}")
    cast.erp.post(
        "/api/v1/inventory_adjustments",
        {"sku": sku, "location_id": cast.warehouse_id, "quantity": -1, "reason": "damage", "note": "torn case"},
        note=lambda d: f"{sku}: 1 damaged, {d['on_hand']} on hand, {d['available']} available",
    )
    body = {"line_items": [{"sku": cast.shelf_skus[4], "quantity": 3}], "reference": f"ERP-{cast.run}"}
    order = cast.erp.post("/api/v1/orders", body)
    cast.erp.post(f"/api/v1/orders/{order['id']}/reserve", note=lambda d: f"order {d['reference']}: {d['status']}")


def _told(level: dict[str, Any]) -> str:
    return f"{level['sku']}: {level['on_hand']} on hand, {level['reserved']} reserved, {level['available']} available"


def _move(move: dict[str, Any]) -> str:
    return f"{move['quantity']} {move['from_kind']} -> {move['to_kind']} ({move['entry_type']})"


def _effect(move: dict[str, Any], warehouse_id: int) -> int:
    """What a move did to what lies in a warehouse."""
    came = move["to_location_id"] == warehouse_id and move["to_kind"] in ("bin", "outbound")
    went = move["from_location_id"] == warehouse_id and move["from_kind"] in ("bin", "outbound")
    return int(move["quantity"]) * (came - went)


def answer_the_phone(cast: Cast) -> None:
    """The voice agent tells a caller where the order is; the call's transcript lands in the object store."""
    headline(9, "The voice agent answers the phone")
    number = cast.orders["card"]["order_number"]
    status = cast.agent.post(
        "/api/voice/check_order_status", {"order_number": number}, note=lambda d: f"{number} is {d['order']['status']}"
    )
    ended = cast.now()
    call = {
        "call_id": f"call-{cast.run}",
        "duration": 74,
        "start_time": (ended - timedelta(seconds=74)).isoformat(),
        "end_time": ended.isoformat(),
        "phone_number": "+13125550188",
        "order_number": number,
        "transcript": f"Agent: Your order {number} is {status['order']['status']}.\nCaller: Wonderful, thank you.",
    }
    cast.anyone.post("/sandbox/doubles/control/elevenlabs/call-complete", call, expect=202)
    show("     the call ends; its webhook is signed")
    delivered = until("the call's webhook", lambda: _delivered(cast, call["call_id"]))
    show(f"     POST /api/voice/webhook/call-complete answered {delivered}; the transcript lies in the bucket")


def _delivered(cast: Cast, call_id: object) -> int:
    log = cast.anyone.get("/sandbox/doubles/control/webhooks/log?source=elevenlabs")["items"]
    statuses = [a["status"] for d in log if d["external_id"] == call_id for a in d["attempts"] if a["status"]]
    return statuses[-1] if statuses else 0


def keep_the_catalogue(cast: Cast) -> None:
    """The ERP keeps the shop's catalogue in step; the office has its customers scored."""
    headline(10, "The catalogue is kept in step; customers are scored")
    sku = cast.shelf_skus[0]
    name = cast.anyone.get(f"/api/products/sku/{quote(sku)}")["name"]
    form = Form({"image": ("carton.png", carton(name), "image/png")})
    path = f"/api/v1/products/{quote(sku)}/image"
    product = cast.erp.post(path, form, note=f"a picture of {sku}, drawn anew")["product"]
    picture = cast.anyone.call("GET", f"/api/products/{product['id']}/thumbnail", None)
    show(f"{'GET':<5}{'/api/products/{product_id}/thumbnail':<44}200  {picture.headers['content-type']}")
    changes = [{"sku": each, "description": f"{each}, as packed for us ({cast.run})"} for each in cast.shelf_skus]
    cast.erp.post(
        "/api/v1/products/bulk-update",
        {"products": [*changes, {"sku": "NOBODY-HAS-THIS", "in_stock": True}]},
        note=lambda d: f"{d['updated_count']} changed, {d['skipped_count']} skipped, {d['error_count']} wrong",
    )
    desk, scores = cast.desk(ADMIN), "/api/customers/scores?per_page=1"
    before = desk.get(scores)["last_computed"]
    desk.call("POST", "/api/scores/recompute", None, expect=(200, 409), note="customers are scored by a worker")
    until("the scores", lambda: desk.get(scores)["last_computed"] != before)
    desk.get(scores, note=lambda d: f"{d['total']} customers: {_tiers(d['tier_counts'])}")


def _tiers(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {tier}" for tier, count in counts.items() if count)


def check_books(cast: Cast) -> None:
    """Everything must add up, and nothing may still be on its way."""
    headline(11, "The books")
    admin = cast.floor(ADMIN)
    books = until("the last effects", lambda: _settled(admin.get("/api/books")), patience_s=120, pause_s=2)
    for line in _table(books):
        show(line)
    if not books["is_whole"]:
        raise DayFailed(f"the books are not whole: {books}")


def _settled(books: dict[str, Any]) -> dict[str, Any] | None:
    """The books once no outbox row is open any more, wrong or right."""
    return books if books["outbox"]["open"] == 0 else None


def _table(books: dict[str, Any]) -> list[str]:
    stock, holds, outbox, audit = books["stock"], books["holds"], books["outbox"], books["audit"]
    money = books["payments"]
    rows = [
        ("sum of moves = levels", f"{stock['moves']} moves, {stock['units_moved']} units", stock["wrong_levels"]),
        ("levels, holds = availability", "every variant, every warehouse", stock["wrong_availability"]),
        ("holds = open order lines", f"{holds['held_units']} of {holds['open_units']} units", holds["wrong_lines"]),
        ("payments = paid orders", dollars(money["entries_minor"] / 100), money["wrong_orders"]),
        ("every outbox row closed", f"{outbox['rows']} rows, {outbox['open']} open", outbox["dead"]),
        (
            "audit chain whole",
            f"{audit['sealed']} entries sealed",
            audit["unchained"] + (audit["broken_at"] is not None),
        ),
    ]
    lines = [f"{what:<30} {how:<34} {'ok' if not wrong else f'{wrong} WRONG'}" for what, how, wrong in rows]
    rule = "-" * max(map(len, lines))
    return [rule, *lines, rule]
