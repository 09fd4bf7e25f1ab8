"""POST /api/save-me-money: kept, told to the organization and to nobody else, whatever is written into the form."""

from io import BytesIO
from itertools import count
from typing import Any

import boto3
import pytest
from urllib3 import encode_multipart_formdata

from chalicelib.kernel.settings import settings
from chalicelib.messaging.savings import rules
from infra.local.postgres import Cluster
from tests.client import Client, Reply
from tests.factories.identity import make_staff
from tests.outages import away
from tests.providers import Providers
from tests.tenant import Tenant, create_tenant

OFFICE = "office@distributor.example"
FORM = {
    "name": "Ana Reyes",
    "restaurant_name": "Blue Door",
    "address": "12 Harbor Street",
    "city": "Chicago",
    "state": "IL",
    "phone": "(312) 555-0142",
    "email": "ana@bluedoor.example",
}
_numbers = count(1)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF"


@pytest.fixture
def tenant(database: Cluster, aws: None) -> Tenant:
    """An organization with an address."""
    return create_tenant(database.owner_url(), f"savings{next(_numbers)}", email=OFFICE)


def send_in(client: Client, *, file: tuple[str, bytes, str] | None = None, **changed: Any) -> Reply:
    fields = {**FORM, **changed, **({"invoice": file} if file else {})}
    body, media = encode_multipart_formdata({name: value for name, value in fields.items() if value is not None})
    return client.post("/api/save-me-money", body, content_type=media)


def picture(kind: str = "PNG") -> bytes:
    from PIL import Image

    content = BytesIO()
    Image.new("RGB", (40, 30), "white").save(content, kind)
    return content.getvalue()


def mails(tenant: Tenant, providers: Providers) -> list[dict[str, Any]]:
    tenant.work_off()
    return providers.inbox("mail")


def rows(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.rows("SELECT * FROM savings_request ORDER BY id")


def stored(key: str) -> tuple[bytes, str]:
    found = boto3.client("s3").get_object(Bucket=settings().bucket_name, Key=key)
    return found["Body"].read(), found["ContentType"]


def test_a_form_is_kept_and_told(tenant: Tenant, api: Client, providers: Providers) -> None:
    reply = send_in(api)
    assert (reply.status, reply.json["success"], reply.statements) == (200, True, 6)
    row = rows(tenant)[0]
    assert (row["street_address"], row["phone"], row["address"]) == ("12 Harbor Street", "+13125550142", api.address)
    assert (row["invoice_key"], row["rd_customer_number"]) == (None, None)
    (mail,) = mails(tenant, providers)
    assert (mail["recipients"], mail["subject"]) == ([OFFICE], "Save me money: Blue Door, Chicago")
    assert "ana@bluedoor.example" in mail["text"]
    assert "/invoice" not in mail["text"]


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("invoice.pdf", PDF, "application/pdf"),
        ("anything.exe", PDF, "application/pdf"),
        ("photo.png", b"PNG", "image/jpeg"),
        ("photo.webp", b"WEBP", "image/jpeg"),
        ("../../etc/passwd", b"JPEG", "image/jpeg"),
    ],
)
def test_an_invoice_is_stored_where_staff_alone_sees_it(
    name: str, content: bytes, media_type: str, tenant: Tenant, api: Client, providers: Providers
) -> None:
    sent = content if content is PDF else picture(content.decode())
    assert send_in(api, file=(name, sent, "text/html")).status == 200
    row = rows(tenant)[0]
    assert row["invoice_key"].startswith("savings/")
    assert len(row["invoice_key"]) > 40
    kept, kept_type = stored(row["invoice_key"])
    assert (kept_type, row["invoice_media_type"]) == (media_type, media_type)
    assert kept == PDF if media_type == rules.PDF else kept.startswith(b"\xff\xd8\xff")
    path = f"/api/staff/savings-requests/{row['id']}/invoice"
    (mail,) = mails(tenant, providers)
    assert f"https://shop.example.test{path}" in mail["text"]
    assert "X-Amz-Signature" not in mail["text"]
    assert api.get(path).status == 401
    opened = make_staff(tenant).client("commerce").get(path)
    assert opened.status == 302
    assert row["invoice_key"] in opened.headers["Location"]
    assert "X-Amz-Expires=300" in opened.headers["Location"]


def test_other_organizations_see_no_invoice(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    send_in(api, file=("a.pdf", PDF, "application/pdf"))
    path = f"/api/staff/savings-requests/{rows(tenant)[0]['id']}/invoice"
    assert make_staff(other_tenant).client("commerce").get(path).status == 404


@pytest.mark.parametrize(
    ("_case", "content"),
    [
        ("a page", b"<html><script>alert(1)</script>"),
        ("a drawing with scripts", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a program", b"MZ\x90\x00" + b"\0" * 100),
        ("a PDF later on", b"GIF87a" + b"\0" * 20 + PDF),
        ("a picture that is cut off", b"\x89PNG\r\n\x1a\n\0\0"),
        ("empty with a name", b""),
        ("too large", PDF + b"\0" * rules.FILE_BYTES_MAX),
    ],
)
def test_files_that_are_not_taken(
    _case: str, content: bytes, tenant: Tenant, api: Client, providers: Providers
) -> None:
    reply = send_in(api, file=("invoice.pdf", content, "application/pdf"))
    assert (reply.status, "PDF or a picture" in reply.json["error"]) == (400, True)
    assert (rows(tenant), mails(tenant, providers)) == ([], [])


def test_a_file_field_that_nobody_filled_in_is_no_file(tenant: Tenant, api: Client) -> None:
    assert send_in(api, file=("", b"", "application/octet-stream")).status == 200
    assert rows(tenant)[0]["invoice_key"] is None


@pytest.mark.parametrize(
    ("_case", "changed"),
    [
        ("header in the name", {"name": "Ana\r\nBcc: everybody@example.com"}),
        ("header in the restaurant", {"restaurant_name": "Blue Door\nSubject: You have won"}),
        ("header in the address", {"email": "ana@example.com\r\nBcc: x@example.com"}),
        ("two addresses", {"email": "ana@example.com, ben@example.com"}),
        ("a name and an address", {"email": "Ana <ana@example.com>"}),
        ("NUL", {"city": "Chi\0cago"}),
        ("no number", {"phone": "tomorrow"}),
        ("nothing", {"name": ""}),
        ("missing", {"state": None}),
        ("more", {"to": "victim@example.com"}),
        ("too long", {"restaurant_name": "x" * 256}),
        ("a file for a text", {"name": ("a.txt", b"Ana", "text/plain")}),
        ("a text for a file", {"invoice": "%PDF-1.7"}),
    ],
)
def test_forms_that_are_not_taken(
    _case: str, changed: dict[str, Any], tenant: Tenant, api: Client, providers: Providers
) -> None:
    assert send_in(api, **changed).status == 400
    assert (rows(tenant), mails(tenant, providers)) == ([], [])


def test_what_strangers_write_is_text_in_the_mail(tenant: Tenant, api: Client, providers: Providers) -> None:
    send_in(api, name="<b>Ana</b>", restaurant_name="{{ 7 * 7 }} <img src=x onerror=alert(1)>", city="=HYPERLINK(1)")
    (mail,) = mails(tenant, providers)
    assert (mail["recipients"], mail["html"].count("<img"), mail["html"].count("<b>")) == ([OFFICE], 0, 0)
    assert "{{ 7 * 7 }}" in mail["text"]
    assert "&lt;img src=x" in mail["html"]


def test_an_organization_without_an_address_keeps_the_form(other_tenant: Tenant, providers: Providers) -> None:
    assert send_in(Client(other_tenant.host)).status == 200
    assert len(rows(other_tenant)) == 1
    assert mails(other_tenant, providers) == []


def test_a_store_that_is_away_keeps_nobody_waiting(tenant: Tenant, api: Client, providers: Providers) -> None:
    with away("s3", "refused"):
        assert send_in(api, file=("a.pdf", PDF, "application/pdf")).status == 503
    assert [row["stored_at"] for row in rows(tenant)] == [None]
    assert mails(tenant, providers) == []
    providers.recover()
    assert send_in(api, file=("a.pdf", PDF, "application/pdf")).status == 200
    assert len(mails(tenant, providers)) == 1
    unfinished = rows(tenant)[0]["id"]
    assert make_staff(tenant).client("commerce").get(f"/api/staff/savings-requests/{unfinished}/invoice").status == 404


def test_an_address_sends_in_so_often(tenant: Tenant, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    statuses = [send_in(api).status for _ in range(8)]
    monkeypatch.undo()
    settings.cache_clear()
    assert statuses == [200] * 6 + [429] * 2


def test_a_mail_is_one_mail(tenant: Tenant, api: Client, providers: Providers) -> None:
    """As it went over the wire: one recipient, one subject, no header that a form could have brought along."""
    send_in(api, restaurant_name="Blue Door =?utf-8?b?QmNjOiB4?=", name="Ana: Bcc")
    (mail,) = mails(tenant, providers)
    assert mail["recipients"] == [OFFICE]
    assert {name.lower() for name in mail["headers"]} == {
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
    }
