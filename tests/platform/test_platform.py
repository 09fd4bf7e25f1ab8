"""Health, the OpenAPI document, the pages of /docs."""

import json
import re
from pathlib import Path

import pytest

from tests.client import Client
from tests.tenant import Tenant

ROOT = Path(__file__).parent.parent.parent


def test_health(api: Client) -> None:
    reply = api.get("/api/v1/health")
    assert (reply.status, reply.json) == (200, {"status": "ok", "service": "quartermaster", "version": "0.1.0"})
    assert reply.statements <= 4


def test_the_document_is_the_golden_one_and_is_not_sent_twice(api: Client) -> None:
    reply = api.get("/api/openapi.json")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json == json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
    etag = reply.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.get("/api/openapi.json", if_none_match=known)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert api.get("/api/openapi.json", if_none_match='"other"').status == 200


@pytest.mark.parametrize(("path", "files"), [("/docs", 5), ("/reset-password", 2)])
def test_the_pages_load_only_what_we_serve(path: str, files: int, api: Client) -> None:
    page = api.get(path)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(loaded) == files
    for address in loaded:
        assert not re.match(r"(?:\w+:)?//", address)
        assert api.get(f"/{address}").status == 200
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=", text)


@pytest.mark.parametrize(
    ("name", "media_type", "holds"),
    [
        ("swagger-ui.css", "text/css", b".swagger-ui"),
        ("swagger-ui-bundle.js", "text/javascript", b"SwaggerUIBundle"),
        ("docs.js", "text/javascript", b'url: "api/openapi.json"'),
        ("reset-password.js", "text/javascript", b'fetch("api/auth/reset-password"'),
        ("favicon-32x32.png", "image/png", b"\x89PNG"),
    ],
)
def test_assets(api: Client, name: str, media_type: str, holds: bytes) -> None:
    reply = api.get(f"/docs/{name}")
    assert (reply.status, reply.headers["Content-Type"], holds in reply.body) == (200, media_type, True)
    assert api.get(f"/docs/{name}", if_none_match=reply.headers["ETag"]).status == 304


@pytest.mark.parametrize(
    "name",
    ["index.html", "swagger-ui.js", "..%2Ffiles.py", "%2e%2e", "docs.html", "reset-password.html", "openapi.json"],
)
def test_nothing_else_is_served(api: Client, tenant: Tenant, name: str) -> None:
    reply = api.get(f"/docs/{name}")
    assert (reply.status, list(reply.json)) == (404, ["error"])


def test_the_front_door_leads_to_the_pages(api: Client) -> None:
    reply = api.get("/")
    assert (reply.status, reply.headers["Location"]) == (302, "/docs")
