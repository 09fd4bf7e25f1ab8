"""What other contexts call: creating, scanning, pricing."""

import pytest

from chalicelib import catalogue
from chalicelib.kernel.errors import Conflict, Invalid, NotFound
from tests.factories.catalogue import make_category, make_product, make_products, new_product
from tests.tenant import Tenant


def test_products_come_back_in_the_order_given_with_their_own_variants(tenant: Tenant) -> None:
    wanted = [new_product(sku=f"Q-{99 - n}", barcodes=(f"code-{n}", f"code-{n}")) for n in range(50)]
    made = make_products(tenant, *wanted)
    assert [m.sku for m in made] == [w.sku for w in wanted]
    rows = tenant.rows(
        "SELECT v.product_id, v.id, v.sku, p.name, b.code, b.kind FROM variant v JOIN product p ON p.id = v.product_id"
        " JOIN barcode b ON b.variant_id = v.id ORDER BY v.product_id"
    )
    assert [(r["product_id"], r["id"], r["sku"], r["name"], r["code"], r["kind"]) for r in rows] == [
        (m.product_id, m.variant_id, w.sku, w.name, w.barcodes[0], "alias") for m, w in zip(made, wanted, strict=True)
    ]


def test_any_number_of_products_is_one_statement(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        before = uow.statements
        catalogue.create_products(uow, [new_product(barcodes=(f"c{n}",)) for n in range(100)])
        assert uow.statements - before == 1


@pytest.mark.parametrize(
    ("_case", "second", "refusal"),
    [
        ("the same SKU", {"sku": "TAPE-1"}, catalogue.SkuTaken),
        ("the same SKU in another case", {"sku": "tape-1"}, catalogue.SkuTaken),
        ("the same barcode", {"barcodes": ("4006381333931",)}, catalogue.BarcodeTaken),
        ("an unknown category", {"category_id": 2**31 - 1}, NotFound),
    ],
)
def test_what_is_refused_changes_nothing(tenant: Tenant, _case: str, second: dict[str, object], refusal: type) -> None:
    make_product(tenant, sku="TAPE-1", barcodes=("4006381333931",))
    with pytest.raises(refusal):
        make_products(tenant, new_product(), new_product(**second))
    assert tenant.value("SELECT count(*) FROM product") == 1


def test_a_foreign_category_does_not_exist(tenant: Tenant, other_tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        make_product(tenant, category_id=make_category(other_tenant))


def test_two_organizations_may_use_the_same_sku(tenant: Tenant, other_tenant: Tenant) -> None:
    ours, theirs = (make_product(t, sku="TAPE-1", barcodes=("b-1",)) for t in (tenant, other_tenant))
    for owner, product in ((tenant, ours), (other_tenant, theirs)):
        with owner.uow() as uow:
            assert [v.id for v in catalogue.variants_by_barcode(uow, "b-1")] == [product.variant_id]
            assert [v.id for v in catalogue.variants_by_barcode(uow, "tape-1")] == [product.variant_id]


def test_a_wrong_check_digit_warns_and_does_not_block(tenant: Tenant) -> None:
    made = make_product(tenant, barcodes=("4006381333932",))
    assert made.warnings == ["Barcode 4006381333932: the check digit should be 1, not 2"]
    assert tenant.value("SELECT kind FROM barcode") == "gtin"


def test_a_category_name_is_taken_once(tenant: Tenant) -> None:
    make_category(tenant, name="Tape")
    with pytest.raises(Conflict):
        make_category(tenant, name="Tape")


@pytest.mark.parametrize(
    ("_case", "code", "found"),
    [
        ("the barcode", "036000291452", ["A"]),
        ("the same GTIN with 13 digits", "0036000291452", ["A"]),
        ("the same GTIN with 14 digits", "00036000291452", ["A"]),
        ("with spaces around", " 036000291452\n", ["A"]),
        ("an alias", "SHELF-7", ["B"]),
        ("an alias in another case", "shelf-7", []),
        ("a SKU in another case", "b", ["B"]),
        ("an inactive product", "C", ["C"]),
        ("the barcode of one and the SKU of another", "D", ["E", "D"]),
        ("nothing", "unknown", []),
    ],
)
def test_scanning(tenant: Tenant, _case: str, code: str, found: list[str]) -> None:
    make_products(
        tenant,
        new_product(sku="A", barcodes=("036000291452",)),
        new_product(sku="B", barcodes=("SHELF-7",)),
        new_product(sku="C", is_active=False),
        new_product(sku="D"),
        new_product(sku="E", barcodes=("D",)),
    )
    with tenant.uow() as uow:
        assert [v.sku for v in catalogue.variants_by_barcode(uow, code)] == found


def test_prices_come_in_the_order_of_the_items(tenant: Tenant) -> None:
    plain = make_product(tenant, sku="PLAIN", unit_price_minor=250)
    bulk = make_product(
        tenant, sku="BULK", name="Bulky", brand="Acme", unit_price_minor=1999, bulk_price_minor=1750, bulk_quantity=10
    )
    items = [
        catalogue.Item(10, sku="bulk"),
        catalogue.Item(9, product_id=bulk.product_id),
        catalogue.Item(3, product_id=plain.product_id),
        catalogue.Item(11, product_id=bulk.product_id),
        catalogue.Item(2, variant_id=plain.variant_id),
    ]
    with tenant.uow() as uow:
        before = uow.statements
        lines = catalogue.priced(uow, items)
        assert uow.statements - before == 1
    assert [(p.sku, p.quantity, p.unit_price_minor, p.is_bulk_price, p.line_total_minor) for p in lines] == [
        ("BULK", 10, 1750, True, 17500),
        ("BULK", 9, 1999, False, 17991),
        ("PLAIN", 3, 250, False, 750),
        ("BULK", 11, 1750, True, 19250),
        ("PLAIN", 2, 250, False, 500),
    ]
    assert (lines[0].product_id, lines[0].variant_id, lines[0].name, lines[0].brand) == (
        bulk.product_id,
        bulk.variant_id,
        "Bulky",
        "Acme",
    )


def test_every_unknown_line_is_named(tenant: Tenant, other_tenant: Tenant) -> None:
    known, foreign = make_product(tenant), make_product(other_tenant)
    items = [
        catalogue.Item(1, sku="nowhere"),
        catalogue.Item(1, product_id=known.product_id),
        catalogue.Item(1, product_id=foreign.product_id),
        catalogue.Item(1, variant_id=foreign.variant_id),
    ]
    with tenant.uow() as uow, pytest.raises(Invalid) as refused:
        catalogue.priced(uow, items)
    assert [d["loc"] for d in refused.value.details] == [
        ["items", 0, "sku"],
        ["items", 2, "product_id"],
        ["items", 3, "variant_id"],
    ]


def test_every_line_that_is_not_sold_is_named(tenant: Tenant) -> None:
    make_products(
        tenant,
        new_product(sku="GONE", name="Gone", is_active=False),
        new_product(sku="HERE"),
        new_product(sku="OUT", name="Out", in_stock=False),
    )
    with tenant.uow() as uow, pytest.raises(catalogue.NotForSale) as refused:
        catalogue.priced(uow, [catalogue.Item(1, sku=sku) for sku in ("GONE", "HERE", "OUT")])
    assert (refused.value.status_in("plain"), refused.value.status_in("inventory")) == (409, 422)
    assert refused.value.message == "Gone (GONE) is no longer sold; Out (OUT) is out of stock"
    assert [(line["line"], line["sku"]) for line in refused.value.extra["lines"]] == [(0, "GONE"), (2, "OUT")]


def test_a_line_that_no_amount_can_hold_is_refused(tenant: Tenant) -> None:
    product = make_product(tenant, unit_price_minor=10**6)
    with tenant.uow() as uow:
        fits = catalogue.priced(uow, [catalogue.Item(10**6, product_id=product.product_id)])
        assert fits[0].line_total_minor == 10**12
        with pytest.raises(Invalid) as refused:
            catalogue.priced(uow, [catalogue.Item(10**6 + 1, product_id=product.product_id)])
    assert refused.value.details[0]["loc"] == ["items", 0, "quantity"]


# For imports.


def test_five_thousand_products_are_a_bounded_number_of_statements(tenant: Tenant) -> None:
    wanted = [new_product(upc=f"UPC-{n}", barcodes=(f"ALIAS-{n}",), reorder_point=n) for n in range(5000)]
    with tenant.uow() as uow:
        before = uow.statements
        assert catalogue.check_new(uow, wanted) == []
        made = catalogue.create_products(uow, wanted)
        uow.flush()
        assert uow.statements - before == 3
    assert [m.sku for m in made] == [w.sku for w in wanted]
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE entity = 'product'") == 5000
    assert tenant.value("SELECT count(*) FROM barcode") == 10_000
    assert tenant.value("SELECT sum(reorder_point) FROM variant") == sum(range(5000))


def test_what_is_taken_is_reported_line_by_line(tenant: Tenant, other_tenant: Tenant) -> None:
    make_product(other_tenant, sku="FREE", barcodes=("free",))
    kept = make_product(tenant, sku="TAKEN", upc="036000291452", barcodes=("alias",))
    wanted = [
        new_product(sku="FREE", barcodes=("free",)),
        new_product(sku="taken", barcodes=("fine", "alias")),
        new_product(sku="B", upc="0036000291452"),
        new_product(sku="free", barcodes=("00036000291452", "free")),
        new_product(sku="C", upc="own", barcodes=("own",)),
    ]
    with tenant.uow() as uow:
        before = uow.statements
        found = catalogue.check_new(uow, wanted)
        assert uow.statements - before == 1
        mine = catalogue.check_new(uow, wanted[1:2], but_for=kept.variant_id)
    assert [tuple(code) for code in found] == [
        (1, "sku", "taken"),
        (1, "barcode", "alias"),
        (2, "barcode", "0036000291452"),
        (3, "sku", "free"),
        (3, "barcode", "00036000291452"),
        (3, "barcode", "free"),
    ]
    assert mine == []


def test_categories_are_found_or_made_in_one_statement(tenant: Tenant, other_tenant: Tenant) -> None:
    make_category(other_tenant, name="Glue")
    tape = make_category(tenant, name="Tape")
    with tenant.uow() as uow:
        before = uow.statements
        found = catalogue.ensure_categories(uow, ["TAPE", "Glue", "tape", "GLUE"])
        assert uow.statements - before == 1
        again = catalogue.ensure_categories(uow, ["glue"])
    assert (found["TAPE"], found["tape"], found["Glue"]) == (tape, tape, found["GLUE"])
    assert again["glue"] == found["Glue"]
    assert tenant.value("SELECT count(*) FROM category") == 2
