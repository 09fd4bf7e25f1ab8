"""What the demo company is made of. Plain values: the loader decides how they get into the database.

Money is in integer cents of the company's currency, weights in grams, heights in millimetres. Nothing here
depends on the day: an expiry is a number of days after the day of loading.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Organization:
    """The tenant."""

    name: str
    slug: str
    currency: str
    time_zone: str
    email: str
    phone: str
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A shelf of the shop; `storage` says which kind of storage zone its goods lie in."""

    code: str
    name: str
    description: str
    storage: str


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who sells to us. Lead time from order to dock."""

    code: str
    name: str
    contact: str
    email: str
    phone: str
    country: str
    lead_time_days: int
    brands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """One product with its one variant. `gtin` has 14 digits for cases and bundles, 13 for single units."""

    sku: str
    gtin: str
    category: str
    supplier: str
    name: str
    brand: str
    unit_size: str
    description: str
    unit_price_cents: int
    bulk_price_cents: int
    bulk_quantity: int
    cost_cents: int
    weight_g: int
    country: str
    shelf_life_days: int | None
    """None for goods that do not expire; they carry no lots."""
    velocity: str
    """A sells daily, B weekly, C now and then."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A building. `code` is what people say."""

    code: str
    name: str
    street: str
    city: str
    state: str
    zip: str


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of a warehouse; `kind` is one of the wms contract's six zone types."""

    warehouse: str
    code: str
    name: str
    kind: str
    is_robot: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """The robot side of a bin: a box on a carrier.

    `section_code_32` is 32 binary digits, one per strip it covers.
    """

    carrier: str
    section_code_32: str
    height_mm: int
    item_count_max: int

    @property
    def section_code(self) -> str:
        """The legacy code of 8 digits: one per group of four strips, 1 where the box covers any of them."""
        groups = (self.section_code_32[start : start + 4] for start in range(0, 32, 4))
        return "".join("1" if "1" in group else "0" for group in groups)


@dataclass(frozen=True, slots=True)
class Bin:
    """A place that holds stock. `kind` is one of the wms contract's three bin types."""

    warehouse: str
    zone: str
    code: str
    barcode: str
    kind: str
    aisle: str
    row: int
    level: int
    position: int
    pick_sequence: int
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A floor of the robot storage."""

    id: int
    height_mm: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """What a robot lifts: a tray at a parking position, with boxes on it."""

    code: str
    level: int
    position_x: int
    position_y: int
    depth: int


@dataclass(frozen=True, slots=True)
class RobotStorage:
    """The robot zone of one warehouse. Balconies are its picking stations."""

    warehouse: str
    zone: str
    levels: tuple[Level, ...]
    balconies: tuple[int, ...]
    carriers: tuple[Carrier, ...]


@dataclass(frozen=True, slots=True)
class Lot:
    """A batch of perishable goods. `expires_in_days` counts from the day of loading and may lie behind it."""

    sku: str
    code: str
    expires_in_days: int
    is_quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Stock:
    """Units of a product in a bin."""

    warehouse: str
    bin: str
    sku: str
    quantity: int
    lot: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A business that buys. Terms are net30 with a credit limit, or card without one."""

    company: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    city: str
    state: str
    zip: str
    business: str
    payment_terms: str
    credit_limit_cents: int


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One person with the roles of up to three surfaces; None where a surface does not know them."""

    username: str
    full_name: str
    email: str
    commerce_role: str | None
    wms_role: str | None
    functions: tuple[str, ...]
    warehouses: tuple[str, ...]
    storage_role: str | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the demo company. Its value is no secret: it is the same everywhere and opens this company only."""

    name: str
    surface: str
    scopes: tuple[str, ...]

    @property
    def value(self) -> str:
        """What an integrator sends."""
        return f"qmk_demo-{self.surface}-key-of-the-local-stage"


@dataclass(frozen=True, slots=True)
class Company:
    """Everything, in an order in which it can be loaded."""

    organization: Organization
    categories: tuple[Category, ...]
    suppliers: tuple[Supplier, ...]
    products: tuple[Product, ...]
    warehouses: tuple[Warehouse, ...]
    zones: tuple[Zone, ...]
    robot_storage: RobotStorage
    bins: tuple[Bin, ...]
    lots: tuple[Lot, ...]
    stock: tuple[Stock, ...]
    customers: tuple[Customer, ...]
    staff: tuple[StaffMember, ...]
    api_keys: tuple[ApiKey, ...]
    scarce_sku: str
    """A product of which there are only a handful: the last units that cannot be sold twice."""
    robot_skus: tuple[str, ...] = field(default=())
    """Products that lie in robot boxes of the first warehouse, and only there in it."""
