"""A credential for every security scheme of openapi.json: people of the demo company, its API keys, its webhooks' secrets.

Signing in happens from an address of its own (Linux answers on all of 127.0.0.0/8), for the fuzzer's guesses at passwords
lock out the address that it calls from.
"""

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from chalicelib.kernel.cookies import SESSION_COOKIE, STAFF_COOKIE
from infra.local.demo.company import PASSWORD, company
from infra.local.demo.people import STAFF_DOMAIN

OWN_ADDRESS = "127.0.0.2"
WAREHOUSE_USERS = ("m.okafor", "m.okafor", "e.stavros", "p.nguyen")
"""The administrator of everything, twice as often as somebody with every function and somebody who only picks."""
STAFF_USERS = ("m.okafor", "j.whitfield")
STORAGE_USERS = ("m.okafor", "y.haddad")


class NoCredential(Exception):
    """The demo company has nobody for this scheme, or does not let them in."""


class Credentials:
    """Headers by scheme and person; everybody signs in once, and again after `forget`."""

    def __init__(self, base_url: str) -> None:
        self._netloc = urlsplit(base_url).netloc
        self._known: dict[tuple[str, int], dict[str, str]] = {}

    def headers(self, scheme: str, access: str, choice: int) -> dict[str, str]:
        """The headers of a scheme. `access` is the operation's x-access, which names the scope; `choice` picks one of
        several people. Raises NoCredential."""
        if scheme in ("apiKey", "apiKeyBearer"):
            value = _api_key(access)
            return {"X-API-Key": value} if scheme == "apiKey" else {"Authorization": f"Bearer {value}"}
        key = (scheme, choice % 4)
        if key not in self._known:
            self._known[key] = self._sign_in(scheme, choice % 4)
        return self._known[key]

    def forget(self, scheme: str) -> None:
        """Somebody signed out, or a token was refused."""
        self._known = {key: headers for key, headers in self._known.items() if key[0] != scheme}

    def _sign_in(self, scheme: str, choice: int) -> dict[str, str]:
        if scheme == "wmsBearer":
            return _bearer(self._post("/api/auth/login", username=WAREHOUSE_USERS[choice])[1]["token"])
        if scheme == "storageBearer":
            email = f"{STORAGE_USERS[choice % 2]}@{STAFF_DOMAIN}"
            return _bearer(self._post("/api/v2/auth/login", email=email)[1]["access_token"])
        if scheme == "customerSession":
            return _cookie(SESSION_COOKIE, self._post("/api/login", username=company().customers[choice].email)[0])
        cookie, reply = self._post("/api/staff/login", username=STAFF_USERS[choice % 2])
        if scheme == "staffSession":
            return _cookie(STAFF_COOKIE, cookie)
        if scheme == "commerceBearer":
            return _bearer(reply["token"])
        raise NoCredential(f"nobody knows how to sign in for the scheme {scheme}")

    def _post(self, path: str, **names: str) -> tuple[str, Any]:
        connection = HTTPConnection(self._netloc, timeout=30, source_address=(OWN_ADDRESS, 0))
        try:
            body = json.dumps({**names, "password": PASSWORD})
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            data = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status != 200:
            raise NoCredential(f"{path} answers {reply.status} to {names}: {data}")
        return reply.headers.get("Set-Cookie", ""), data


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _cookie(name: str, set_cookie: str) -> dict[str, str]:
    pair = set_cookie.split(";", 1)[0]
    if not pair.startswith(f"{name}="):
        raise NoCredential(f"no cookie {name} in {pair[:20]!r}")
    return {"Cookie": pair}


def _api_key(access: str) -> str:
    """The key that has the scope named in ``api key: inventory:write``."""
    scope = access.rpartition("api key: ")[2]
    found = [key.value for key in company().api_keys if scope in key.scopes]
    if not found:
        raise NoCredential(f"no key of the demo company has the scope {scope!r}")
    return found[0]


def schemes_of(operation: Mapping[str, Any]) -> list[str | None]:
    """The schemes of an operation of openapi.json, any one of which may serve; None where nobody is welcome too."""
    return [next(iter(option), None) for option in operation.get("security", [])] or [None]
