"""Starting stock: what lies where on the first morning."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random

from infra.local.demo.model import Bin, Category, Lot, Product, Stock

ROBOT_SKU_COUNT = 40
SCARCE_SKU = "OIL-1043"
SCARCE_UNITS = 5
"""Five cases of champagne vinegar in the whole company."""
FREE_BINS = 4
"""Empty bins at the end of each storage zone in Chicago: somewhere to put away to."""
UNITS = {"A": (72, 180), "B": (24, 80), "C": (8, 30)}
"""Units of one stock row by velocity."""


def robot_skus(products: Sequence[Product]) -> tuple[str, ...]:
    """The lightest goods lie in robot boxes; the scarce one does not, whatever it weighs."""
    light = sorted((p for p in products if p.sku != SCARCE_SKU), key=lambda p: (p.weight_g, p.sku))
    return tuple(sorted(p.sku for p in light[:ROBOT_SKU_COUNT]))


class Shelving:
    """Puts goods into bins and makes lots on the way. Deterministic: the same calls make the same company."""

    def __init__(self) -> None:
        self.random = Random(7)
        self.lots: list[Lot] = []
        self.stock: list[Stock] = []

    def put(self, place: Bin, product: Product, quantity: int, *, freshness: float = 0.8) -> None:
        """One stock row; perishable goods are a lot of their own with that share of their life left."""
        lot = None if product.shelf_life_days is None else self.lot(product, freshness).code
        self.stock.append(Stock(place.warehouse, place.code, product.sku, quantity, lot))

    def lot(self, product: Product, freshness: float, *, is_quarantined: bool = False) -> Lot:
        """A new lot; a negative freshness is one that has expired."""
        number = 1 + sum(lot.sku == product.sku for lot in self.lots)
        days = round((product.shelf_life_days or 0) * freshness)
        made = Lot(product.sku, f"{product.sku.replace('-', '')}-{number:02d}", days, is_quarantined)
        self.lots.append(made)
        return made

    def units(self, product: Product) -> int:
        """How much of a product one bin starts with."""
        return SCARCE_UNITS if product.sku == SCARCE_SKU else self.random.randint(*UNITS[product.velocity])


def starting_stock(
    products: Sequence[Product], categories: Sequence[Category], bins: Sequence[Bin]
) -> tuple[tuple[Lot, ...], tuple[Stock, ...]]:
    """Lots and stock rows. Robot goods lie in boxes in Chicago, what sells daily in Milwaukee too."""
    shelving = Shelving()
    storage = {category.code: category.storage for category in categories}
    robots = set(robot_skus(products))
    shelved = [p for p in products if p.sku not in robots]
    for kind in ("DRY", "PACK", "CHEM"):
        goods = [p for p in shelved if storage[p.category] == kind]
        _fill(shelving, goods, [b for b in bins if b.zone == f"CHI-{kind}"][:-FREE_BINS])
    _fill_boxes(shelving, [p for p in products if p.sku in robots], [b for b in bins if b.box])
    daily = [p for p in products if p.velocity == "A"]
    for kinds, zone in ((("DRY",), "MKE-DRY"), (("PACK", "CHEM"), "MKE-PACK")):
        goods = [p for p in daily if storage[p.category] in kinds]
        for product, place in zip(goods, cycle([b for b in bins if b.zone == zone]), strict=False):
            shelving.put(place, product, shelving.units(product) // 2)
    _set_aside(shelving, products, bins)
    return tuple(shelving.lots), tuple(shelving.stock)


def _fill(shelving: Shelving, goods: Sequence[Product], places: Sequence[Bin]) -> None:
    """A pick bin for each product; daily perishables have an older lot in it, which must leave first."""
    for product, place in zip(goods, cycle(places), strict=False):
        shelving.put(place, product, shelving.units(product))
        if product.velocity == "A" and product.shelf_life_days is not None:
            shelving.put(place, product, shelving.units(product) // 3, freshness=0.15)
    reserves = [product for product in goods if product.velocity == "A"]
    for product, place in zip(reserves, places[len(goods) :], strict=False):
        shelving.put(place, product, shelving.units(product), freshness=0.95)


def _fill_boxes(shelving: Shelving, goods: Sequence[Product], boxes: Sequence[Bin]) -> None:
    """One box each, a second for what sells daily; the boxes left over stay empty."""
    shuffled = shelving.random.sample(list(boxes), len(boxes))
    free: Iterator[Bin] = iter(shuffled)
    for product in goods:
        for freshness in (0.2, 0.8) if product.velocity == "A" else (0.7,):
            place = next(free)
            units = shelving.random.randint(5, capacity_of(place))
            shelving.put(place, product, units, freshness=freshness)


def capacity_of(place: Bin) -> int:
    """How many units a robot box takes. Raises TypeError for any other bin."""
    if place.box is None:
        raise TypeError(f"{place.code} is no robot box")
    return place.box.item_count_max


def _set_aside(shelving: Shelving, products: Sequence[Product], bins: Sequence[Bin]) -> None:
    """What must never be allocated: an expired lot, a quarantined lot, damaged goods."""
    by_sku = {product.sku: product for product in products}
    quality, damage = (next(b for b in bins if b.zone == zone) for zone in ("CHI-QUALITY", "CHI-DAMAGE"))
    expired, suspect = by_sku["BEV-1040"], by_sku["CAN-1043"]
    old = shelving.lot(expired, -0.05)
    shelving.stock.append(Stock("CHI", quality.code, expired.sku, 7, old.code))
    held = shelving.lot(suspect, 0.6, is_quarantined=True)
    shelving.stock.append(Stock("CHI", quality.code, suspect.sku, 12, held.code))
    shelving.put(damage, by_sku["CUP-1004"], 3)
