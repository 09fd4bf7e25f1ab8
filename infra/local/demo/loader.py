"""Writes the demo company into an empty database, through the front doors that requests use.

One transaction as the application's role, so that row-level security, audit and ledger apply as ever. The company opened
a month before the day of loading: stock "as of an hour ago" is the starting stock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from psycopg.types.json import Jsonb

from chalicelib import catalogue, customers, identity, places, robots, stock
from chalicelib.kernel import clock, database, ids
from chalicelib.kernel.uow import UnitOfWork, as_machine, unit_of_work
from infra.local.demo import store
from infra.local.demo.company import PASSWORD, company
from infra.local.demo.model import Bin, Company, Customer, StaffMember

OPENED_BEFORE = timedelta(days=30)
ROBOTS = 3
"""As many as the stage simulates (infra/local/robots/config.py)."""


@dataclass(frozen=True)
class DemoCredentials:
    """How to get in. `password` is everybody's; `api_keys` by surface."""

    organization_id: int
    password: str
    staff: tuple[str, ...]
    customers: tuple[str, ...]
    api_keys: Mapping[str, str]


def load(env: Mapping[str, str]) -> DemoCredentials:
    """Loads the company as one organization, the default one if there is none yet; some seconds, mostly for passwords.

    `env` names the owner's database; the application's is that of the settings. Not to be repeated.
    """
    demo = company()
    organization_id = _create_organization(env["QM_DATABASE_OWNER_URL"], demo)
    with unit_of_work(as_machine(organization_id, "demo")) as uow:
        uow.now = clock.now() - OPENED_BEFORE
        Loader(uow, demo).load()
    return DemoCredentials(
        organization_id,
        PASSWORD,
        tuple(member.username for member in demo.staff),
        tuple(customer.email for customer in demo.customers),
        {key.surface: key.value for key in demo.api_keys},
    )


def _create_organization(owner_url: str, demo: Company) -> int:
    """Only the schema's owner may make tenants."""
    about = demo.organization
    fields = {
        "name": about.name,
        "currency": about.currency,
        "time_zone": about.time_zone,
        "modules": list(about.modules),
        "settings": Jsonb({"email": about.email, "phone": about.phone}),
    }
    with database.connect(owner_url) as connection:
        made = connection.execute(store.INSERT_ORGANIZATION, fields).fetchone()
    assert made is not None
    return int(str(made["id"]))


class Loader:
    """Loads one company; remembers the ids that its codes got."""

    def __init__(self, uow: UnitOfWork, demo: Company) -> None:
        self.uow, self.demo = uow, demo
        self.variants: dict[str, int] = {}
        self.warehouses: dict[str, int] = {}
        self.zones: dict[tuple[str, str], int] = {}
        self.accounts: dict[tuple[str, str], int] = {}
        self.lots: dict[str, int] = {}

    def load(self) -> None:
        """Everything, what others refer to first."""
        self._catalogue()
        self._places()
        self._robots()
        self._people()
        self._api_keys()
        self._lots()
        self._stock()

    def _catalogue(self) -> None:
        categories = {c.code: catalogue.create_category(self.uow, c.name, c.description) for c in self.demo.categories}
        made = catalogue.create_products(
            self.uow,
            [
                catalogue.NewProduct(
                    sku=p.sku,
                    name=p.name,
                    category_id=categories[p.category],
                    description=p.description,
                    brand=p.brand,
                    unit_size=p.unit_size,
                    unit_price_minor=p.unit_price_cents,
                    bulk_price_minor=p.bulk_price_cents,
                    bulk_quantity=p.bulk_quantity,
                    cost_minor=p.cost_cents,
                    weight_g=p.weight_g,
                    is_lot_tracked=p.shelf_life_days is not None,
                    barcodes=(p.gtin,),
                )
                for p in self.demo.products
            ],
        )
        self.variants = {product.sku: product.variant_id for product in made}

    def _places(self) -> None:
        for preference, w in enumerate(self.demo.warehouses, 1):
            address = f"{w.street}, {w.city}, {w.state} {w.zip}"
            made = places.create_warehouse(
                self.uow, code=w.code, name=w.name, address=address, preference=preference * 10
            )
            self.warehouses[w.code] = made.id
        for zone in self.demo.zones:
            self.zones[zone.warehouse, zone.code] = places.create_zone(
                self.uow,
                warehouse_id=self.warehouses[zone.warehouse],
                code=zone.code,
                name=zone.name,
                kind=zone.kind,  # type: ignore[arg-type]  # one of the six, as the company's own test says
            )
        shelves = [place for place in self.demo.bins if place.box is None]
        bins = places.create_bins(self.uow, [self._bin(place) for place in shelves])
        for place, bin_ in zip(shelves, bins, strict=True):
            self.accounts[place.warehouse, place.code] = bin_.account_id

    def _bin(self, place: Bin) -> places.NewBin:
        return places.NewBin(
            warehouse_id=self.warehouses[place.warehouse],
            zone_id=self.zones[place.warehouse, place.zone],
            code=place.code,
            barcode=place.barcode,
            kind=place.kind,  # type: ignore[arg-type]  # one of the contract's three
            aisle=place.aisle,
            row_num=str(place.row),
            level_num=str(place.level),
            position_num=str(place.position),
            pick_sequence=place.pick_sequence,
        )

    def _robots(self) -> None:
        about = self.demo.robot_storage
        warehouse_id, zone_id = self.warehouses[about.warehouse], self.zones[about.warehouse, about.zone]
        levels = {
            level.id: robots.create_level(self.uow, warehouse_id=warehouse_id, height_mm=level.height_mm)
            for level in about.levels
        }
        for number in about.balconies:
            robots.create_balcony(
                self.uow, warehouse_id=warehouse_id, name=f"BALCONY-{number}", zone_id=zone_id, pick_sequence=number
            )
        robots.register_bots(
            self.uow, warehouse_id=warehouse_id, serials=[f"bot-{number}" for number in range(1, ROBOTS + 1)]
        )
        carriers = [
            robots.NewCarrier(
                code=c.code,
                level_id=levels[c.level],
                position_x=c.position_x,
                position_y=c.position_y,
                depth=c.depth,
            )
            for c in about.carriers
        ]
        made = robots.create_carriers(self.uow, carriers, warehouse_id=warehouse_id)
        self._boxes({c.code: made_id for c, made_id in zip(carriers, made, strict=True)}, zone_id)

    def _boxes(self, carriers: Mapping[str, int], zone_id: int) -> None:
        boxed = [(place, place.box) for place in self.demo.bins if place.box is not None]
        new = [
            robots.NewBox(
                carrier_id=carriers[box.carrier],
                code=place.code,
                section_code=box.section_code_32,
                zone_id=zone_id,
                height_max_mm=box.height_mm,
                items_max=box.item_count_max,
            )
            for place, box in boxed
        ]
        for (place, _), made in zip(boxed, robots.create_boxes(self.uow, new), strict=True):
            self.accounts[place.warehouse, place.code] = made.account_id

    def _people(self) -> None:
        for member in self.demo.staff:
            identity.create_staff(self.uow, self._staff(member))
        for buyer in self.demo.customers:
            customers.create_customer(self.uow, _customer(buyer))

    def _staff(self, member: StaffMember) -> identity.NewStaff:
        first, _, last = member.full_name.partition(" ")
        warehouse_ids = [self.warehouses[code] for code in member.warehouses]
        return identity.NewStaff(
            username=member.username,
            password=PASSWORD,
            email=member.email,
            first_name=first,
            last_name=last,
            commerce_role=member.commerce_role,  # type: ignore[arg-type]  # the company's own test checks all three
            wms_role=member.wms_role,  # type: ignore[arg-type]  # as above
            storage_role=member.storage_role,  # type: ignore[arg-type]  # as above
            functions=member.functions,
            warehouse_ids=warehouse_ids,
            warehouse_id=warehouse_ids[0] if warehouse_ids else None,
        )

    def _api_keys(self) -> None:
        keys = [
            {
                "name": key.name,
                "preview": f"{key.value[:8]}********",
                "key_hash": ids.keyed_hash("api_key", key.value).hex(),
                "scopes": list(key.scopes),
                "storage_role": "Admin" if key.surface == "storage" else None,
            }
            for key in self.demo.api_keys
        ]
        params = {"keys": Jsonb(keys), "created_by": self.uow.actor.label, "now": self.uow.now}
        self.uow.execute(store.INSERT_API_KEYS, params)

    def _lots(self) -> None:
        today = clock.now().date()
        lots = [
            {
                "line": line,
                "variant_id": self.variants[lot.sku],
                "number": lot.code,
                "status": "quarantine" if lot.is_quarantined else "active",
                "expires_on": (today + timedelta(days=lot.expires_in_days)).isoformat(),
            }
            for line, lot in enumerate(self.demo.lots)
        ]
        made = self.uow.rows(store.INSERT_LOTS, {"lots": Jsonb(lots), "now": self.uow.now})
        self.lots = {row["number"]: row["id"] for row in made}

    def _stock(self) -> None:
        """Every unit comes from the supplier as a move, so that the books are whole from the first day."""
        moves = [
            stock.Move(
                variant_id=self.variants[row.sku],
                quantity=row.quantity,
                from_place="supplier",
                to_place=self.accounts[row.warehouse, row.bin],
                reason="purchase_received",
                document="demo:opening",
                lot_id=None if row.lot is None else self.lots[row.lot],
                note="Opening stock",
            )
            for row in self.demo.stock
        ]
        stock.post(self.uow, moves=moves)


def _customer(buyer: Customer) -> customers.NewCustomer:
    return customers.NewCustomer(
        username=buyer.email,
        password=PASSWORD,
        email=buyer.email,
        phone=buyer.phone,
        first_name=buyer.first_name,
        last_name=buyer.last_name,
        company_name=buyer.company,
        business_type=buyer.business,
        shipping_address=buyer.street,
        city=buyer.city,
        state=buyer.state,
        zip=buyer.zip,
        payment_terms="net30" if buyer.payment_terms == "net30" else "prepaid",
        credit_limit_minor=buyer.credit_limit_cents,
        is_email_verified=True,
    )
