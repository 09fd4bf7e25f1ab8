"""What Schemathesis is told beyond openapi.json: who calls, and that a 5xx is never documented.

Loaded by the program itself (`hooks` in schemathesis.toml), in a process of its own.
"""

import os
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis import AuthContext, Case, HookContext, Response

from chalicelib.kernel import clock
from infra.fuzz.credentials import Credentials, schemes_of
from infra.local.doubles import signing
from infra.local.doubles.config import DoublesSettings

BASE_URL = os.environ["QM_PUBLIC_URL"]
SIGNED: dict[str, signing.Source] = {
    "stripeSignature": "stripe",
    "twilioSignature": "twilio",
    "elevenlabsSignature": "elevenlabs",
}
ENDS_SESSIONS = ("sign_out_customer", "sign_out_of_staff_portal", "change_password")

PEOPLE = 100
"""The ids of the demo company's staff and keys are smaller."""
NOBODY = 2_000_000_000

_credentials = Credentials(BASE_URL)


@schemathesis.hook
def before_load_schema(_context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Takes out the default response, which is how the document says that a mistake of ours is a 500: with it, every
    status would count as documented."""
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("default", None)


def _definition(context: AuthContext) -> dict[str, Any]:
    raw: dict[str, Any] = context.operation.definition.raw
    return raw


def _is_signed(context: Any) -> bool:
    return any(scheme in SIGNED for scheme in schemes_of(context.operation.definition.raw))


@schemathesis.auth(refresh_interval=None).skip_for(_is_signed)
class Somebody:
    """Whoever the operation is for, in turns: each scheme, several people. The same case is always the same caller, for
    a failure must not vanish when it is repeated."""

    def get(self, case: Case[Any], context: AuthContext) -> dict[str, str]:
        """The headers of one caller; none where nobody is welcome and it is nobody's turn."""
        definition = _definition(context)
        schemes = schemes_of(definition)
        choice = crc32(repr((case.path_parameters, case.query, case.body)).encode(errors="surrogatepass"))
        scheme = schemes[choice % len(schemes)]
        if scheme is None:
            return {}
        return _credentials.headers(scheme, definition.get("x-access", ""), choice // len(schemes))

    def set(self, case: Case[Any], data: dict[str, str], _context: AuthContext) -> None:
        """Puts them on the request."""
        case.headers.update(data)


class Signed(AuthBase):
    """A provider's signature over the bytes that are sent."""

    def __init__(self, source: signing.Source) -> None:
        self._source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise TypeError(f"a body of type {type(body).__name__} cannot be signed")
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        url = BASE_URL + urlsplit(str(request.url)).path
        made = signing.headers(
            DoublesSettings(), self._source, url=url, body=text, now=clock.timestamp(), variant="good"
        )
        request.headers.update(made)
        return request


for _scheme, _source in SIGNED.items():

    def _is_for(context: Any, scheme: str = _scheme) -> bool:
        return scheme in schemes_of(context.operation.definition.raw)

    sign = schemathesis.auth.set_from_requests(Signed(_source))  # type: ignore[attr-defined]  # documented, but not typed
    sign.apply_to(_is_for)


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Leaves those alone who call: whoever gets another password, is retired or revoked, calls no more."""
    parameters = case.path_parameters or {}
    for name in ("user_id", "key_id"):
        given = str(parameters.get(name)).strip()
        if given.isdecimal() and int(given) <= PEOPLE:
            parameters[name] = NOBODY


@schemathesis.hook
def after_call(_context: HookContext, case: Case[Any], response: Response) -> None:
    """A session that was ended, or a token that has run out, is replaced."""
    definition = case.operation.definition.raw
    if response.status_code == 401 or definition["operationId"] in ENDS_SESSIONS:
        for scheme in schemes_of(definition):
            _credentials.forget(scheme or "")
