"""Products and categories, made through the catalogue's front door."""

from itertools import count
from typing import Any

from urllib3 import encode_multipart_formdata

from chalicelib import catalogue, identity
from tests.client import Client, Reply
from tests.tenant import Tenant

_numbers = count(1)


def make_category(tenant: Tenant, *, name: str | None = None) -> int:
    """A category's id."""
    with tenant.uow() as uow:
        return catalogue.create_category(uow, name or f"Category {next(_numbers)}")


def new_product(**fields: Any) -> catalogue.NewProduct:
    """A product to be made: valid without arguments, with a SKU of its own."""
    number = next(_numbers)
    return catalogue.NewProduct(
        **{"sku": f"P-{number:05d}", "name": f"Item {number}", "unit_price_minor": 1999, **fields}
    )


def make_product(tenant: Tenant, **fields: Any) -> catalogue.CreatedProduct:
    """A product with its default variant."""
    with tenant.uow() as uow:
        return catalogue.create_product(uow, new_product(**fields))


def make_products(tenant: Tenant, *products: catalogue.NewProduct) -> list[catalogue.CreatedProduct]:
    """Many products in one transaction."""
    with tenant.uow() as uow:
        return catalogue.create_products(uow, products)


def integrator(tenant: Tenant, *scopes: identity.Scope) -> Client:
    """A caller with an API key that may read, or has these scopes."""
    with tenant.uow() as uow:
        return Client(tenant.host).as_key(identity.create_api_key(uow, "Integrator", scopes or ["inventory:read"]))


def keeper(tenant: Tenant) -> Client:
    """A caller with an API key that may write the catalogue, and read it."""
    return integrator(tenant, "catalogue:write", "inventory:read")


def begin_upload(client: Client, identifier: object, *, size_bytes: int = 100, media_type: str = "image/png") -> Reply:
    """A link for a file of this size."""
    wanted = {"size_bytes": size_bytes, "media_type": media_type}
    return client.post(f"/api/v1/products/{identifier}/image/uploads", wanted)


def upload_image(client: Client, identifier: object, content: bytes, **headers: str) -> Reply:
    """A picture sent as a form, as browsers and integrators do."""
    form = {"image": ("C:\\..\\../etc/passwd.exe", content, "text/html")}
    body, content_type = encode_multipart_formdata(form, boundary="between")
    return client.post(f"/api/v1/products/{identifier}/image", body, content_type=content_type, **headers)
