"""Images of products: uploaded by integrators, shown to everybody, gone when nobody shows them."""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from chalicelib import identity
from chalicelib.adapters import objects
from chalicelib.catalogue.images import ImageGone, rules, uploads
from chalicelib.kernel import schedules
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.settings import settings
from tests.circuits import close_all
from tests.client import Client, Reply
from tests.factories import pictures
from tests.factories.catalogue import begin_upload, integrator, make_product, upload_image
from tests.factories.identity import make_staff
from tests.factories.pictures import picture
from tests.outages import How, away
from tests.tenant import Clock, Tenant
from tests.threads import together

WRITE: identity.Scope = "catalogue:write"


def path_of(url: str) -> str:
    """The path of an address that must be ours."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == settings().public_url
    return parts.path


def name_of(url: str) -> str:
    return path_of(url).removeprefix("/api/images/").removesuffix(".jpg")


def kept(name: str) -> list[str]:
    """Which of the objects of an image are there."""
    found = []
    for key in (rules.key_of(name), rules.thumbnail_key_of(name), rules.upload_key_of(name)):
        try:
            objects.get(key)
            found.append(key)
        except objects.NoSuchObject:
            pass
    return found


def image_rows(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.rows("SELECT name, sha256, width, height, size_bytes, reserved_until FROM image ORDER BY id")


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


# Uploaded as a form.


def test_a_picture_becomes_the_products_image(tenant: Tenant, api: Client) -> None:
    made = make_product(tenant, sku="MUG-1")
    reply = upload_image(integrator(tenant, WRITE), "mug-1", picture(3000, 1500, file_format="WEBP"))
    assert (reply.status, reply.statements) == (200, 13)
    body = reply.json
    assert body.keys() == {"success", "image_url", "product", "error"}
    assert (body["success"], body["error"], body["product"]["id"]) == (True, None, made.product_id)
    assert body["product"]["image_url"] == body["image_url"]
    assert api.get(f"/api/products/{made.product_id}").json["image_url"] == body["image_url"]
    assert tenant.value("SELECT image_url FROM product") == path_of(body["image_url"]), "no host is stored"

    shown = api.get(path_of(body["image_url"]))
    assert (shown.status, shown.headers["Content-Type"], shown.statements) == (200, "image/jpeg", 3)
    image = pictures.opened(shown.body)
    assert (image.format, image.size) == ("JPEG", (2000, 1000))
    assert pictures.corners(shown.body) == ["red", "green", "blue", "white"]
    [row] = image_rows(tenant)
    assert (row["width"], row["height"], row["size_bytes"], row["reserved_until"]) == (
        2000,
        1000,
        len(shown.body),
        None,
    )
    assert tenant.rows("SELECT product_id, position FROM product_image") == [
        {"product_id": made.product_id, "position": 0}
    ]


def test_another_picture_takes_its_place_and_the_old_one_goes_after_the_commit(tenant: Tenant, api: Client) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    first = name_of(upload_image(client, made.product_id, picture(50, 50)).json["image_url"])
    second = name_of(upload_image(client, made.product_id, picture(60, 60)).json["image_url"])
    assert (len(kept(first)), len(kept(second))) == (2, 2)
    tenant.work_off()
    assert (len(kept(first)), len(kept(second))) == (0, 2)
    assert [row["name"] for row in image_rows(tenant)] == [second]
    assert (api.get(f"/api/images/{first}.jpg").status, api.get(f"/api/images/{second}.jpg").status) == (404, 200)


def test_the_same_picture_again_changes_nothing(tenant: Tenant) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    first = upload_image(client, made.product_id, picture(50, 50)).json
    changes = tenant.value("SELECT count(*) FROM audit_entry")
    again = upload_image(client, made.product_id, picture(50, 50))
    assert (again.status, again.json) == (200, first)
    assert tenant.value("SELECT count(*) FROM audit_entry") == changes


def test_the_change_is_audited_and_told(tenant: Tenant) -> None:
    made = make_product(tenant)
    upload_image(integrator(tenant, WRITE), made.product_id, picture())
    address = tenant.value("SELECT image_url FROM product")
    [entry] = tenant.rows("SELECT before, after FROM audit_entry WHERE action = 'update' AND entity = 'product'")
    assert entry == {"before": {"image_url": None}, "after": {"image_url": address}}
    assert tenant.value("SELECT count(*) FROM fact WHERE type = 'item.updated'") == 1


def test_a_key_sent_again_uploads_once(tenant: Tenant) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    once, again = (upload_image(client, made.product_id, picture(), idempotency_key="one") for _ in range(2))
    assert (once.status, again.status, again.headers["Idempotent-Replay"]) == (200, 200, "true")
    assert (again.json, len(image_rows(tenant))) == (once.json, 1)


@pytest.mark.parametrize(
    ("_case", "content", "says"),
    [
        ("no picture", b"<svg onload='steal()'/>", "no image"),
        ("half a picture", picture(300, 300)[:200], "damaged or incomplete"),
        ("a bomb", pictures.png_bomb(19_000, 19_000), "million pixels"),
        ("nothing", b"", "no image"),
    ],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(
    _case: str, content: bytes, says: str, tenant: Tenant, clock: Clock
) -> None:
    made = make_product(tenant)
    reply = upload_image(integrator(tenant, WRITE), made.product_id, content)
    assert refused(reply) == (400, "bad_image")
    assert says in reply.json["error"]
    assert tenant.value("SELECT image_url FROM product") is None
    assert [row["sha256"] for row in image_rows(tenant)] == [None]
    clock.advance(seconds=rules.RESERVED_FOR.total_seconds() + 60)
    schedules.purge_expired({}, None)
    assert image_rows(tenant) == []


def test_forms_without_a_picture(tenant: Tenant) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    path = f"/api/v1/products/{made.product_id}/image"
    boundary = "multipart/form-data; boundary=x"
    text = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nwords\r\n--x--\r\n'
    assert client.post(path, text, content_type=boundary).status == 422
    assert client.post(path, b"--x--\r\n", content_type=boundary).status == 422
    assert client.post(path, {"image": "x"}).status == 415
    assert upload_image(client, made.product_id, bytes(rules.FORM_BYTES_MAX)).status == 413
    assert upload_image(client, "NOBODY", picture()).status == 404
    assert image_rows(tenant) == []


def test_who_may_upload(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    made = make_product(tenant)
    assert upload_image(api, made.product_id, picture()).status == 401
    assert upload_image(integrator(tenant, "inventory:write"), made.product_id, picture()).status == 403
    assert upload_image(integrator(other_tenant, WRITE), made.product_id, picture()).status == 404
    assert image_rows(tenant) == image_rows(other_tenant) == []


# The thumbnail.


def test_the_thumbnail(tenant: Tenant, api: Client) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    path = f"/api/products/{made.product_id}/thumbnail"
    missing = api.get(path)
    assert (missing.status, missing.json) == (404, {"error": "This product has no image"})
    upload_image(client, made.product_id, picture(1000, 2000))
    reply = api.get(path)
    assert (reply.status, reply.headers["Content-Type"], reply.statements) == (200, "image/jpeg", 4)
    assert Image.open(BytesIO(reply.body)).size == (160, 320)
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"

    etag = reply.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = api.get(path, if_none_match=known)
        assert (same.status, same.body, same.headers["ETag"], same.statements) == (304, b"", etag, 4)
    upload_image(client, made.product_id, picture(500, 500))
    changed = api.get(path, if_none_match=etag)
    assert (changed.status, changed.headers["ETag"] != etag) == (200, True)


def test_no_thumbnail_of_what_is_not_sold_or_not_ours(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    made = make_product(tenant)
    upload_image(integrator(tenant, WRITE), made.product_id, picture())
    path = f"/api/products/{made.product_id}/thumbnail"
    assert (api.get(path).status, Client(other_tenant.host).get(path).status) == (200, 404)
    tenant.rows("UPDATE product SET is_active = false RETURNING id")
    assert api.get(path).status == 404
    elsewhere = make_product(tenant, image_url="http://169.254.169.254/latest/meta-data/")
    assert api.get(f"/api/products/{elsewhere.product_id}/thumbnail").status == 404, "no address is ever fetched"


@pytest.mark.parametrize(
    "name",
    [
        "x.jpg",
        f"{'a' * 43}.png",
        f"..%2F..%2F{'a' * 37}.jpg",
        f"{'a' * 43}.jpg%0A",
        f"{'ä' * 43}.jpg",
        f"{'a' * 43}.jpg",
    ],
)
def test_names_of_no_image(name: str, api: Client) -> None:
    assert api.get(f"/api/images/{name}").status == 404


def test_an_image_is_cached_for_ever(tenant: Tenant, api: Client) -> None:
    made = make_product(tenant)
    path = path_of(upload_image(integrator(tenant, WRITE), made.product_id, picture()).json["image_url"])
    reply = api.get(path)
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert api.get(path, if_none_match=reply.headers["ETag"]).status == 304


@pytest.mark.parametrize("how", ["refused", "error"])
def test_a_store_that_is_away_is_no_surprise(how: How, tenant: Tenant, api: Client) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    path = path_of(upload_image(client, made.product_id, picture()).json["image_url"])
    with away("s3", how):
        assert api.get(path).status == 503
        assert upload_image(client, made.product_id, picture(70, 70)).status == 503
    close_all()
    assert (api.get(path).status, tenant.value("SELECT image_url FROM product")) == (200, path)


# Uploaded straight into the store.


def test_a_large_file_goes_by_a_link(tenant: Tenant, api: Client) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    content = picture(400, 300) + bytes(6_000_000)
    begun = begin_upload(client, made.product_id, size_bytes=len(content))
    assert (begun.status, begun.statements) == (201, 5)
    link = begun.json
    assert link["headers"] == {"Content-Type": "image/png", "Content-Length": str(len(content))}
    query = parse_qs(urlsplit(link["url"]).query)
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"], "size and type are signed"
    [row] = image_rows(tenant)
    assert urlsplit(link["url"]).path.endswith(f"/uploads/{row['name']}")

    finish = f"/api/v1/products/{made.product_id}/image/uploads/{link['upload_id']}"
    early = client.post(finish)
    assert refused(early) == (409, "nothing_uploaded")
    objects.put(rules.upload_key_of(row["name"]), content, media_type="image/png")  # as the link would
    done = client.post(finish)
    assert (done.status, done.statements) == (200, 13)
    assert pictures.opened(api.get(path_of(done.json["image_url"])).body).size == (400, 300)
    assert client.post(finish).json == done.json
    tenant.work_off()
    assert kept(row["name"]) == [rules.key_of(row["name"]), rules.thumbnail_key_of(row["name"])]
    assert client.post(finish).json == done.json, "may be repeated when the upload is gone"


def test_an_upload_that_is_no_picture_or_too_large(tenant: Tenant) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    link = begin_upload(client, made.product_id, size_bytes=len(b"x")).json
    [row] = image_rows(tenant)
    finish = f"/api/v1/products/{made.product_id}/image/uploads/{link['upload_id']}"
    for content in (b"<html>", bytes(rules.UPLOAD_BYTES_MAX + 1)):
        objects.put(rules.upload_key_of(row["name"]), content, media_type="image/png")
        assert refused(client.post(finish)) == (400, "bad_image")
    objects.put(rules.upload_key_of(row["name"]), picture(), media_type="image/png")
    assert client.post(finish).status == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"size_bytes": 0, "media_type": "image/png"},
        {"size_bytes": rules.UPLOAD_BYTES_MAX + 1, "media_type": "image/png"},
        {"size_bytes": "9", "media_type": "image/png"},
        {"size_bytes": 9, "media_type": "image/svg+xml"},
        {"size_bytes": 9},
    ],
)
def test_uploads_have_bounds(wanted: dict[str, Any], tenant: Tenant) -> None:
    made = make_product(tenant)
    reply = integrator(tenant, WRITE).post(f"/api/v1/products/{made.product_id}/image/uploads", wanted)
    assert (reply.status, image_rows(tenant)) == (422, [])


def test_an_upload_ends(tenant: Tenant, other_tenant: Tenant, clock: Clock) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)
    link = begin_upload(client, made.product_id, size_bytes=len(picture())).json
    finish = f"/api/v1/products/{made.product_id}/image/uploads/{link['upload_id']}"
    theirs = make_product(other_tenant)
    of_theirs = f"/api/v1/products/{theirs.product_id}/image/uploads/{link['upload_id']}"
    assert integrator(other_tenant, WRITE).post(of_theirs).status == 404
    [row] = image_rows(tenant)
    objects.put(rules.upload_key_of(row["name"]), picture(), media_type="image/png")
    schedules.purge_expired({}, None)
    assert len(image_rows(tenant)) == 1
    clock.advance(seconds=rules.RESERVED_FOR.total_seconds() + 60)
    assert client.post(finish).status == 404
    schedules.purge_expired({}, None)
    tenant.work_off()
    assert (image_rows(tenant), kept(row["name"])) == ([], [])


# Many at once, and what a crash leaves.


def test_fifty_uploads_at_once_leave_one_image(tenant: Tenant) -> None:
    made, client = make_product(tenant), integrator(tenant, WRITE)

    def upload(number: int) -> Reply:
        return upload_image(client, made.product_id, picture(40 + number, 40))

    replies = together(50, upload)
    assert {reply.status for reply in replies} == {200}
    tenant.work_off(rounds=20)
    [row] = image_rows(tenant)
    assert tenant.value("SELECT image_url FROM product") == rules.path_of(row["name"])
    assert tenant.value("SELECT count(*) FROM product_image") == 1
    names = {name_of(reply.json["image_url"]) for reply in replies}
    assert len(names) == 50
    assert {name: len(kept(name)) for name in names if kept(name)} == {row["name"]: 2}


def test_an_image_that_goes_between_two_transactions_is_no_surprise(tenant: Tenant) -> None:
    """An upload is finished twice at once, and another picture takes its place in between."""
    made, client = make_product(tenant), integrator(tenant, WRITE)
    link = begin_upload(client, made.product_id, size_bytes=len(picture())).json
    [row] = image_rows(tenant)
    objects.put(rules.upload_key_of(row["name"]), picture(), media_type="image/png")
    with tenant.uow() as uow:
        step = uploads.finish(uow, str(made.product_id), link["upload_id"])
    assert isinstance(step, Outside)
    result = step.do()
    assert client.post(f"/api/v1/products/{made.product_id}/image/uploads/{link['upload_id']}").status == 200
    last = upload_image(client, made.product_id, picture(33, 33)).json["image_url"]
    with pytest.raises(ImageGone), tenant.uow() as uow:
        step.then(uow, result)
    assert tenant.value("SELECT image_url FROM product") == path_of(last)


def test_what_was_stored_before_a_crash_is_found_and_removed(tenant: Tenant, clock: Clock) -> None:
    made = make_product(tenant)
    with tenant.uow() as uow:
        step = uploads.replace(uow, str(made.product_id), picture())
    step.do()  # and then the process is gone
    [row] = image_rows(tenant)
    assert len(kept(row["name"])) == 2
    clock.advance(seconds=rules.RESERVED_FOR.total_seconds() + 60)
    schedules.purge_expired({}, None)
    tenant.work_off()
    assert (image_rows(tenant), kept(row["name"])) == ([], [])


def test_a_deleted_items_image_goes_with_it(tenant: Tenant) -> None:
    made = make_product(tenant)
    name = name_of(upload_image(integrator(tenant, WRITE), made.product_id, picture()).json["image_url"])
    admin = make_staff(tenant, wms_role="ADMIN").client()
    assert admin.delete(f"/api/admin/items/{made.variant_id}").status == 200
    tenant.work_off()
    assert (image_rows(tenant), kept(name)) == ([], [])
