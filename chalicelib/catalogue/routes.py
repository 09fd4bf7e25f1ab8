"""Products and categories, for the shop (commerce contract) and for integrators (inventory and commerce contracts)."""

from chalicelib.catalogue import service
from chalicelib.catalogue.shapes import (
    Categories,
    CategoryView,
    Identifier,
    ProductFound,
    ProductPage,
    ProductQuery,
    ProductView,
    ShopPage,
    ShopProduct,
    ShopQuery,
)
from chalicelib.kernel.access import KEY, PUBLIC
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody, Sku


@endpoint("GET", "/api/products", allow=PUBLIC)
def list_shop_products(call: Call[NoBody], query: ShopQuery) -> ShopPage:
    """The shop's products by name or, with `search`, best match first. Mistyped words find what they resemble."""
    wanted = query.selection(category_id=query.category_id, category=query.category)
    cards, total = service.list_products(call.uow, wanted, query.search)
    return ShopPage.of(cards, total, query)


@endpoint("GET", "/api/products/{product_id}", allow=PUBLIC, errors=(NotFound,))
def get_shop_product(call: Call[NoBody], product_id: PathId) -> ShopProduct:
    """One product of the shop by its id."""
    return ShopProduct.of(service.get_product(call.uow, product_id))


@endpoint("GET", "/api/products/sku/{sku}", allow=PUBLIC, errors=(NotFound,))
def get_shop_product_by_sku(call: Call[NoBody], sku: Sku) -> ShopProduct:
    """One product of the shop by its SKU; upper and lower case are the same."""
    return ShopProduct.of(service.get_product_by_sku(call.uow, sku))


@endpoint("GET", "/api/categories", allow=PUBLIC)
def list_categories(call: Call[NoBody]) -> list[CategoryView]:
    """All product categories by name."""
    return [CategoryView.of(category) for category in service.list_categories(call.uow)]


@endpoint("GET", "/api/v1/categories", allow=KEY("inventory:read"))
def list_categories_for_integrators(call: Call[NoBody]) -> Categories:
    """All product categories by name."""
    return Categories(categories=[CategoryView.of(category) for category in service.list_categories(call.uow)])


@endpoint("GET", "/api/v1/products", allow=KEY("inventory:read"))
def list_products(call: Call[NoBody], query: ProductQuery) -> ProductPage:
    """Active products page by page, by name or, with `search`, best match first."""
    wanted = query.selection(category_id=query.category_id, in_stock=query.in_stock)
    cards, total = service.list_products(call.uow, wanted, query.search)
    return ProductPage.of(cards, total, query)


@endpoint("GET", "/api/v1/products/{product_id}", allow=KEY("inventory:read"), errors=(NotFound,))
def get_product(call: Call[NoBody], product_id: Identifier) -> ProductFound:
    """One product, active or not, by id or SKU: a number is taken as an id first, then as a SKU."""
    return ProductFound(product=ProductView.of(service.identify_product(call.uow, product_id)))
