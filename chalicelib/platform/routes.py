"""Health, the OpenAPI document, the pages of /docs, the page for a new password."""

from typing import Annotated

from pydantic import StringConstraints

from chalicelib.kernel.access import PUBLIC
from chalicelib.kernel.endpoint import Binary, Call, Redirect, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.settings import settings
from chalicelib.kernel.shapes import NoBody
from chalicelib.platform import files
from chalicelib.platform.shapes import Health

AssetName = Annotated[str, StringConstraints(max_length=64)]


@endpoint("GET", "/", allow=PUBLIC)
def show_front_door(_call: Call[NoBody]) -> Redirect:
    """Leads a browser to the pages of the API."""
    return Redirect("/docs")


@endpoint("GET", "/api/v1/health", allow=PUBLIC)
def check_health(_call: Call[NoBody]) -> Health:
    """Answers when the service and its database run; otherwise 503."""
    return Health(version=settings().version)


@endpoint("GET", "/api/openapi.json", allow=PUBLIC)
def get_openapi(call: Call[NoBody]) -> Binary:
    """This document. It has an ETag, so that asking again costs little."""
    return files.answer(files.openapi(), _known(call), max_age_s=60)


@endpoint("GET", "/docs", allow=PUBLIC, media_type="text/html")
def show_docs(call: Call[NoBody]) -> Binary:
    """This document as a page to browse and to try; it loads nothing from elsewhere."""
    return files.answer(files.page("docs"), _known(call), max_age_s=60)


@endpoint(
    "GET", "/docs/{asset}", allow=PUBLIC, media_type=("text/javascript", "text/css", "image/png"), errors=(NotFound,)
)
def get_docs_asset(call: Call[NoBody], asset: AssetName) -> Binary:
    """Scripts, styles and pictures of the pages."""
    return files.answer(files.asset(asset), _known(call), max_age_s=86_400)


@endpoint("GET", "/reset-password", allow=PUBLIC, media_type="text/html")
def show_reset_page(call: Call[NoBody]) -> Binary:
    """Where the link of a mail leads: a customer chooses a new password. The link's token never reaches the server by it."""
    return files.answer(files.page("reset-password"), _known(call), max_age_s=60)


def _known(call: Call[NoBody]) -> str:
    return call.request.headers.get("if-none-match", "")
