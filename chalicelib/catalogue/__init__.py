"""What is sold: products, variants (the stock-keeping units), categories, barcodes. The front door."""

from chalicelib.catalogue.rules import lookup_forms, search_words
from chalicelib.catalogue.service import (
    BarcodeTaken,
    CategoryTaken,
    CreatedProduct,
    Item,
    NewProduct,
    NotForSale,
    PricedItem,
    SkuTaken,
    create_category,
    create_product,
    create_products,
    priced,
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
    "SkuTaken",
    "Variant",
    "create_category",
    "create_product",
    "create_products",
    "lookup_forms",
    "priced",
    "search_words",
    "variants_by_barcode",
]
