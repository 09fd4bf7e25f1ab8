"""What is sold: products, variants (the stock-keeping units), categories, barcodes. The front door."""

from chalicelib.catalogue.items.shapes import NewItem
from chalicelib.catalogue.rules import Code, lookup_forms, pounds, search_words
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
    check_new,
    create_category,
    create_product,
    create_products,
    ensure_categories,
    offered,
    priced,
    quoted,
    variants_by_barcode,
)
from chalicelib.catalogue.store import Offer, Variant

__all__ = [
    "BarcodeTaken",
    "CategoryTaken",
    "Code",
    "CreatedProduct",
    "Item",
    "NewItem",
    "NewProduct",
    "NotForSale",
    "Offer",
    "PricedItem",
    "Quote",
    "SkuTaken",
    "Variant",
    "check_new",
    "create_category",
    "create_product",
    "create_products",
    "ensure_categories",
    "lookup_forms",
    "offered",
    "pounds",
    "priced",
    "quoted",
    "search_words",
    "variants_by_barcode",
]
