"""Writes of the catalogue: for integrators (API key), and for staff who keep the shop."""

from typing import Any

from chalicelib.catalogue import service as catalogue
from chalicelib.catalogue.changes import service
from chalicelib.catalogue.changes.shapes import (
    BulkUpdate,
    BulkUpdated,
    InStock,
    NewCategory,
    NewShopProduct,
    Price,
    ProductChanges,
    ProductSaved,
    sent,
)
from chalicelib.catalogue.images import FIELD_BYTES_MAX
from chalicelib.catalogue.service import CategoryTaken, SkuTaken
from chalicelib.catalogue.shapes import CategoryView, Identifier, ShopProduct
from chalicelib.kernel.access import KEEPER, KEY
from chalicelib.kernel.endpoint import Call, Outside, endpoint
from chalicelib.kernel.errors import NotFound


@endpoint(
    "PUT",
    "/api/v1/products/{product_id}",
    allow=KEY("catalogue:write"),
    errors=(NotFound, SkuTaken),
    max_bytes=FIELD_BYTES_MAX,
)
def update_product(call: Call[ProductChanges], product_id: Identifier) -> ProductSaved | Outside[Any, ProductSaved]:
    """Changes the fields that are sent of a product, by its id or SKU; the others stay. Orders keep their prices."""
    return service.change_all(call.uow, product_id, sent(call.body))


@endpoint("PATCH", "/api/v1/products/{product_id}/inventory", allow=KEY("catalogue:write"), errors=(NotFound,))
def set_product_in_stock(call: Call[InStock], product_id: Identifier) -> ProductSaved:
    """Switches the sale of a product on or off. What has no price cannot be switched on."""
    return service.change(call.uow, product_id, sent(call.body))


@endpoint("PATCH", "/api/v1/products/{product_id}/price", allow=KEY("catalogue:write"), errors=(NotFound,))
def set_product_price(call: Call[Price], product_id: Identifier) -> ProductSaved:
    """Sets the prices of a product. A bulk price that is left out stays, and must not be above the new unit price."""
    return service.change(call.uow, product_id, sent(call.body))


@endpoint("POST", "/api/v1/products/bulk-update", allow=KEY("catalogue:write"), max_bytes=FIELD_BYTES_MAX)
def update_products(call: Call[BulkUpdate]) -> BulkUpdated | Outside[Any, BulkUpdated]:
    """Changes up to 1,000 products, each by id or SKU, and says of each what became of it.

    Entries are taken in order; one that is wrong stops no other. Unknown products and those that nothing changes of are
    skipped. Twenty entries may bring pictures.
    """
    return service.change_many(call.uow, call.body)


@endpoint("POST", "/api/admin/products", allow=KEEPER, errors=(SkuTaken,), max_bytes=FIELD_BYTES_MAX)
def create_product(call: Call[NewShopProduct]) -> ShopProduct | Outside[Any, ShopProduct]:
    """Adds a product to the shop, with the variant that the warehouse keeps it by. For staff, as admin or manager."""
    return service.create(call.uow, call.body)


@endpoint("POST", "/api/admin/categories", allow=KEEPER, errors=(CategoryTaken,))
def create_category(call: Call[NewCategory]) -> CategoryView:
    """Adds a category. Its name must be new, upper and lower case being the same. For staff, as admin or manager."""
    return CategoryView.of(catalogue.add_category(call.uow, call.body.name, call.body.description))
