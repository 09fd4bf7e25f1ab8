"""Pictures in the `image_url` of PUT, bulk-update and POST /api/admin/products."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.catalogue.test_bulk_update import bulk, counts
from tests.catalogue.test_changes import audited, told
from tests.catalogue.test_keeping_the_shop import PRODUCTS, staff, wanted
from tests.client import Client
from tests.factories.catalogue import keeper, make_product, make_products, new_product
from tests.factories.pictures import data_url, picture
from tests.tenant import Tenant

BROKEN = "data:image/png;base64,AAAA"
IMAGES = "SELECT count(*) FROM image WHERE reserved_until IS NULL"


def test_a_picture_and_the_rest_change_together(tenant: Tenant, api: Client) -> None:
    made = make_product(tenant, sku="A")
    reply = keeper(tenant).put("/api/v1/products/A", {"name": "Gloves", "image_url": data_url(picture())})
    product = reply.json["product"]
    assert (reply.status, product["name"]) == (200, "Gloves")
    shown = api.get(f"/api/products/{made.product_id}").json
    assert shown["image_url"] == product["image_url"]
    assert api.get(urlsplit(product["image_url"]).path).status == 200
    assert api.get(f"/api/products/{made.product_id}/thumbnail").headers["Content-Type"] == "image/jpeg"
    (entry,) = audited(tenant)
    assert (entry["before"]["image_url"], entry["after"]["name"]) == (None, "Gloves")
    assert len(told(tenant)) == 1


def test_the_same_picture_again_changes_nothing(tenant: Tenant) -> None:
    make_product(tenant, sku="A")
    ours, sent = keeper(tenant), {"image_url": data_url(picture())}
    first = ours.put("/api/v1/products/A", sent).json["product"]
    assert ours.put("/api/v1/products/A", sent).json["product"] == first
    assert ours.put("/api/v1/products/A", {"image_url": first["image_url"]}).json["product"] == first
    assert [len(audited(tenant)), len(told(tenant))] == [1, 1]
    assert ours.put("/api/v1/products/A", {"image_url": None}).json["product"]["image_url"] is None
    assert tenant.value(IMAGES) == 0


@pytest.mark.parametrize(
    "text", [BROKEN, "https://example.com/a.png", "/api/images/" + "x" * 43 + ".jpg", "data:text/html;base64,AAAA", "x"]
)
def test_what_is_no_picture_changes_nothing(tenant: Tenant, text: str) -> None:
    make_product(tenant, sku="A", name="Old")
    ours = keeper(tenant)
    reply = ours.put("/api/v1/products/A", {"name": "New", "image_url": text})
    assert (reply.status, [detail["loc"] for detail in reply.json["details"]]) == (422, [["image_url"]])
    reply = staff(tenant).post(PRODUCTS, wanted(tenant, image_url=text))
    assert (reply.status, [detail["loc"] for detail in reply.json["details"]]) == (400, [["image_url"]])
    assert ours.get("/api/v1/products/A").json["product"]["name"] == "Old"
    assert tenant.value("SELECT count(*) FROM product") == 1


def test_nothing_is_stored_for_a_product_that_is_not_there(tenant: Tenant) -> None:
    make_product(tenant, sku="G-1")
    sent = data_url(picture())
    assert keeper(tenant).put("/api/v1/products/NOPE", {"image_url": sent}).status == 404
    assert staff(tenant).post(PRODUCTS, wanted(tenant, image_url=sent)).status == 409
    assert tenant.value("SELECT count(*) FROM image") == 0


def test_a_new_product_with_its_picture(tenant: Tenant, api: Client) -> None:
    reply = staff(tenant).post(PRODUCTS, wanted(tenant, image_url=data_url(picture())))
    assert (reply.status, reply.json["image_url"].endswith(".jpg")) == (200, True)
    assert api.get(f"/api/products/{reply.json['id']}").json == reply.json
    assert api.get(f"/api/products/{reply.json['id']}/thumbnail").status == 200


def test_pictures_in_a_bulk(tenant: Tenant) -> None:
    make_products(tenant, *(new_product(sku=f"S-{n}") for n in range(4)))
    red, wide = data_url(picture()), data_url(picture(200, 20))
    entries: list[dict[str, Any]] = [
        {"sku": "S-0", "image_url": red},
        {"sku": "S-1", "image_url": BROKEN},
        {"sku": "S-2", "image_url": wide, "brand": "Harrow"},
        {"sku": "S-3", "brand": "Harrow"},
        {"sku": "S-0", "image_url": wide},
        {"sku": "NOPE", "image_url": wide},
    ]
    reply = bulk(tenant, *entries)
    assert (reply.status, counts(reply), reply.statements <= 14) == (200, (4, 1, 1), True)
    assert [each["changed"] for each in reply.json["updated"]] == [
        ["image_url"],
        ["brand", "image_url"],
        ["brand"],
        ["image_url"],
    ]
    assert [(each["index"], each["details"][0]["loc"]) for each in reply.json["errors"]] == [(1, ["image_url"])]
    again = bulk(tenant, *entries[1:])
    assert counts(again) == (0, 4, 1)
    assert [each["reason"] for each in again.json["skipped"]] == ["unchanged"] * 3 + ["not_found"]
    assert (tenant.value(IMAGES), len(audited(tenant))) == (2, 3)


def test_more_pictures_than_twenty_are_errors_of_their_own(tenant: Tenant) -> None:
    make_products(tenant, *(new_product(sku=f"S-{n}") for n in range(22)))
    small = data_url(picture(4, 4))
    reply = bulk(tenant, *({"sku": f"S-{n}", "image_url": small} for n in range(22)))
    assert counts(reply) == (20, 0, 2)
