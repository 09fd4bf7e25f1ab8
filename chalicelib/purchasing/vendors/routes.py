"""Procurement endpoints of the staff portal: vendors and what they offer (commerce contract)."""

from chalicelib.kernel.access import STAFF
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.purchasing.vendors import service
from chalicelib.purchasing.vendors.shapes import (
    Done,
    ListQuery,
    NewProduct,
    NewVendor,
    ProductChanges,
    ProductQuery,
    ProductView,
    VendorChanges,
    VendorView,
    VendorWithProducts,
)

BUYERS = STAFF("admin", "manager")


@endpoint("GET", "/api/procurement/vendors", allow=STAFF())
def list_vendors(call: Call[NoBody], query: ListQuery) -> list[VendorView]:
    """Vendors by name, a thousand at a time; the inactive ones too with `all`."""
    return [VendorView.of(vendor) for vendor in service.list_vendors(call.uow, query)]


@endpoint("POST", "/api/procurement/vendors", allow=BUYERS, status=201)
def create_vendor(call: Call[NewVendor]) -> VendorView:
    """Makes a vendor."""
    return VendorView.of(service.create_vendor(call.uow, call.body))


@endpoint("GET", "/api/procurement/vendors/{vendor_id}", allow=STAFF(), errors=(NotFound,))
def show_vendor(call: Call[NoBody], vendor_id: PathId) -> VendorWithProducts:
    """One vendor with all its products, inactive ones too: the first 1,000 by name."""
    return VendorWithProducts.with_products(*service.get_vendor(call.uow, vendor_id))


@endpoint("PUT", "/api/procurement/vendors/{vendor_id}", allow=BUYERS, errors=(NotFound,))
def update_vendor(call: Call[VendorChanges], vendor_id: PathId) -> VendorView:
    """Changes the fields of a vendor that are sent."""
    return VendorView.of(service.update_vendor(call.uow, vendor_id, call.body))


@endpoint("DELETE", "/api/procurement/vendors/{vendor_id}", allow=STAFF("admin"), errors=(NotFound,))
def delete_vendor(call: Call[NoBody], vendor_id: PathId) -> Done:
    """Removes a vendor and all its products. Purchase orders keep the name that stands on them."""
    service.delete_vendor(call.uow, vendor_id)
    return Done()


@endpoint("GET", "/api/procurement/products", allow=STAFF())
def list_procurement_products(call: Call[NoBody], query: ProductQuery) -> list[ProductView]:
    """Products of all vendors by name, a thousand at a time, or of one category; the inactive ones too with `all`."""
    return [ProductView.of(product) for product in service.list_products(call.uow, query)]


@endpoint("GET", "/api/procurement/vendors/{vendor_id}/products", allow=STAFF(), errors=(NotFound,))
def list_products_of_vendor(call: Call[NoBody], vendor_id: PathId, query: ListQuery) -> list[ProductView]:
    """A vendor's products by name, a thousand at a time; the inactive ones too with `all`."""
    return [ProductView.of(product) for product in service.list_products_of(call.uow, vendor_id, query)]


@endpoint("POST", "/api/procurement/vendors/{vendor_id}/products", allow=BUYERS, status=201, errors=(NotFound,))
def create_procurement_product(call: Call[NewProduct], vendor_id: PathId) -> ProductView:
    """Adds a product to a vendor. Prices are estimates, and no item is made of it."""
    return ProductView.of(service.create_product(call.uow, vendor_id, call.body))


@endpoint("PUT", "/api/procurement/products/{procurement_product_id}", allow=BUYERS, errors=(NotFound,))
def update_procurement_product(call: Call[ProductChanges], procurement_product_id: PathId) -> ProductView:
    """Changes the fields of a product that are sent; with `vendor_id` it becomes another vendor's."""
    return ProductView.of(service.update_product(call.uow, procurement_product_id, call.body))


@endpoint("DELETE", "/api/procurement/products/{procurement_product_id}", allow=BUYERS, errors=(NotFound,))
def delete_procurement_product(call: Call[NoBody], procurement_product_id: PathId) -> Done:
    """Removes a product of a vendor."""
    service.delete_product(call.uow, procurement_product_id)
    return Done()
