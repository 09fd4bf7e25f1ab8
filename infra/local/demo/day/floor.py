"""Steps 5 to 7: wave, robots, picking, packing, shipping, the customer's SMS."""

from functools import partial
from typing import Any
from urllib.parse import quote

from infra.local.demo.company import PASSWORD
from infra.local.demo.day.caller import Caller, DayFailed, headline, show, until
from infra.local.demo.day.cast import PACKER, PICKER, Cast
from infra.local.demo.day.shop import SHOPPER_PHONE


def make_wave(cast: Cast) -> Caller:
    """The picker signs in and makes a wave; what lies in robot boxes becomes a storage request."""
    headline(5, "A wave over the orders; robots fetch what lies in their boxes")
    picker = cast.floor(PICKER)
    show(f"{'POST':<5}{'/api/auth/login':<44}200  {PICKER}, functions: pick")
    body = {"so_ids": [order["id"] for order in cast.orders.values()], "warehouse_id": cast.warehouse_id}
    wave = picker.post(
        "/api/picking/wave-create",
        body,
        note=lambda d: (
            f"batch {d['batch_id']}: {d['total_orders']} orders, {d['total_picks']} picks, {d['total_units']} units"
        ),
    )
    cast.batch_id = wave["batch_id"]
    _serve_robots(cast, _storage_user(cast))
    return picker


def _storage_user(cast: Cast) -> Caller:
    body = {"email": f"{PICKER}@tillerby.example.com", "password": PASSWORD}
    token = cast.anyone.post("/api/v2/auth/login", body)["access_token"]
    show(f"{'POST':<5}{'/api/v2/auth/login':<44}200  {PICKER} at the balcony")
    return cast.anyone.signed_in(Authorization=f"Bearer {token}")


def _serve_robots(cast: Cast, app: Caller) -> None:
    """Triggers every job whose carrier has come, the wave's and one that somebody orders by hand."""
    sample = cast.robot_skus[2]
    made = app.post(
        "/api/v2/requests",
        {
            "type": "FULFILLMENT",
            "id": f"sample-{cast.run}",
            "priority": 1,
            "entities": [{"sku_id": sample, "quantity": 1}],
        },
        note=lambda d: f"request {d['id']}: one {sample} for the showroom, {d['status']}",
    )
    before = _in_boxes(app, sample)
    requests = app.get("/api/v2/requests?size=5&sort_by=-created_at")["items"]
    ours = {made["id"], requests[0]["id"], *(r["id"] for r in requests[1:2])}
    done: set[str] = set()
    while left := _open_jobs(app, ours):
        waiting = until(
            "a carrier at a balcony", lambda: [j for j in _open_jobs(app, ours) if j["status"] == "WAITING"]
        )
        for job in waiting:
            show(f"{'GET':<5}{'/api/v2/jobs':<44}200  carrier {job['carrier_id']} waits at balcony {job['balcony_id']}: "
                 f"{job['quantity']} x {job['sku_id']}")  # fmt: skip
            app.post(f"/api/v2/trigger/{job['id']}", {"TriggerStatus": "SUCCEEDED_TRIGGER"})
            show(f"{'POST':<5}{'/api/v2/trigger/{job_id}':<44}200  taken, the carrier goes home")
            done.add(job["id"])
        if len(done) > 50:
            raise DayFailed(f"the robots' jobs do not end: {left}")
    show(
        f"{'GET':<5}{'/api/v2/inventory_view':<44}200  {sample} in boxes: {before} before, {_in_boxes(app, sample)} now"
    )


def _open_jobs(app: Caller, requests: set[str]) -> list[dict[str, Any]]:
    found = app.get("/api/v2/jobs?size=100&request_id__in=" + quote(",".join(requests)))["items"]
    return [job for job in found if job["status"] not in ("COMPLETED", "FAILED", "CANCELLED")]


def _in_boxes(app: Caller, sku: str) -> int:
    rows = app.get(f"/api/v2/inventory_view?size=100&sku_id__eq={quote(sku)}&sort_by=carrier_id")["items"]
    return sum(row["system_quantity"] or 0 for row in rows)


def pick(cast: Cast, picker: Caller) -> None:
    """Task after task; one of them is short."""
    headline(6, "Picking, one scan at a time; one bin holds less than the books say")
    shorted = False
    while True:
        task = picker.get(f"/api/picking/batch/{cast.batch_id}/next")
        if "pick_task_id" not in task:
            if "waiting" in task:
                until("the robots", lambda: "waiting" not in picker.get(f"/api/picking/batch/{cast.batch_id}/next"))
                continue
            break
        wrong = not shorted and task["quantity_to_pick"] > 2
        (_report_short if wrong else _confirm)(picker, task)
        shorted = shorted or wrong
    show(f"{'GET':<5}{'/api/picking/batch/{batch_id}/next':<44}200  {task['message']}")
    picker.post("/api/picking/complete-batch", {"batch_id": cast.batch_id}, note=lambda d: str(d.get("message")))


def _confirm(picker: Caller, task: dict[str, Any]) -> None:
    left = task["quantity_to_pick"] - task["quantity_picked"]
    body = {
        "pick_task_id": task["pick_task_id"],
        "scanned_barcode": task["upc"] or task["sku"],
        "quantity_picked": left,
    }
    where = f"{task['bin_code']}: {left} x {task['sku']} {task['item_name']}"
    picker.post("/api/picking/confirm", body, note=f"pick {task['pick_number']}/{task['total_picks']}  {where[:70]}")


def _report_short(picker: Caller, task: dict[str, Any]) -> None:
    there = task["quantity_to_pick"] - task["quantity_picked"] - 1
    body = {"pick_task_id": task["pick_task_id"], "quantity_available": there}
    picker.post(
        "/api/picking/short",
        body,
        note=lambda d: f"{task['bin_code']}: {there} of {there + 1} x {task['sku']}; {d['message']}",
    )


def pack_and_ship(cast: Cast) -> None:
    """Every order is verified item by item, packed, shipped; the customer's telephone rings."""
    headline(7, "Packing, shipping, and the customer's telephone")
    packer = cast.floor(PACKER)
    for order in cast.orders.values():
        _pack(packer, order)
        tracking = f"1Z999AA1{cast.run.upper()}{order['id']:02d}"
        body = {"so_id": order["id"], "tracking_number": tracking, "carrier": "UPS", "ship_method": "Ground"}
        packer.post(
            "/api/shipping/fulfill",
            body,
            note=lambda d: (
                f"{d['so_number']}: {d['lines_shipped']} lines, {d['total_quantity']} units with {d['carrier']}"
            ),
        )
    for order in cast.orders.values():
        number = order["order_number"]
        sms = until(f"the SMS about {number}", partial(_texts, cast, number))[-1]
        show(f"SMS  to {SHOPPER_PHONE}: {sms['body'][:90]}")
        until("the delivery report", partial(_is_delivered, cast, number))
    show("     delivery reports came back signed: delivered")


def _pack(packer: Caller, order: dict[str, Any]) -> None:
    loaded = packer.get(f"/api/packing/order/{quote(order['order_number'])}")
    for line in loaded["lines"]:
        if line["quantity_picked"]:
            body = {"so_id": order["id"], "scanned_barcode": line["sku"], "quantity": line["quantity_picked"]}
            packer.post("/api/packing/verify", body)
    units = loaded["total_items"]
    packer.post(
        "/api/packing/complete", {"so_id": order["id"]}, note=lambda d: f"{d['so_number']}: {units} units verified"
    )


def _texts(cast: Cast, number: str) -> list[dict[str, Any]]:
    items = cast.anyone.get("/sandbox/inbox?kind=sms&to=" + quote(SHOPPER_PHONE))["items"]
    return [item for item in items if number in item["body"] and "shipped" in item["body"]]


def _is_delivered(cast: Cast, number: str) -> bool:
    return any(item.get("status") == "delivered" for item in _texts(cast, number))
