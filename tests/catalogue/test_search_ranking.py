"""What the demo company's customers type, and what must come first."""

from urllib.parse import quote

import pytest

from chalicelib import catalogue
from infra.local.demo import catalogue as demo
from infra.local.postgres import Cluster
from tests.client import Client
from tests.tenant import create_tenant


@pytest.fixture(scope="module")
def shop(database: Cluster, aws: None) -> Client:
    """The demo company's whole catalogue; nothing here writes."""
    tenant = create_tenant(database.owner_url(), "ranking")
    categories, products = demo.categories(), demo.products()
    with tenant.uow() as uow:
        ids = {c.code: catalogue.create_category(uow, c.name) for c in categories}
        catalogue.create_products(
            uow,
            [
                catalogue.NewProduct(
                    sku=p.sku,
                    name=p.name,
                    description=p.description,
                    brand=p.brand,
                    unit_size=p.unit_size,
                    category_id=ids[p.category],
                    unit_price_minor=100,
                )
                for p in products
            ],
        )
    return Client(tenant.host)


def found(shop: Client, text: str) -> list[str]:
    reply = shop.get("/api/products?search=" + quote(text))
    assert reply.status == 200
    assert reply.statements <= 4
    return [product["name"] for product in reply.json["products"]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        # What the thing is comes before what it is for or made of.
        ("rice", ["Arborio Rice", "Basmati Rice, Aged", "Brown Rice"]),
        ("coffee", ["Dark Roast Whole Bean Coffee", "Decaf Coffee, Ground", "House Blend Coffee, Ground"]),
        ("sugar", ["Granulated Sugar", "Light Brown Sugar", "Powdered Sugar, 10X", "Cane Sugar Sticks"]),
        ("tomato", ["Crushed Tomatoes", "Diced Tomatoes in Juice", "Whole Peeled Tomatoes"]),
        ("napkin", ["Beverage Napkin, White, 1-Ply", "Dinner Napkin, White, 2-Ply", "Dispenser Napkin, Kraft"]),
        ("olive oil", ["Extra Virgin Olive Oil", "Pomace Olive Oil", "Truffle-Scented Olive Oil"]),
        ("pizza box", ["Pizza Box, 12 in, Kraft", "Pizza Box, 16 in, Kraft"]),
        # Singular and plural, upper and lower case.
        ("cups", ["Clear Cold Cup, 12 oz", "Clear Cold Cup, 16 oz", "Clear Cold Cup, 24 oz"]),
        ("GLOVE", ["Nitrile Gloves, Powder Free, Large", "Nitrile Gloves, Powder Free, Medium", "Vinyl Gloves, Large"]),
        ("pizza boxes", ["Pizza Box, 12 in, Kraft"]),
        ("knives", ["Knife, Heavy Weight, White"]),
        ("ketchup packet", ["Ketchup Packets"]),
        # Mistyped.
        ("cofee", ["Dark Roast Whole Bean Coffee"]),
        ("tomatoe past", ["Tomato Paste"]),
        ("nitrle glvoes", ["Nitrile Gloves, Powder Free, Large"]),
        ("basmatti rice", ["Basmati Rice, Aged"]),
        ("worchestershire", ["Worcestershire Sauce"]),
        ("mayonaise", ["Mayonnaise, Heavy Duty"]),
        ("barbeque sauce", ["Barbecue Sauce, Hickory"]),
        ("chilli oil", ["Chili Oil"]),
        ("espreso", ["Espresso Whole Bean"]),
        # As somebody types.
        ("jalap", ["Sliced Jalapenos"]),
        ("worces", ["Worcestershire Sauce"]),
        ("nitr", ["Nitrile Gloves, Powder Free, Large"]),
        # Brand and word.
        ("casa belvento mustard", ["Dijon Mustard"]),
        ("belvento tuna", ["Tuna, Chunk Light in Water"]),
        ("lumenwash sanitizer", ["Quaternary Sanitizer", "Hand Sanitizer Gel"]),
        # SKUs, whatever is between their letters.
        ("JAN-1028", ["Nitrile Gloves, Powder Free, Medium"]),
        ("jan 1028", ["Nitrile Gloves, Powder Free, Medium"]),
        ("jan1028", ["Nitrile Gloves, Powder Free, Medium"]),
        # Sizes.
        ("50 lb flour", ["All-Purpose Flour", "High-Gluten Bread Flour", "Whole Wheat Flour"]),
        ("50lb flour", ["All-Purpose Flour", "High-Gluten Bread Flour", "Whole Wheat Flour"]),
        ("12oz hot cup", ["Double-Wall Hot Cup, 12 oz", "Paper Hot Cup, 12 oz"]),
        ("1 gal jugs vinegar", ["Apple Cider Vinegar", "Red Wine Vinegar"]),
        ("case of 2500", ["Portion Cup Lid, 2 oz", "Portion Cup, 2 oz"]),
        # Names of categories.
        ("cleaning chemicals", ["All-Purpose Cleaner, Citrus", "Bowl Cleaner, Acid", "Chlorine Bleach, Germicidal"]),
        ("condiments", ["Barbecue Sauce, Hickory"]),
        # Accents, and none.
        ("jalapeño", ["Sliced Jalapenos"]),
        ("FAÇIAL TISSUE", ["Facial Tissue, Flat Box"]),
    ],
)
def test_what_comes_first(shop: Client, text: str, first: list[str]) -> None:
    assert found(shop, text)[: len(first)] == first


@pytest.mark.parametrize(
    ("text", "not_found"),
    [("oil", "Foil Pan, Full Size Deep"), ("rice", "Licorice"), ("12oz cup", "Clear Cold Cup, 16 oz")],
)
def test_what_is_not_meant(shop: Client, text: str, not_found: str) -> None:
    assert not_found not in found(shop, text)


@pytest.mark.parametrize("text", ["zzzz", "JAN-9999", "of", "-", "£", "\U0001f9c0", "x" * 200, "99999999999999999999"])
def test_nothing(shop: Client, text: str) -> None:
    assert found(shop, text) == []


def test_every_page_of_a_search_goes_on_where_the_last_one_ended(shop: Client) -> None:
    pages = [shop.get(f"/api/products?search=case&per_page=20&page={page}").json for page in range(1, 10)]
    names = [product["name"] for page in pages for product in page["products"]]
    assert len(names) == len(set(names)) == pages[0]["total"] > 100
