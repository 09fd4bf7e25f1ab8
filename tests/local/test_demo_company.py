"""The demo company is the same everywhere, adds up, and could be a real distributor's."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import phonenumbers
import pytest

from infra.local.demo import catalogue, people, places, stock
from infra.local.demo.company import company
from infra.local.demo.model import Bin, Product
from infra.local.demo.tables import cents

COMPANY = company()
PRODUCTS = {product.sku: product for product in COMPANY.products}
BINS = {(place.warehouse, place.code): place for place in COMPANY.bins}
LOTS = {lot.code: lot for lot in COMPANY.lots}
BOXES = [(place, place.box) for place in COMPANY.bins if place.box is not None]


def unique(values: Iterable[object]) -> bool:
    counted = Counter(values)
    return max(counted.values()) == 1


def check_digit_is_valid(code: str) -> bool:
    """GS1: with weights 3 and 1 from the right, check digit first, the sum is a multiple of ten."""
    return sum(int(d) * (1, 3)[place % 2] for place, d in enumerate(reversed(code))) % 10 == 0


def test_it_is_as_large_as_promised() -> None:
    assert (len(COMPANY.products), len(COMPANY.categories), len(COMPANY.customers)) == (204, 12, 40)
    assert (len(COMPANY.warehouses), len(COMPANY.bins)) == (2, 299)
    assert Counter(p.category for p in COMPANY.products) == {c.code: 17 for c in COMPANY.categories}


def test_it_is_the_same_each_time() -> None:
    categories, products, bins = catalogue.categories(), catalogue.products(), places.bins()
    assert (products, bins) == (COMPANY.products, COMPANY.bins)
    assert stock.starting_stock(products, categories, bins) == (COMPANY.lots, COMPANY.stock)


@pytest.mark.parametrize(
    ("digits", "digit"),
    [("629104150021", "3"), ("400638133393", "1"), ("1200000300032", "3"), ("03600029145", "2")],
)
def test_check_digits_as_gs1_computes_them(digits: str, digit: str) -> None:
    assert catalogue.check_digit(digits) == digit


def test_every_product_has_a_valid_gtin_that_no_real_product_has() -> None:
    assert unique(p.gtin for p in COMPANY.products)
    for product in COMPANY.products:
        is_case = product.unit_size.startswith(("Case", "Bundle"))
        assert re.fullmatch(r"1200\d{10}" if is_case else r"200\d{10}", product.gtin)
        assert check_digit_is_valid(product.gtin)


@pytest.mark.parametrize("product", COMPANY.products, ids=lambda product: product.sku)
def test_a_product_is_plausible(product: Product) -> None:
    assert re.fullmatch(product.category + r"-1\d{3}", product.sku)
    assert 0 < product.cost_cents < product.bulk_price_cents < product.unit_price_cents
    assert product.bulk_quantity >= 3
    assert 0 < product.weight_g < 50_000
    assert re.fullmatch("[A-Z]{2}", product.country)
    assert product.velocity in ("A", "B", "C")
    assert product.shelf_life_days is None or 90 <= product.shelf_life_days <= 1460
    assert product.name == product.name.strip()
    assert product.unit_size


def test_names_and_skus_are_unique_and_every_brand_has_one_supplier() -> None:
    assert unique(p.sku for p in COMPANY.products)
    assert unique(p.name for p in COMPANY.products)
    brands = [brand for supplier in COMPANY.suppliers for brand in supplier.brands]
    assert unique(brands)
    assert {p.brand for p in COMPANY.products} == set(brands)


def test_zones_cover_all_types_in_both_warehouses_and_one_has_robots() -> None:
    kinds = {"RECEIVING", "STORAGE", "STAGING", "SHIPPING", "QUALITY", "DAMAGE"}
    for warehouse in COMPANY.warehouses:
        assert {zone.kind for zone in COMPANY.zones if zone.warehouse == warehouse.code} == kinds
    assert [zone.code for zone in COMPANY.zones if zone.is_robot] == [COMPANY.robot_storage.zone]


def test_bins_have_codes_zones_and_a_pick_sequence_of_their_own() -> None:
    zones = {zone.code: zone.warehouse for zone in COMPANY.zones}
    assert unique((b.warehouse, b.code) for b in COMPANY.bins)
    assert unique(b.barcode for b in COMPANY.bins)
    assert unique((b.warehouse, b.pick_sequence) for b in COMPANY.bins)
    assert {zones[b.zone] == b.warehouse for b in COMPANY.bins} == {True}
    assert {b.kind for b in COMPANY.bins} == {"Pickable", "PickableStaging", "Staging"}
    for place in COMPANY.bins:
        if place.kind == "Pickable":
            assert place.code == f"{place.aisle}-{place.row:02d}-{place.level:02d}-{place.position}"


def test_the_robot_storage_has_its_levels_balconies_and_carriers() -> None:
    robots = COMPANY.robot_storage
    assert (len(robots.levels), len(robots.balconies), len(robots.carriers)) == (3, 2, 24)
    assert unique((c.level, c.position_x, c.position_y, c.depth) for c in robots.carriers)
    assert robots.warehouse == COMPANY.warehouses[0].code
    on_carriers = Counter(box.carrier for _, box in BOXES)
    assert set(on_carriers) == {c.code for c in robots.carriers}
    assert (min(on_carriers.values()), max(on_carriers.values())) == (2, 8)


def test_boxes_on_a_carrier_do_not_overlap_in_either_code() -> None:
    taken: defaultdict[tuple[str, int], int] = defaultdict(int)
    for _, box in BOXES:
        assert re.fullmatch("0*1+0*", box.section_code_32)
        for code, length in ((box.section_code_32, 32), (box.section_code, 8)):
            assert len(code) == length
            assert taken[box.carrier, length] & int(code, 2) == 0
            taken[box.carrier, length] |= int(code, 2)
    assert any(mask != 2**32 - 1 for (_, length), mask in taken.items() if length == 32)


def test_a_box_stands_on_the_level_of_its_carrier() -> None:
    carriers = {c.code: c for c in COMPANY.robot_storage.carriers}
    heights = {level.id: level.height_mm for level in COMPANY.robot_storage.levels}
    for place, box in BOXES:
        assert place.level == carriers[box.carrier].level
        assert box.height_mm < heights[place.level]


def test_stock_lies_in_bins_that_exist_and_once_per_bin_and_lot() -> None:
    assert unique((s.warehouse, s.bin, s.sku, s.lot) for s in COMPANY.stock)
    for row in COMPANY.stock:
        assert (row.warehouse, row.bin) in BINS
        assert row.quantity > 0
        assert (row.lot is None) == (PRODUCTS[row.sku].shelf_life_days is None)
        if row.lot is not None:
            assert LOTS[row.lot].sku == row.sku


def test_every_product_is_somewhere_and_food_is_never_among_chemicals() -> None:
    storage = {category.code: category.storage for category in COMPANY.categories}
    assert {row.sku for row in COMPANY.stock} == set(PRODUCTS)
    for row in COMPANY.stock:
        zone = BINS[row.warehouse, row.bin].zone
        kind = storage[PRODUCTS[row.sku].category]
        assert not (zone.endswith(("-CHEM", "-PACK")) and kind == "DRY")
        assert not (zone.endswith("-DRY") and kind == "CHEM")


def test_some_bins_hold_two_lots_that_expire_apart() -> None:
    lots: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    for row in COMPANY.stock:
        if row.lot is not None:
            lots[row.warehouse, row.bin, row.sku].add(LOTS[row.lot].expires_in_days)
    assert sum(len(days) == 2 for days in lots.values()) >= 20


def test_lots_that_must_not_be_allocated_are_set_aside() -> None:
    aside = {row.lot for row in COMPANY.stock if BINS[row.warehouse, row.bin].zone == "CHI-QUALITY"}
    assert {lot.code for lot in COMPANY.lots if lot.is_quarantined or lot.expires_in_days < 0} == aside
    assert len(aside) == 2
    assert unique(lot.code for lot in COMPANY.lots)


def test_forty_products_lie_in_robot_boxes_within_their_capacity() -> None:
    assert len(COMPANY.robot_skus) == 40
    stocked = [row for row in COMPANY.stock if BINS[row.warehouse, row.bin].box is not None]
    assert {row.sku for row in stocked} == set(COMPANY.robot_skus)
    assert unique(row.bin for row in stocked)
    for row in stocked:
        assert row.quantity <= stock.capacity_of(BINS[row.warehouse, row.bin])
    assert len(stocked) < len(BOXES)
    elsewhere = {r.sku for r in COMPANY.stock if r.warehouse == "CHI" and r not in stocked}
    assert not elsewhere & set(COMPANY.robot_skus)


def test_there_are_empty_shelves_and_a_shelf_has_no_box_capacity() -> None:
    full = {(row.warehouse, row.bin) for row in COMPANY.stock}
    shelves: list[Bin] = [b for b in COMPANY.bins if b.kind == "Pickable" and b.box is None]
    free = Counter(b.zone for b in shelves if (b.warehouse, b.code) not in full)
    assert min(free[zone] for zone in ("CHI-DRY", "CHI-PACK", "CHI-CHEM")) >= 4
    with pytest.raises(TypeError):
        stock.capacity_of(shelves[0])


def test_the_scarce_product_is_scarce() -> None:
    assert sum(row.quantity for row in COMPANY.stock if row.sku == COMPANY.scarce_sku) == 5


def test_nobody_can_be_called_or_written_to() -> None:
    mails = [c.email for c in COMPANY.customers] + [m.email for m in COMPANY.staff]
    mails += [s.email for s in COMPANY.suppliers] + [COMPANY.organization.email]
    phones = [c.phone for c in COMPANY.customers] + [s.phone for s in COMPANY.suppliers]
    phones.append(COMPANY.organization.phone)
    assert unique(mails)
    assert unique(phones)
    assert all(re.fullmatch(r"[a-z.]+@[a-z]+\.example\.(com|org)", mail) for mail in mails)
    assert all(re.fullmatch(r"\+1[2-9]\d{2}55501\d{2}", phone) for phone in phones)
    assert all(phonenumbers.is_possible_number(phonenumbers.parse(phone)) for phone in phones)


def test_customers_buy_on_terms_or_by_card() -> None:
    assert unique(c.company for c in COMPANY.customers)
    for customer in COMPANY.customers:
        assert customer.payment_terms in ("net30", "card")
        assert (customer.credit_limit_cents > 0) == (customer.payment_terms == "net30")
        assert re.fullmatch(r"\d{5}", customer.zip)
        assert re.fullmatch("[A-Z]{2}", customer.state)


def test_staff_have_all_roles_and_functions_among_them() -> None:
    staff = COMPANY.staff
    assert unique(member.username for member in staff)
    assert {m.commerce_role for m in staff if m.commerce_role} == {"admin", "manager", "sales_rep", "staff"}
    assert {m.wms_role for m in staff if m.wms_role} == {"ADMIN", "USER"}
    assert {m.storage_role for m in staff if m.storage_role} == {"Super Admin", "Admin", "User"}
    functions = {function for member in staff for function in member.functions}
    assert functions == {"pick", "pack", "ship", "receive", "putaway", "count", "transfer"}
    codes = {warehouse.code for warehouse in COMPANY.warehouses}
    for member in staff:
        assert set(member.warehouses) <= codes
        assert bool(member.warehouses) == (member.wms_role is not None)


def test_integrators_get_three_keys() -> None:
    assert {key.surface: key.scopes for key in people.api_keys()} == {
        "inventory": ("inventory:read", "inventory:write", "catalogue:write", "events:read", "webhooks:write"),
        "voice": ("voice",),
        "storage": ("storage",),
    }


def test_parts_of_a_cent_are_refused() -> None:
    assert cents("12.5") == 1250
    with pytest.raises(ValueError):
        cents("0.005")
