"""Files that come with the package, read once and answered with their ETag."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chalicelib.kernel import etags
from chalicelib.kernel.endpoint import Binary
from chalicelib.kernel.errors import NotFound

HERE = Path(__file__).parent
OPENAPI = "openapi.json"
PAGES = {"docs": "docs.html", "reset-password": "reset-password.html"}
OWN_ASSETS = {"docs.js": "text/javascript", "reset-password.js": "text/javascript"}
SWAGGER_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""What the page of /docs needs of Swagger UI; the rest of its package is not served."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets styles on elements
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True)
class File:
    """A file's content; `etag` changes with it (RFC 9110, 8.8.3)."""

    content: bytes
    media_type: str
    etag: str


def openapi() -> File:
    """The OpenAPI document as the build wrote it."""
    return _read(HERE / OPENAPI, "application/json")


def page(name: str) -> File:
    """A page of our own."""
    return _read(HERE / "pages" / PAGES[name], "text/html; charset=utf-8")


def asset(name: str) -> File:
    """What the pages load. Raises NotFound for anything that is not on the list."""
    if name in OWN_ASSETS:
        return _read(HERE / "pages" / name, OWN_ASSETS[name])
    if name in SWAGGER_ASSETS:
        from swagger_ui_bundle import swagger_ui_path

        return _read(Path(swagger_ui_path) / name, SWAGGER_ASSETS[name])
    raise NotFound


@cache
def _read(path: Path, media_type: str) -> File:
    content = path.read_bytes()
    return File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def answer(file: File, if_none_match: str, *, max_age_s: int) -> Binary:
    """The file, or 304 when the caller has it already (RFC 9110, 13.1.2)."""
    headers = {
        "ETag": file.etag,
        "Cache-Control": f"public, max-age={max_age_s}",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    }
    if etags.is_known(file.etag, if_none_match):
        return Binary(b"", "", headers, status=304)
    return Binary(file.content, file.media_type, headers)
