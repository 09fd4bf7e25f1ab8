"""An integrator's own server: takes our webhooks at ``/receiver/<name>`` and believes what is signed.

It verifies with the library of Standard Webhooks, not with ours. Once it was told secrets (``POST /control/receiver``), what
none of them has signed is answered 401. Faults (provider ``receiver``, the name as operation) make it refuse, be slow or cut
the connection. What came stands in the state under ``received``, taken or not.
"""

import json
from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from standardwebhooks import Webhook, WebhookVerificationError

from infra.local.doubles import faults
from infra.local.doubles.faults import Faults
from infra.local.doubles.store import Store

_SHOWN = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "user-agent")


class Receiver(BaseModel):
    """Which secrets a receiver verifies with; none: it believes everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    secrets: tuple[str, ...] = ()


class ReceiverApi:
    """The receivers, each made by its first call."""

    def __init__(self, store: Store, rules: Faults) -> None:
        self._store = store
        self._faults = rules
        self._secrets: dict[str, tuple[str, ...]] = {}

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp needs to know."""
        return [web.post("/receiver/{name}", self._take)]

    def reset(self) -> None:
        """Forget the secrets."""
        self._secrets.clear()

    def expect(self, receiver: Receiver) -> None:
        """Verify from now on with these secrets."""
        self._secrets[receiver.name] = receiver.secrets

    async def _take(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["name"], await request.read()
        headers = {each: request.headers[each] for each in _SHOWN if each in request.headers}
        secrets = self._secrets.get(name, ())
        verified = [number for number, secret in enumerate(secrets) if _verifies(secret, body, headers)]

        def note(status: int) -> web.Response:
            doc = {
                "name": name,
                "headers": headers,
                "body": json.loads(body),
                "verified_by": verified,
                "status": status,
            }
            self._store.put("received", str(len(self._store.all("received"))), doc)
            return web.json_response({"received": status < 300}, status=status)

        async def work() -> web.StreamResponse:
            return note(401 if secrets and not verified else 200)

        return await faults.answer(request, self._faults.take("receiver", name), work, note)


def _verifies(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True
