"""What is sold: products, variants (the stock-keeping units), categories, barcodes. The front door."""

from chalicelib.catalogue.service import (
    BarcodeTaken,
    CategoryTaken,
    CreatedProduct,
    Item,
    NewProduct,
    NotForSale,
    PricedItem,
    Quote,
    SkuTaken,
    create_category,
    create_product,
    create_products,
    priced,
    quoted,
    variants_by_barcode,
)
from chalicelib.catalogue.store import Variant

__all__ = [
    "BarcodeTaken",
    "CategoryTaken",
    "CreatedProduct",
    "Item",
    "NewProduct",
    "NotForSale",
    "PricedItem",
    "Quote",
    "SkuTaken",
    "Variant",
    "create_category",
    "create_product",
    "create_products",
    "priced",
    "quoted",
    "variants_by_barcode",
]
