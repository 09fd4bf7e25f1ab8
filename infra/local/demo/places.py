"""Warehouses, zones, bins and the robot storage."""

from collections.abc import Iterator
from itertools import product
from random import Random

from infra.local.demo.model import Bin, Box, Carrier, Level, RobotStorage, Warehouse, Zone

CHICAGO = Warehouse("CHI", "Chicago Distribution Center", "3800 S Racine Ave", "Chicago", "IL", "60609")
MILWAUKEE = Warehouse("MKE", "Milwaukee Cross-Dock", "1220 W Bruce St", "Milwaukee", "WI", "53204")
ROBOT_ZONE = "CHI-ROBOT"
AISLES = {"CHI-DRY": "ABC", "CHI-PACK": "DE", "CHI-CHEM": "F", "MKE-DRY": "A", "MKE-PACK": "B"}
"""Storage zones and their aisles. Milwaukee keeps chemicals with packaging, at the far end of aisle B."""
ROWS = {"CHI": 4, "MKE": 3}
SHELF_LEVELS, POSITIONS = 3, 2
DOCKS = (
    ("RECEIVING", "RECV", "Staging", 3),
    ("STAGING", "STAGE", "PickableStaging", 3),
    ("SHIPPING", "SHIP", "Staging", 3),
    ("QUALITY", "QC", "Staging", 2),
    ("DAMAGE", "DMG", "Staging", 1),
)
"""Zone type, prefix of the bin codes, bin type, number of bins; in both warehouses."""
LEVELS = (Level(1, 320), Level(2, 320), Level(3, 480))
BALCONIES = (1, 2)
GROUPS = 8
"""A carrier has 32 strips; boxes stand on groups of four, so that the legacy code tells them apart too."""


def warehouses() -> tuple[Warehouse, ...]:
    """The first is the one with robots."""
    return CHICAGO, MILWAUKEE


def zones() -> tuple[Zone, ...]:
    """Docks, storage and the robot zone."""
    names = {"DRY": "Food, ambient", "PACK": "Packaging and tableware", "CHEM": "Chemicals and janitorial"}
    docks = [Zone(w.code, f"{w.code}-{kind}", kind.title(), kind) for w in warehouses() for kind, *_ in DOCKS]
    storage = [Zone(code[:3], code, names[code[4:]], "STORAGE") for code in AISLES]
    return (*docks, *storage, Zone("CHI", ROBOT_ZONE, "Robot storage", "STORAGE", is_robot=True))


def robot_storage() -> RobotStorage:
    """24 carriers: on each of three levels two by two columns, two deep."""
    places = enumerate(product(LEVELS, (1, 2), (1, 2), (1, 2)), 1)
    carriers = tuple(Carrier(f"C{number:03d}", level.id, x, y, depth) for number, (level, x, y, depth) in places)
    return RobotStorage("CHI", ROBOT_ZONE, LEVELS, BALCONIES, carriers)


def bins() -> tuple[Bin, ...]:
    """Every bin of both warehouses, robot boxes included, in pick sequence per warehouse."""
    return tuple(
        Bin(
            warehouse=place.warehouse,
            zone=place.zone,
            code=place.code,
            barcode=f"{place.warehouse}-{place.code}",
            kind=place.kind,
            aisle=place.aisle,
            row=place.row,
            level=place.level,
            position=place.position,
            pick_sequence=10 * number,
            box=place.box,
        )
        for warehouse in warehouses()
        for number, place in enumerate(_walk(warehouse.code), 1)
    )


def _walk(warehouse: str) -> Iterator[Bin]:
    """The bins as a picker passes them: storage aisles, robot balconies, then the docks."""
    for zone, aisles in AISLES.items():
        if zone.startswith(warehouse):
            yield from _shelves(warehouse, zone, aisles)
    if warehouse == "CHI":
        yield from _boxes()
    for kind, prefix, bin_kind, count in DOCKS:
        for number in range(1, count + 1):
            code = f"{prefix}-{number:02d}"
            yield _bin(warehouse, f"{warehouse}-{kind}", code, bin_kind, prefix, 1, 1, number)


def _shelves(warehouse: str, zone: str, aisles: str) -> Iterator[Bin]:
    """Up one aisle and down the next, so that nobody walks back empty-handed."""
    for aisle in aisles:
        rows = range(1, ROWS[warehouse] + 1)
        for row in rows if ord(aisle) % 2 else reversed(rows):
            for level, position in product(range(1, SHELF_LEVELS + 1), range(1, POSITIONS + 1)):
                code = bin_code(aisle, row, level, position)
                yield _bin(warehouse, zone, code, "Pickable", aisle, row, level, position)


def _boxes() -> Iterator[Bin]:
    random = Random(24)
    heights = {level.id: level.height_mm for level in LEVELS}
    for row, carrier in enumerate(robot_storage().carriers, 1):
        for position, (start, width) in enumerate(_layout(random), 1):
            box = Box(
                carrier=carrier.code,
                section_code_32=("0" * start + "1" * width).ljust(GROUPS, "0").translate({48: "0000", 49: "1111"}),
                height_mm=heights[carrier.level] - 60,
                item_count_max=12 * width,
            )
            code = bin_code("R", row, carrier.level, position)
            yield _bin("CHI", ROBOT_ZONE, code, "Pickable", "R", row, carrier.level, position, box)


def _layout(random: Random) -> list[tuple[int, int]]:
    """(first group, groups) of 2 to 8 boxes side by side; some carriers keep groups free for another box."""
    count = random.choice((2, 3, 3, 4, 4, 4, 5, 8))
    width = GROUPS // count
    used = count * width if random.random() < 0.4 else GROUPS
    cuts = [number * width for number in range(count)]
    return [(start, end - start) for start, end in zip(cuts, [*cuts[1:], used], strict=True)]


def bin_code(aisle: str, row: int, level: int, position: int) -> str:
    """``A-03-02-1``: aisle, row, level, position."""
    return f"{aisle}-{row:02d}-{level:02d}-{position}"


def _bin(
    warehouse: str, zone: str, code: str, kind: str, aisle: str, row: int, level: int, position: int,
    box: Box | None = None,
) -> Bin:  # fmt: skip
    return Bin(warehouse, zone, code, f"{warehouse}-{code}", kind, aisle, row, level, position, 0, box)
