"""Twilio's Messages: created, fetched, listed; they arrive or do not, and signed callbacks tell.

Sources: Twilio, Messages resource; Message status in status callbacks; Error and warning dictionary; Test
credentials (the numbers that always fail).
"""

import asyncio
import base64
import operator
import re
import secrets
from collections.abc import Coroutine
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import phonenumbers
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.kernel import clock
from infra.local.doubles import faults
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.deliveries import Deliveries
from infra.local.doubles.faults import Faults
from infra.local.doubles.store import Doc, Store

API = "/2010-04-01"
ALWAYS_REFUSED = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: +15005550001"),
    "+15005550002": (21612, "The message cannot be routed to this 'To' number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_DATE_FILTERS = {"DateSent": operator.eq, "DateSent<": operator.le, "DateSent>": operator.ge}
_UNDELIVERED = {
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
}


class Outcome(BaseModel):
    """What becomes of the next messages to a number (``*``: to any). `times` null: of all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str = "*"
    status: Literal["delivered", "undelivered", "failed", "sent"] = "undelivered"
    """``sent``: it stays there, the carrier never tells."""
    error_code: int | None = None
    times: int | None = Field(1, ge=1)


class Reply(BaseModel):
    """Somebody texts us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$")
    body: str


class TwilioRefusal(Exception):
    """An answer of 4xx with Twilio's own code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = error(status, code, message)


def error(status: int, code: int, message: str) -> Doc:
    """Twilio's error body."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": more, "status": status}


class TwilioApi:
    """The double's Twilio, under the prefix ``/twilio``."""

    def __init__(self, store: Store, deliveries: Deliveries, rules: Faults, settings: DoublesSettings) -> None:
        self._store = store
        self._deliveries = deliveries
        self._faults = rules
        self._settings = settings
        self._outcomes: list[Outcome] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp needs to know."""
        base = f"/twilio{API}/Accounts/{{account}}/Messages"
        return [
            web.post(f"{base}.json", self._create),
            web.get(f"{base}.json", self._list),
            web.get(f"{base}/{{sid}}.json", self._fetch),
        ]

    def resume(self) -> None:
        """After a restart: messages that were under way go on."""
        for message in self._store.all("sms"):
            if message["status"] in ("queued", "sent") and not message["_is_stuck"]:
                self._spawn(self._progress(message["sid"]))

    async def stop(self) -> None:
        """Leave messages where they are."""
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Drop everything under way."""
        self._outcomes.clear()
        for task in self._tasks:
            task.cancel()

    def expect(self, outcome: Outcome) -> None:
        """Decide what becomes of messages that are created from now on."""
        self._outcomes.append(outcome)

    def receive(self, reply: Reply) -> str:
        """Pass on what somebody texted, as the number's messaging webhook gets it; the message's SID."""
        sid = f"SM{secrets.token_hex(16)}"
        form = {
            "ApiVersion": API.strip("/"),
            "Body": reply.body,
            "From": reply.sender,
            "MessageSid": sid,
            "NumMedia": "0",
            "SmsStatus": "received",
        }
        self._deliveries.enqueue(
            "twilio",
            type="received",
            external_id=sid,
            url=f"{self._settings.public_url}/api/sms/inbound",
            body=urlencode(form),
            media="application/x-www-form-urlencoded; charset=utf-8",
        )
        return sid

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))

        async def work() -> web.StreamResponse:
            return web.json_response(_public(self._accept(request, form)), status=201)

        return await self._answer(request, "messages.create", work)

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        async def work() -> web.StreamResponse:
            self._check_account(request)
            sid = request.match_info["sid"]
            message = self._store.get("sms", sid)
            if message is None:
                raise TwilioRefusal(404, 20404, f"The requested resource {request.path} was not found")
            return web.json_response(_public(message))

        return await self._answer(request, "messages.fetch", work)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        async def work() -> web.StreamResponse:
            self._check_account(request)
            return web.json_response(self._page(request))

        return await self._answer(request, "messages.list", work)

    async def _answer(self, request: web.Request, operation: str, work: Any) -> web.StreamResponse:
        def refuse(status: int) -> web.StreamResponse:
            code = {429: 20429, 401: 20003}.get(status, 20500 if status >= 500 else 20001)
            return web.json_response(error(status, code, "A fault that was asked for"), status=status)

        try:
            return await faults.answer(request, self._faults.take("twilio", operation), work, refuse)
        except TwilioRefusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    def _check_account(self, request: web.Request) -> None:
        """Basic authentication with the account's SID and auth token."""
        account, token = _basic(request.headers.get("Authorization", ""))
        wanted = self._settings.twilio_account_sid or account
        secret = self._settings.twilio_auth_token.get_secret_value()
        is_known = account == wanted and secrets.compare_digest(token.encode(), secret.encode())
        if not is_known or request.match_info["account"] != account:
            raise TwilioRefusal(401, 20003, "Authenticate")

    def _accept(self, request: web.Request, form: dict[str, str]) -> Doc:
        """Take a message over, or refuse it as Twilio would."""
        self._check_account(request)
        _check_form(form)
        to = form["To"]
        outcome = self._outcome(to)
        now = clock.now()
        message: Doc = {
            "sid": f"SM{secrets.token_hex(16)}",
            "account_sid": request.match_info["account"],
            "api_version": API.strip("/"),
            "body": form["Body"],
            "date_created": format_datetime(now),
            "date_sent": None,
            "date_updated": format_datetime(now),
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": form["From"],
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(_segments(form["Body"])),
            "price": None,
            "price_unit": "USD",
            "status": "queued",
            "subresource_uris": {},
            "to": to,
            "_at": now.isoformat(),
            "_callback": form.get("StatusCallback"),
            "_is_stuck": False,
            "_outcome": outcome.status,
            "_error_code": outcome.error_code,
            "_seq": len(self._store.all("sms")) + len(self._store.all("mail")) + 1,
        }
        message["uri"] = f"{API}/Accounts/{message['account_sid']}/Messages/{message['sid']}.json"
        with self._store.batch():
            self._store.put("sms", str(message["sid"]), message)
            self._store.after_commit(lambda: self._spawn(self._progress(str(message["sid"]))))
        return message

    def _outcome(self, to: str) -> Outcome:
        """What was asked for this number; used up where it was to happen a few times only."""
        for position, outcome in enumerate(self._outcomes):
            if outcome.to in ("*", to):
                if outcome.times is not None:
                    left = outcome.model_copy(update={"times": outcome.times - 1})
                    self._outcomes[position : position + 1] = [left] if left.times else []
                return outcome
        return Outcome(status="delivered")

    async def _progress(self, sid: str) -> None:
        """queued, sent, then what was decided when it was created."""
        message = self._store.get("sms", sid)
        if message and message["status"] == "queued":
            await asyncio.sleep(self._settings.doubles_step_s)
            ends_here = message["_outcome"] == "failed"
            self._become(sid, "failed" if ends_here else "sent")
            if ends_here:
                return
        if message and message["_outcome"] != "sent":
            await asyncio.sleep(self._settings.doubles_step_s)
            self._become(sid, message["_outcome"])

    def _become(self, sid: str, status: str) -> None:
        known = self._store.get("sms", sid)
        if known is None:
            return
        changes: Doc = {"status": status, "date_updated": format_datetime(clock.now())}
        if status == "sent":
            changes |= {"date_sent": changes["date_updated"], "_is_stuck": known["_outcome"] == "sent"}
        if status in ("undelivered", "failed"):
            code = known["_error_code"] or 30003
            changes |= {"error_code": code, "error_message": _UNDELIVERED.get(code, "Unknown error")}
        with self._store.batch():
            self._call_back(self._store.put("sms", sid, {**known, **changes}))

    def _call_back(self, message: Doc) -> None:
        if not message["_callback"]:
            return
        form = {
            "AccountSid": message["account_sid"],
            "ApiVersion": message["api_version"],
            "From": message["from"],
            "MessageSid": message["sid"],
            "MessageStatus": message["status"],
            "SmsSid": message["sid"],
            "SmsStatus": message["status"],
            "To": message["to"],
        }
        if message["error_code"]:
            form |= {"ErrorCode": str(message["error_code"]), "ErrorMessage": message["error_message"]}
        self._deliveries.enqueue(
            "twilio",
            type=message["status"],
            external_id=message["sid"],
            url=message["_callback"],
            body=urlencode(form),
            media="application/x-www-form-urlencoded; charset=utf-8",
        )

    def _page(self, request: web.Request) -> Doc:
        """Newest first, filtered by To, From and the day of DateSent."""
        query, size = request.query, min(max(int(request.query.get("PageSize", 50)), 1), 1000)
        number = int(request.query.get("Page", 0))
        found = [message for message in reversed(self._store.all("sms")) if _wanted(message, query)]
        path = request.path.removeprefix("/twilio")

        def uri(page: int) -> str:
            return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page})}"

        shown = found[number * size : (number + 1) * size]
        return {
            "messages": [_public(message) for message in shown],
            "page": number,
            "page_size": size,
            "start": number * size,
            "end": number * size + max(len(shown) - 1, 0),
            "uri": uri(number),
            "first_page_uri": uri(0),
            "next_page_uri": uri(number + 1) if len(found) > (number + 1) * size else None,
            "previous_page_uri": uri(number - 1) if number else None,
        }

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _check_form(form: dict[str, str]) -> None:
    to = form.get("To", "")
    if not to:
        raise TwilioRefusal(400, 21604, "A 'To' phone number is required.")
    if not form.get("From"):
        raise TwilioRefusal(400, 21603, "A 'From' phone number is required.")
    if not form.get("Body"):
        raise TwilioRefusal(400, 21602, "Message body is required.")
    if len(form["Body"]) > 1600:
        raise TwilioRefusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if to in ALWAYS_REFUSED:
        raise TwilioRefusal(400, *ALWAYS_REFUSED[to])
    if not _is_possible(to):
        raise TwilioRefusal(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if phonenumbers.number_type(phonenumbers.parse(to)) == phonenumbers.PhoneNumberType.FIXED_LINE:
        raise TwilioRefusal(400, 21614, f"'To' number is not a valid mobile number: {to}")


def _is_possible(number: str) -> bool:
    """E.164 with a plausible length. Not stricter: a demo may use numbers nobody has."""
    if not _E164.fullmatch(number):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def _segments(body: str) -> int:
    """Parts of 160 characters, 70 when one is outside ASCII; 153 and 67 when there are several."""
    single, part = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= single else -(-len(body) // part)


def _wanted(message: Doc, query: Any) -> bool:
    for name, field in (("To", "to"), ("From", "from")):
        if query.get(name) not in (None, message[field]):
            return False
    sent = _day(message["date_sent"])
    bounds = {name: _asked_day(query[name]) for name in _DATE_FILTERS if name in query}
    return all(sent is not None and _DATE_FILTERS[name](sent, day) for name, day in bounds.items())


def _day(stamp: str | None) -> date | None:
    return parsedate_to_datetime(stamp).astimezone(UTC).date() if stamp else None


def _asked_day(value: str) -> date:
    """The day of ``YYYY-MM-DD`` or of a whole time, which is what the SDK sends."""
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        raise TwilioRefusal(400, 20001, f"Invalid date: {value}") from None


def _public(message: Doc) -> Doc:
    return {name: value for name, value in message.items() if not name.startswith("_")}


def _basic(authorization: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password
