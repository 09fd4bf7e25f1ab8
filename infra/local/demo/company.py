"""The whole demo company as one value."""

from functools import cache

from infra.local.demo import catalogue, people, places, stock
from infra.local.demo.model import Company, Organization

ORGANIZATION = Organization(
    name="Tillerby Foodservice Supply",
    slug="tillerby",
    currency="USD",
    time_zone="America/Chicago",
    email=f"hello@{people.STAFF_DOMAIN}",
    phone="+13125550100",
    modules=("manufacturing", "traceability"),
)
PASSWORD = "Walnut-Pallet-Harbor-42"
"""Everybody's, on the local stage and nowhere else: the loader sets it, the stage prints it."""


@cache
def company() -> Company:
    """The demo company: no clock, no network, no chance. Two calls, two machines, the same value."""
    categories, products, bins = catalogue.categories(), catalogue.products(), places.bins()
    lots, on_hand = stock.starting_stock(products, categories, bins)
    return Company(
        organization=ORGANIZATION,
        categories=categories,
        suppliers=catalogue.suppliers(),
        products=products,
        warehouses=places.warehouses(),
        zones=places.zones(),
        robot_storage=places.robot_storage(),
        bins=bins,
        lots=lots,
        stock=on_hand,
        customers=people.customers(),
        staff=people.staff(),
        api_keys=people.api_keys(),
        scarce_sku=stock.SCARCE_SKU,
        robot_skus=stock.robot_skus(products),
    )
