"""EasyPost as far as a label needs it: shipment, rates, purchase, tracker, signed tracker events.

Source: EasyPost API reference (shipments, rates, trackers, events, webhook HMAC validation).
"""

import json
import secrets
from typing import Any

from aiohttp import web

from chalicelib.kernel import clock
from infra.local.doubles import faults
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.deliveries import Deliveries
from infra.local.doubles.faults import Faults
from infra.local.doubles.store import Doc, Store

SERVICES = (("USPS", "GroundAdvantage", 520, 4), ("USPS", "Priority", 895, 2), ("UPS", "NextDayAir", 3850, 1))
"""Carrier, service, cents for the first pound, days."""
TRACKING = ("pre_transit", "in_transit", "out_for_delivery", "delivered", "return_to_sender", "failure")


class EasyPostApi:
    """The double's EasyPost, under the prefix ``/easypost``."""

    def __init__(self, store: Store, deliveries: Deliveries, rules: Faults, settings: DoublesSettings) -> None:
        self._store = store
        self._deliveries = deliveries
        self._faults = rules
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp needs to know."""
        return [
            web.post("/easypost/v2/shipments", self._create),
            web.get("/easypost/v2/shipments/{id}", self._retrieve("shipment")),
            web.post("/easypost/v2/shipments/{id}/buy", self._buy),
            web.get("/easypost/v2/trackers/{id}", self._retrieve("tracker")),
        ]

    def track(self, code: str, status: str) -> Doc | None:
        """The carrier scans a parcel: change its tracker, send ``tracker.updated``. None if unknown."""
        known = next((t for t in self._store.all("easypost.tracker") if t["tracking_code"] == code), None)
        if known is None or status not in TRACKING:
            return None
        details = [*known["tracking_details"], {"status": status, "datetime": clock.now().isoformat()}]
        with self._store.batch():
            tracker = {**known, "status": status, "tracking_details": details}
            self._store.put("easypost.tracker", tracker["id"], tracker)
            self._emit("tracker.updated", tracker)
        return tracker

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)

        async def work() -> web.StreamResponse:
            asked = body.get("shipment") or {}
            if not {"to_address", "from_address", "parcel"} <= asked.keys():
                return _error(422, "SHIPMENT.INVALID_PARAMS", "to_address, from_address and parcel are required")
            shipment = _shipment(asked)
            return web.json_response(self._store.put("easypost.shipment", shipment["id"], shipment), status=201)

        return await self._answer(request, "shipments.create", work)

    async def _buy(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)

        async def work() -> web.StreamResponse:
            shipment = self._store.get("easypost.shipment", request.match_info["id"])
            if shipment is None:
                return _error(404, "NOT_FOUND", "The requested resource could not be found.")
            rate_id = (body.get("rate") or {}).get("id")
            rate = next((rate for rate in shipment["rates"] if rate["id"] == rate_id), None)
            if rate is None:
                return _error(422, "SHIPMENT.RATE.INVALID", "The rate is not one of this shipment.")
            if shipment["postage_label"]:
                return _error(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
            return web.json_response(self._purchase(shipment, rate))

        return await self._answer(request, "shipments.buy", work)

    def _retrieve(self, kind: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            async def work() -> web.StreamResponse:
                found = self._store.get(f"easypost.{kind}", request.match_info["id"])
                if found is None:
                    return _error(404, "NOT_FOUND", "The requested resource could not be found.")
                return web.json_response(found)

            return await self._answer(request, f"{kind}s.retrieve", work)

        return handle

    async def _answer(self, request: web.Request, operation: str, work: Any) -> web.StreamResponse:
        if not request.headers.get("Authorization", "").startswith(("Basic ", "Bearer ")):
            return _error(401, "APIKEY.REQUIRED", "An API key is required.")
        fault = self._faults.take("easypost", operation)
        return await faults.answer(request, fault, work, lambda status: _error(status, "FAULT", "Asked for"))

    def _purchase(self, shipment: Doc, rate: Doc) -> Doc:
        code = f"94{secrets.randbelow(10**18):018d}"
        tracker = {
            "id": f"trk_{secrets.token_hex(16)}",
            "object": "Tracker",
            "tracking_code": code,
            "carrier": rate["carrier"],
            "shipment_id": shipment["id"],
            "status": "pre_transit",
            "tracking_details": [],
        }
        label_url = f"https://easypost-files.invalid/{shipment['id']}.png"
        label = {"id": f"pl_{secrets.token_hex(16)}", "object": "PostageLabel", "label_url": label_url}
        bought = {"selected_rate": rate, "postage_label": label, "tracking_code": code, "tracker": tracker}
        with self._store.batch():
            self._store.put("easypost.tracker", str(tracker["id"]), tracker)
            self._emit("tracker.created", tracker)
            return self._store.put("easypost.shipment", shipment["id"], {**shipment, **bought})

    def _emit(self, type: str, result: Doc) -> None:
        event = {
            "id": f"evt_{secrets.token_hex(16)}",
            "object": "Event",
            "description": type,
            "result": result,
        }
        self._deliveries.enqueue(
            "easypost",
            type=type,
            external_id=str(event["id"]),
            url=f"{self._settings.public_url.rstrip('/')}/api/webhooks/easypost",
            body=json.dumps(event),
            media="application/json",
        )


def _shipment(asked: Doc) -> Doc:
    key = f"shp_{secrets.token_hex(16)}"
    ounces = float(asked["parcel"].get("weight") or 16)
    rates = [
        {
            "id": f"rate_{secrets.token_hex(16)}",
            "object": "Rate",
            "carrier": carrier,
            "service": service,
            "rate": f"{round(cents * max(1.0, ounces / 16)) / 100:.2f}",
            "currency": "USD",
            "delivery_days": days,
            "shipment_id": key,
        }
        for carrier, service, cents, days in SERVICES
    ]
    blank = {"selected_rate": None, "postage_label": None, "tracking_code": None, "tracker": None}
    made = {"id": key, "object": "Shipment", "created_at": clock.now().isoformat(), "mode": "test"}
    return {
        **made,
        **{name: asked[name] for name in ("to_address", "from_address", "parcel")},
        "rates": rates,
        **blank,
    }


async def _body(request: web.Request) -> Doc:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "errors": []}}, status=status)
