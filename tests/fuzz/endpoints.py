"""Every endpoint of the platform, each with a caller who may call it, and what hostile tests look at afterwards."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args
from urllib.parse import quote

import psycopg
from psycopg.rows import scalar_row
from pydantic import TypeAdapter, ValidationError

from chalicelib.identity import Scope
from chalicelib.kernel import clock
from chalicelib.kernel.dialects import Dialect, dialect_of
from chalicelib.kernel.endpoint import Endpoint, Redirect
from chalicelib.kernel.settings import settings
from infra.local.doubles import signing
from infra.local.doubles.config import DoublesSettings
from infra.tools import declarations
from tests.client import Client, Reply
from tests.factories.customers import make_customer
from tests.factories.identity import make_api_key, make_staff
from tests.tenant import Tenant

SCOPES = get_args(Scope)
VALUES = ("7", "X-1", "+12125550100", "A" * 43 + ".jpg")
"""What stands for a path's variable when the variable is not the point: a number, a word where none is wanted, a telephone
number, or the name of an image."""


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """All of them, in a fixed order."""
    return tuple(sorted(declarations(), key=lambda e: (e.path, e.method)))


def name_of(endpoint: Endpoint) -> str:
    """For ids and messages."""
    return f"{endpoint.method} {endpoint.path}"


def dialect(endpoint: Endpoint) -> Dialect:
    """The dialect of its surface."""
    return dialect_of(endpoint.path)


def path_of(endpoint: Endpoint, **values: str) -> str:
    """A path that resolves to the endpoint; `values` are sent as they are, others are harmless.

    `address_of` adds the query that the endpoint demands.
    """
    path = endpoint.path
    for name, adapter in endpoint.variables.items():
        path = path.replace(f"{{{name}}}", values.get(name, _harmless(adapter)))
    return path


def address_of(endpoint: Endpoint, **values: str) -> str:
    """The same with a harmless value for every parameter that the query must have."""
    demanded = [name for name, field in endpoint.query_model.model_fields.items() if field.is_required()]
    query = "&".join(f"{name}={VALUES[0]}" for name in demanded) if endpoint.takes_query else ""
    return path_of(endpoint, **values) + (f"?{query}" if query else "")


def _harmless(adapter: TypeAdapter[Any]) -> str:
    for value in VALUES:
        try:
            adapter.validate_python(value)
        except ValidationError:
            continue
        return value
    return VALUES[0]


@dataclass
class Callers:
    """Somebody for every endpoint of one tenant: an administrator of everything, a customer, a key with all scopes, and
    the providers who sign."""

    tenant: Tenant
    _made: dict[str, Client] = field(default_factory=dict)

    def gather(self, chosen: Iterable[Endpoint]) -> None:
        """Makes whoever will call, so that a snapshot finds them there."""
        for endpoint in chosen:
            if not endpoint.allow.signed_by:
                self._client(endpoint)

    def call(
        self,
        endpoint: Endpoint,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        method: str | None = None,
    ) -> Reply:
        """Calls in the name of somebody who may; a signed endpoint gets a good signature of the body."""
        client = self._signed(endpoint, body or b"") if endpoint.allow.signed_by else self._client(endpoint)
        return client.call(method or endpoint.method, path, body, dict(headers or {}))

    def _client(self, endpoint: Endpoint) -> Client:
        label = endpoint.allow.label
        if label not in self._made:
            self._made[label] = self._make(endpoint)
        return self._made[label]

    def _make(self, endpoint: Endpoint) -> Client:
        access = endpoint.allow
        if access.audiences:
            audience = min(access.audiences)
            return make_staff(self.tenant).client(audience)  # type: ignore[arg-type]  # the audiences are text there
        if access.api_key:
            return Client(self.tenant.host).as_key(make_api_key(self.tenant, *SCOPES))
        return make_customer(self.tenant).client() if access.cookies else Client(self.tenant.host)

    def _signed(self, endpoint: Endpoint, body: bytes) -> Client:
        url = settings().public_url + endpoint.path
        source: Any = endpoint.allow.signed_by
        made = signing.headers(
            DoublesSettings(),
            source,
            url=url,
            body=body.decode("utf-8", "replace"),
            now=clock.timestamp(),
            variant="good",
        )
        return Client(self.tenant.host, headers={name.lower(): value for name, value in made.items()})


def complaint(endpoint: Endpoint, reply: Reply, expected: set[int]) -> str | None:
    """What is wrong with a refusal: its status, or that it is not written as its surface does it."""
    if reply.status not in expected:
        return f"{name_of(endpoint)}: {reply.status} instead of {sorted(expected)}: {reply.body[:200]!r}"
    if reply.status < 400 or is_refusal(dialect(endpoint), reply):
        return None
    return f"{name_of(endpoint)}: {reply.status} in another dialect: {reply.body[:200]!r}"


def is_refusal(spoken: Dialect, reply: Reply) -> bool:
    """Whether an answer is a refusal in a dialect, with all headers that every answer has."""
    if reply.headers.get("Content-Type") != "application/json" or not reply.headers.get("X-Request-Id"):
        return False
    said = reply.json
    if spoken.name == "storage":
        return isinstance(said.get("detail"), str | list) and "error" not in said
    is_coded = isinstance(said.get("code"), str)
    return isinstance(said.get("error"), str) and (is_coded or spoken.name != "inventory")


def redirects(endpoint: Endpoint) -> bool:
    """Whether it sends browsers to a page, whatever they brought."""
    return Redirect in endpoint.reply_types


def invalid(endpoint: Endpoint) -> int:
    """The status of a validation error on its surface."""
    return 400 if dialect(endpoint).name == "plain" else 422


def escaped(value: str) -> str:
    """A value as one segment of a path."""
    return quote(value, safe="", errors="surrogatepass")


def snapshot(tenant: Tenant) -> dict[str, tuple[int, int]]:
    """Every table of the tenant: how many rows, and a hash over all of them."""
    hashes = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count(*) AS n, coalesce(sum(hashtext(t::text)), 0) AS h FROM {name} t"
        " WHERE organization_id = %(id)s"
        for name in _tables(tenant.owner_url)
    )
    return {row["name"]: (row["n"], int(row["h"])) for row in tenant.as_owner(hashes, id=tenant.id)}


@cache
def _tables(owner_url: str) -> list[str]:
    with psycopg.connect(owner_url, row_factory=scalar_row) as connection:
        return connection.execute(
            "SELECT table_name::text FROM information_schema.columns"
            " WHERE column_name = 'organization_id' AND table_schema = 'public' ORDER BY 1"
        ).fetchall()


def body_fields(endpoint: Endpoint) -> list[str]:
    """Names of the body's fields at its top level; none for a body that is no object of ours."""
    schema = endpoint.body_model.model_json_schema()
    while "$ref" in schema:
        schema = {**schema["$defs"][schema["$ref"].rpartition("/")[2]], "$defs": schema["$defs"]}
    return list(schema.get("properties", {}))


def nothing_in(endpoint: Endpoint) -> tuple[bytes | None, str]:
    """An empty body of the kind that an endpoint reads, and its type."""
    if endpoint.content == "multipart":
        return b"--x--\r\n", "multipart/form-data; boundary=x"
    return b"{}" if endpoint.reads_body else None, "application/json"


def as_json(data: Any) -> bytes:
    """JSON with the escapes that were meant."""
    return json.dumps(data).encode()
