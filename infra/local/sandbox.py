"""What the local stage adds beside the API, under ``/sandbox/``: the inbox, the clock, the providers' controls.

GET  /sandbox/inbox         everything that was sent: SMS, mail, MQTT; kind=, to=, since=, limit=
GET  /sandbox/clock         the business's time
POST /sandbox/clock         {"advance_s": 3600} or {"offset_s": 0}
GET  /sandbox/meter         what was counted since the start, with METER=1
any  /sandbox/doubles/...   the doubles' own controls (infra/local/doubles/control.py)
"""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import urllib3

from infra.local import meter
from infra.local.events import Answer

PREFIX = b"/sandbox/"
DOUBLES = "/sandbox/doubles/"
KINDS = ("sms", "mail", "mqtt")
LIMIT_DEFAULT = 1000
_http = urllib3.PoolManager(num_pools=2, maxsize=8, retries=False, timeout=urllib3.Timeout(connect=2, read=30))


class _Wrong(Exception):
    """What the caller sent makes no sense; its text says why."""


def answer(method: str, path: str, query: bytes, body: bytes) -> Answer:
    """Answers one request for a path below PREFIX."""
    try:
        if path.startswith(DOUBLES):
            return _from_doubles(method, path.removeprefix(DOUBLES), query, body)
        if path == "/sandbox/inbox" and method == "GET":
            return _json(200, {"items": inbox(dict(parse_qsl(query.decode("latin-1"))))})
        if path == "/sandbox/clock" and method in ("GET", "POST"):
            if method == "POST":
                _move_clock(body)
            return _json(200, _clock())
        if path == "/sandbox/meter" and method == "GET":
            return _json(200, _metered())
    except _Wrong as error:
        return _json(422, {"error": str(error)})
    except urllib3.exceptions.HTTPError:
        return _json(503, {"error": "A part of the local stage does not answer; it may be starting again."})
    return _json(404, {"error": "GET /sandbox/inbox, /sandbox/clock, /sandbox/meter, or /sandbox/doubles/..."})


def inbox(asked: Mapping[str, str]) -> list[dict[str, Any]]:
    """Messages of the kinds asked for, oldest first; the last `limit` of them."""
    kind, limit = asked.get("kind"), asked.get("limit", str(LIMIT_DEFAULT))
    if kind not in (None, *KINDS) or not limit.isdigit():
        raise _Wrong(f"kind is one of {', '.join(KINDS)}; limit is a number")
    items: list[dict[str, Any]] = []
    if kind != "mqtt":
        items += _items_at(f"http://127.0.0.1:{os.environ['QM_DOUBLES_PORT']}/inbox")
    if kind in (None, "mqtt"):
        items += _items_at(f"http://127.0.0.1:{os.environ['QM_IOT_PORT']}/inbox")
    since = _instant(asked["since"]) if "since" in asked else None
    found = [
        item
        for item in items
        if kind in (None, item["kind"])
        and asked.get("to", "").lower() in str(item["to"]).lower()
        and (since is None or _instant(item["at"]) >= since)
    ]
    return sorted(found, key=lambda item: _instant(item["at"]))[-int(limit) :]


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong("since is an ISO 8601 time") from None
    if at.tzinfo is None:
        raise _Wrong("since needs an offset from UTC")
    return at


def _items_at(url: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(_http.request("GET", url).data)["items"]
    return items


def _from_doubles(method: str, rest: str, query: bytes, body: bytes) -> Answer:
    url = f"http://127.0.0.1:{os.environ['QM_DOUBLES_PORT']}/{rest}"
    if query:
        url += f"?{query.decode('latin-1')}"
    reply = _http.request(method, url, body=body or None, headers={"Content-Type": "application/json"})
    media_type = reply.headers.get("Content-Type", "application/json")
    return Answer(reply.status, [(b"content-type", media_type.encode("latin-1"))], reply.data)


def _metered() -> dict[str, Any]:
    folder = meter.folder()
    if folder is None:
        raise _Wrong("nothing is metered: start the platform with METER=1")
    from infra.local.meter.database import database_work, largest_item_bytes

    database = database_work(Path(os.environ["QM_DATA_DIR"]))
    return {"functions": meter.summed(folder), "database": database, "largest_item_bytes": largest_item_bytes()}


def _clock() -> dict[str, Any]:
    from chalicelib.kernel import clock

    return {"now": clock.now().isoformat(), "offset_s": _offset_s(Path(os.environ["QM_CLOCK_FILE"]))}


def _offset_s(file: Path) -> float:
    try:
        return float(file.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0.0


def _move_clock(body: bytes) -> None:
    """Moves the business's clock for all processes; they see it within 50 ms."""
    file = Path(os.environ["QM_CLOCK_FILE"])
    try:
        asked = json.loads(body)
        offset = float(asked["offset_s"]) if "offset_s" in asked else _offset_s(file) + float(asked["advance_s"])
        if not abs(offset) < 100 * 366 * 86400:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise _Wrong('the body is {"advance_s": seconds} or {"offset_s": seconds}') from None
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(repr(offset), encoding="ascii")
    draft.replace(file)


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, [(b"content-type", b"application/json")], json.dumps(body).encode())
