"""What may stand in an `image_url`: data URLs, which become images of ours, and addresses of images of ours. Nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.catalogue import images
from chalicelib.catalogue.images import Given, Stored, service
from chalicelib.kernel import deadline
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Invalid, Unavailable
from chalicelib.kernel.images import BadImage
from chalicelib.kernel.settings import settings
from chalicelib.kernel.uow import UnitOfWork
from tests.factories import pictures
from tests.factories.catalogue import make_product
from tests.factories.pictures import data_url, picture
from tests.tenant import Tenant

ROWS = "SELECT count(*) FROM image"


def settle(tenant: Tenant, texts: Sequence[str | None], *product_ids: int) -> tuple[list[Given], list[int]]:
    """What came of the fields, attached to these products where it is an image or None; statements of each transaction."""
    counts: list[int] = []

    def then(uow: UnitOfWork, given: list[Given]) -> list[Given]:
        wanted = {n: g for n, g in zip(product_ids, given, strict=False) if not isinstance(g, BadImage)}
        if wanted:
            images.attach(uow, wanted)
        return given

    with tenant.uow() as uow:
        step: Any = images.from_fields(uow, texts, then)
        counts.append(uow.statements)
    if isinstance(step, Outside):
        result = step.do()
        with tenant.uow() as uow:
            step = step.then(uow, result)
            counts.append(uow.statements)
    given: list[Given] = step
    return given, counts


def addresses(tenant: Tenant) -> list[str | None]:
    return [row["image_url"] for row in tenant.rows("SELECT image_url FROM product ORDER BY id")]


def test_a_data_url_becomes_an_image(tenant: Tenant) -> None:
    made = make_product(tenant)
    [image], counts = settle(tenant, [data_url(picture(3000, 30))], made.product_id)
    assert isinstance(image, Stored)
    assert image.picture is not None
    assert (image.picture.width, image.picture.height, counts) == (2000, 20, [3, 5])
    assert addresses(tenant) == [f"/api/images/{image.name}.jpg"]
    assert tenant.value("SELECT count(*) FROM product WHERE length(image_url) > 100") == 0, "no picture in a table"


def test_the_address_that_was_shown_may_be_sent_back(tenant: Tenant) -> None:
    made = make_product(tenant)
    settle(tenant, [data_url(picture())], made.product_id)
    [address] = addresses(tenant)
    shown = images.shown_url(address)
    assert shown == f"{settings().public_url}{address}"
    for text in (shown, address):
        [image], counts = settle(tenant, [text], made.product_id)
        assert isinstance(image, Stored)
        assert counts == [6]
    assert (addresses(tenant), tenant.value(ROWS)) == ([address], 1)


def test_an_image_of_two_products_goes_with_the_last(tenant: Tenant) -> None:
    one, two, three = (make_product(tenant).product_id for _ in range(3))
    settle(tenant, [data_url(picture())], one)
    [address, *_] = addresses(tenant)
    settle(tenant, [address, address], two, three)
    assert addresses(tenant) == [address] * 3
    settle(tenant, [None, data_url(picture(99, 9))], one, two)
    assert addresses(tenant)[0] is None
    assert (addresses(tenant)[2], tenant.value(ROWS)) == (address, 2)
    settle(tenant, [None, None], two, three)
    assert (addresses(tenant), tenant.value(ROWS)) == ([None] * 3, 0)
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'catalogue.remove_image'") == 2


def test_images_that_change_places_in_one_request_stay(tenant: Tenant) -> None:
    one, two = (make_product(tenant).product_id for _ in range(2))
    settle(tenant, [data_url(picture(10, 20)), data_url(picture(20, 10))], one, two)
    first, second = addresses(tenant)
    settle(tenant, [second, first], one, two)
    assert (addresses(tenant), tenant.value(ROWS)) == ([second, first], 2)


OTHERS = [
    "",
    "x",
    "https://images.example.com/mug.jpg",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//evil.example/api/images/" + "a" * 43 + ".jpg",
    "http://127.0.0.1:8080.evil.example/api/images/" + "a" * 43 + ".jpg",
    "http://evil.example/?http://127.0.0.1:8080/api/images/" + "a" * 43 + ".jpg",
    "/api/images/../products/1",
    "/api/images/" + "a" * 43 + ".jpg?x=1",
    "/api/images/" + "a" * 43 + ".jpg\n",
    "/api/images/" + "ä" * 43 + ".jpg",
    "/api/images/" + "a" * 43 + ".jpg",
]


@pytest.mark.parametrize("text", OTHERS)
def test_other_addresses_are_refused(text: str, tenant: Tenant) -> None:
    made = make_product(tenant)
    [image], _ = settle(tenant, [text], made.product_id)
    assert isinstance(image, BadImage)
    assert (addresses(tenant), tenant.value(ROWS)) == ([None], 0)


def test_an_image_of_another_organization_is_none(tenant: Tenant, other_tenant: Tenant) -> None:
    settle(other_tenant, [data_url(picture())], make_product(other_tenant).product_id)
    [theirs] = addresses(other_tenant)
    [image], _ = settle(tenant, [theirs], make_product(tenant).product_id)
    assert isinstance(image, BadImage)
    assert image.message == "There is no such image"


def test_one_wrong_field_does_not_stop_the_others(tenant: Tenant) -> None:
    products = [make_product(tenant).product_id for _ in range(5)]
    good, broken = data_url(picture()), data_url(picture()[:50])
    given, counts = settle(tenant, [good, broken, None, "https://example.com/x.png", data_url(b"<svg/>")], *products)
    assert [type(each).__name__ for each in given] == ["Stored", "BadImage", "NoneType", "BadImage", "BadImage"]
    assert counts == [3, 5]
    assert [address is not None for address in addresses(tenant)] == [True, False, False, False, False]


def test_statements_do_not_grow_with_the_images(tenant: Tenant) -> None:
    products = [make_product(tenant).product_id for _ in range(120)]
    sent = [data_url(picture(10 + n, 10)) for n in range(20)]
    given, counts = settle(tenant, sent, *products[:20])
    assert counts == [3, 5]
    assert len({image.name for image in given if isinstance(image, Stored)}) == 20
    known = addresses(tenant)[:20]
    _, counts = settle(tenant, known * 6, *products)
    assert counts == [6]
    assert addresses(tenant) == known * 6


def test_more_than_twenty_pictures_in_one_request(tenant: Tenant) -> None:
    given, _ = settle(tenant, [data_url(picture(10, 10))] * 22)
    assert [isinstance(each, Stored) for each in given] == [True] * 20 + [False] * 2
    assert isinstance(given[21], BadImage)
    assert "At most 20" in given[21].message


def test_pictures_for_which_there_is_no_time(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is worth another try; later ones are to be sent in another request."""
    with tenant.uow() as uow:
        step = images.from_fields(uow, [data_url(picture())] * 2, lambda _uow, given: given)
    assert isinstance(step, Outside)
    with deadline.within(1), pytest.raises(Unavailable):
        step.do()
    left = iter([100.0] * 4)
    monkeypatch.setattr(deadline, "remaining_s", lambda: next(left, 0.0))
    first, second = step.do()
    assert isinstance(first, Stored)
    assert isinstance(second, BadImage)
    assert "no time" in second.message


def test_one_field_is_invalid_where_it_stands(tenant: Tenant) -> None:
    def then(_uow: UnitOfWork, image: Stored | None) -> Stored | None:
        return image

    with tenant.uow() as uow, pytest.raises(Invalid) as refused:
        images.from_field(uow, "https://example.com/x.png", then, loc=("products", 3, "image_url"))
    [detail] = refused.value.details
    assert (detail["type"], detail["loc"]) == ("bad_image", ["products", 3, "image_url"])
    with tenant.uow() as uow:
        assert images.from_field(uow, None, then) is None


def test_what_callers_see_of_addresses_of_before(tenant: Tenant) -> None:
    assert service.shown_url(None) is None
    assert service.shown_url("https://img.example.test/1.webp") == "https://img.example.test/1.webp"
    assert pictures.data_url(b"x").startswith("data:image/png;base64,")
