"""Categories, suppliers and products."""

from infra.local.demo.model import Category, Product, Supplier
from infra.local.demo.tables import cents, rows

RESTRICTED_PREFIX = "200"
"""GS1 keeps prefixes 200 to 299 for use inside companies: nobody's real product has such a number."""


def categories() -> tuple[Category, ...]:
    """The twelve categories."""
    return tuple(Category(r["code"], r["name"], r["description"], r["zone"]) for r in rows("categories"))


def suppliers() -> tuple[Supplier, ...]:
    """Who makes or imports the brands; every brand has exactly one supplier."""
    return tuple(
        Supplier(
            code=r["code"],
            name=r["name"],
            contact=r["contact"],
            email=r["email"],
            phone=r["phone"],
            country=r["country"],
            lead_time_days=int(r["lead_time_days"]),
            brands=tuple(r["brands"].split(";")),
        )
        for r in rows("suppliers")
    )


def products() -> tuple[Product, ...]:
    """The catalogue in the order of its file."""
    makers = {brand: number for number, brand in enumerate(brand for s in suppliers() for brand in s.brands)}
    sources = {brand: s.code for s in suppliers() for brand in s.brands}
    shelves = {category.code: category.name for category in categories()}
    return tuple(_product(number, row, makers, sources, shelves) for number, row in enumerate(rows("products"), 1))


def check_digit(digits: str) -> str:
    """The last digit of a GTIN of any length (GS1 General Specifications, section 7.9)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def gtin(maker: int, item: int, *, is_case: bool) -> str:
    """GTIN-13 of a single unit, or GTIN-14 with indicator 1 of a case."""
    digits = ("1" if is_case else "") + f"{RESTRICTED_PREFIX}{maker:04d}{item:05d}"
    return digits + check_digit(digits)


def _product(
    number: int, row: dict[str, str], makers: dict[str, int], sources: dict[str, str], shelves: dict[str, str]
) -> Product:
    brand, unit_size = row["brand"], row["unit_size"]
    shelf = shelves[row["category"]]
    return Product(
        sku=row["sku"],
        gtin=gtin(makers[brand] + 1, number, is_case=unit_size.startswith(("Case", "Bundle"))),
        category=row["category"],
        supplier=sources[brand],
        name=row["name"],
        brand=brand,
        unit_size=unit_size,
        description=f"{row['name']} by {brand}, {unit_size}. {shelf} for professional kitchens.",
        unit_price_cents=cents(row["unit_price"]),
        bulk_price_cents=cents(row["bulk_price"]),
        bulk_quantity=int(row["bulk_quantity"]),
        cost_cents=cents(row["cost"]),
        weight_g=int(row["weight_g"]),
        country=row["country"],
        shelf_life_days=int(row["shelf_life_days"]) or None,
        velocity=row["velocity"],
    )
