"""What people type, and what they mean."""

from urllib.parse import quote

import pytest
from psycopg.sql import SQL

from chalicelib import catalogue
from tests.client import Client
from tests.factories.catalogue import make_product, make_products, new_product
from tests.tenant import Tenant

SHELF = (
    new_product(sku="NIT-100", name="Nitrile Gloves, blue", brand="Harrow", barcodes=("036000291452",)),
    new_product(sku="NIT-101", name="Nitrile Gloves, black", brand="Harrow"),
    new_product(sku="LAT-200", name="Latex Gloves", brand="Kestrel", description="Not nitrile"),
    new_product(sku="TAP-300", name="Packing Tape 48 mm", brand="Norcross"),
    new_product(sku="TAP-301", name="Masking Tape 24 mm", brand="Norcross"),
    new_product(sku="BOX-400", name="Carton 12 x 12", brand="Brightwell", description="Takes 48 jars; 50% recycled"),
    new_product(sku="OLD-500", name="Nitrile Gloves, old", is_active=False),
    new_product(sku="CAF-600", name="Café Größe", brand="Österreich"),
)


@pytest.mark.parametrize(
    ("_case", "search", "found"),
    [
        ("the SKU", "TAP-300", ["TAP-300"]),
        ("the SKU in another case", "tap-300", ["TAP-300"]),
        ("the beginning of SKUs", "TAP-30", ["TAP-301", "TAP-300"]),
        ("the barcode", "036000291452", ["NIT-100"]),
        ("the barcode as the scanner writes it", "0036000291452", ["NIT-100"]),
        ("a word: names that begin with it, then others", "nitrile", ["NIT-101", "NIT-100", "LAT-200"]),
        ("the beginning of a word", "mask", ["TAP-301"]),
        ("the inside of a word", "trile glov", ["NIT-101", "NIT-100", "LAT-200"]),
        ("words in any order", "gloves black", ["NIT-101"]),
        ("a brand", "kestrel", ["LAT-200"]),
        ("words of name and brand", "norcross 24", ["TAP-301"]),
        ("of the description", "recycled", ["BOX-400"]),
        ("two letters: where a word begins, first what the thing is", "ca", ["BOX-400", "CAF-600"]),
        ("one letter", "x", ["BOX-400"]),
        ("a letter left out", "nitrle gloves", ["NIT-101", "NIT-100", "LAT-200"]),
        ("a letter too many", "maskking tape", ["TAP-301"]),
        ("a wrong letter, twice", "pecking tepe", ["TAP-300"]),
        ("swapped letters", "nirtile golves", ["NIT-101", "NIT-100", "LAT-200"]),
        ("one word that nobody knows beside one that is misspelt", "latx zzzzzz", ["LAT-200"]),
        ("letters that upper case writes otherwise", "GRÖSSE café", ["CAF-600"]),
        ("letters beyond ASCII in another case", "größe CAFÉ", ["CAF-600"]),
        ("a mistyped SKU is not corrected to something else", "TAP-999", []),
        ("nothing alike", "zzzzzz", []),
        ("signs of LIKE", "%", []),
        ("more signs", "50%", ["BOX-400"]),
        ("quotes and backslashes", "'; \\ --", []),
    ],
)
def test_search(tenant: Tenant, api: Client, _case: str, search: str, found: list[str]) -> None:
    make_products(tenant, *SHELF)
    reply = api.get("/api/products?search=" + quote(search))
    assert reply.status == 200
    assert [product["sku"] for product in reply.json["products"]] == found
    assert reply.json["total"] == len(found)
    assert reply.statements <= 4


def test_an_empty_search_is_the_whole_list(tenant: Tenant, api: Client) -> None:
    make_products(tenant, *SHELF)
    assert api.get("/api/products?search=%20").json["total"] == len(SHELF) - 1


def test_search_is_paged(tenant: Tenant, api: Client) -> None:
    make_products(tenant, *SHELF)
    pages = [api.get(f"/api/products?search=gloves&per_page=2&page={page}").json for page in (1, 2, 3)]
    assert [[p["sku"] for p in page["products"]] for page in pages] == [["LAT-200", "NIT-101"], ["NIT-100"], []]
    assert [(page["total"], page["pages"]) for page in pages] == [(3, 2)] * 3


def test_search_is_bounded(tenant: Tenant, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.catalogue.store.HITS_MAX", 3)
    make_products(tenant, *(new_product(name=f"Tape {n}") for n in range(9)))
    reply = api.get("/api/products?search=tape").json
    assert (reply["total"], len(reply["products"])) == (3, 3)


def test_search_stays_in_the_organization(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    make_product(other_tenant, sku="SECRET-1", name="Secret sauce", barcodes=("036000291452",))
    for search in ("SECRET-1", "SECRET", "secret", "secrte", "036000291452"):
        assert api.get(f"/api/products?search={search}").json["products"] == []


def test_a_renamed_product_teaches_its_words(tenant: Tenant, api: Client) -> None:
    made = make_product(tenant, sku="S-1", name="Sponge")
    tenant.rows("UPDATE product SET name = 'Scourer' WHERE id = %(id)s RETURNING id", id=made.product_id)
    assert [p["sku"] for p in api.get("/api/products?search=scurer").json["products"]] == ["S-1"]


def test_a_sku_is_found_by_index_although_row_level_security_is_on(tenant: Tenant) -> None:
    """Under a policy only leakproof conditions may use an index, which upper(sku) is not (infra/decisions/0010)."""
    from chalicelib.catalogue import store

    with tenant.uow() as uow:
        uow.execute("SET LOCAL enable_seqscan = off")
        rows = uow.rows(SQL("EXPLAIN ") + store.FIND_PRODUCT, {"product_id": None, "sku": "P-1"})
    plan = [row["QUERY PLAN"].strip() for row in rows]
    scan = next(n for n, line in enumerate(plan) if "using variant_sku" in line)
    assert "(sku_key = " in plan[scan + 1]


def test_items_of_search_can_be_ordered(tenant: Tenant, api: Client) -> None:
    make_products(tenant, *SHELF)
    found = api.get("/api/products?search=packing").json["products"][0]
    with tenant.uow() as uow:
        assert catalogue.priced(uow, [catalogue.Item(1, product_id=found["id"])])[0].sku == "TAP-300"
