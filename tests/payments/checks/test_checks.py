"""Paper checks: uploaded, looked at, approved, rejected, bounced."""

from typing import Any

import pytest

from chalicelib import orders, payments
from chalicelib.kernel import schedules, sealing
from chalicelib.payments.checks.rules import is_routing_number
from tests.client import Client
from tests.factories.checks import ROUTING, make_check_order, upload
from tests.factories.credit import balance_of, give_credit
from tests.factories.customers import make_customer
from tests.factories.identity import make_staff
from tests.factories.orders import make_order
from tests.factories.pictures import corners, opened, picture
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Clock, Tenant
from tests.threads import together

pytestmark = pytest.mark.usefixtures("aws")


def keys(tenant: Tenant) -> list[str]:
    """Objects of checks in the store."""
    from chalicelib.adapters import objects
    from chalicelib.kernel.settings import settings

    found = objects.client().list_objects_v2(Bucket=settings().bucket_name, Prefix=f"checks/{tenant.id}/")
    return sorted(each["Key"] for each in found.get("Contents", []))


def test_an_uploaded_check_waits_and_keeps_the_stock(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    reply = check.upload()
    assert (reply.status, reply.json["success"]) == (200, True), reply.json
    assert (check.order.state(), check.payments(), check.hold_expires_at()) == (
        ("pending", "processing"),
        ["processing"],
        None,
    )
    names = [reply.json["back_filename"], reply.json["front_filename"]]
    assert [key.rpartition("/")[2] for key in keys(tenant)] == names
    assert check.order.entries() == []
    assert reply.statements <= 25  # three transactions


def test_staff_see_both_sides_drawn_anew_and_nobody_else_does(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload(check_front=picture(4000, 2000, exif=b"Exif\0\0 Ana's kitchen"))
    path = f"/api/staff/checks/{check.order.number}"
    front, back = check.staff.get(path), check.staff.get(f"{path}/back")
    assert [(r.status, r.headers["Content-Type"], r.headers["Cache-Control"]) for r in (front, back)] == [
        (200, "image/jpeg", "no-store")
    ] * 2
    assert opened(front.body).size == (2000, 1000)
    assert corners(front.body) == corners(back.body) == ["red", "green", "blue", "white"]
    assert b"kitchen" not in front.body
    for api in (Client(tenant.host), check.order.shopper.client()):
        assert (api.get(path).status, api.get(f"{path}/back").status) == (401, 401)
        assert check.approve(api).status == check.reject(api).status == check.upload(api).status == 401


def test_without_a_back_there_is_none(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    number = check.order.number
    assert check.staff.get(f"/api/staff/checks/{number}").status == 404
    assert upload(check.staff, order_number=number, check_front=picture()).json["back_filename"] is None
    assert check.staff.get(f"/api/staff/checks/{number}").status == 200
    assert check.staff.get(f"/api/staff/checks/{number}/back").status == 404
    assert check.staff.get("/api/staff/checks/QM-NONE").status == 404


def test_numbers_are_sealed_and_the_last_four_stay(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    reply = check.upload(routing_number=ROUTING, account_number="000123456789", check_number="1042")
    assert (reply.status, reply.json["account_last4"]) == (200, "6789")
    (row,) = tenant.rows("SELECT number, account_last4, sealed FROM bank_check")
    assert (row["number"], row["account_last4"]) == ("1042", "6789")
    whole = str(tenant.rows("SELECT c::text FROM bank_check c")) + str(tenant.rows("SELECT a::text FROM audit_entry a"))
    assert ROUTING not in whole
    assert "000123456789" not in whole
    opened_ = sealing.unseal(row["sealed"], sealing.Binding(tenant.id, "bank_check"))
    assert {name: text.get_secret_value() for name, text in opened_.items()} == {
        "routing_number": ROUTING,
        "account_number": "000123456789",
    }


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"routing_number": "021000022"}, 400),
        ({"routing_number": "000000000"}, 400),
        ({"routing_number": "02100002"}, 400),
        ({"routing_number": "٠٢١٠٠٠٠٢١"}, 400),
        ({"account_number": "12'; DROP"}, 400),
        ({"check_number": "1\n2"}, 400),
        ({"amount": "NaN"}, 400),
        ({"amount": "-1"}, 400),
        ({"amount": "1e99"}, 400),
        ({"amount": "1.001"}, 400),
        ({"check_front": b"%PDF-1.7 not a picture"}, 400),
        ({"check_front": "text, not a file"}, 400),
        ({"check_back": picture()[:60]}, 400),
        ({"order_number": "QM-NONE"}, 404),
        ({"unknown": "field"}, 400),
        ({"amount": "24.99", "check_image": picture(), "routing_number": ROUTING}, 200),
    ],
)
def test_what_may_be_uploaded(fields: dict[str, Any], status: int, tenant: Tenant) -> None:
    check = make_check_order(tenant)
    assert check.upload(**fields).status == status
    if status != 200:
        assert (check.payments(), keys(tenant), check.order.state()) == ([], [], ("pending", "unpaid"))


@pytest.mark.parametrize("number", ["021000021", "011401533", "091000019", "122105155"])
def test_routing_numbers_of_banks_are_taken(number: str) -> None:
    assert is_routing_number(number)
    spoilt = number[:4] + str((int(number[4]) + 1) % 10) + number[5:]
    assert not is_routing_number(spoilt)


def test_an_approved_check_pays_and_confirms(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    reply = check.approve()
    assert (reply.status, reply.json) == (200, {"success": True, "message": "Check approved; the order is confirmed"})
    assert (check.order.state(), check.order.entries()) == (("confirmed", "paid"), [("check", "charge", 2500)])
    assert (check.approve().status, check.upload().status) == (409, 409)
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'payments.order_paid' AND queue <> 'bus'") == 1
    assert reply.statements <= 10
    check_books(tenant)


def test_a_check_for_less_leaves_the_rest_to_pay(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    give_credit(check.order.shopper, 1000)
    check.upload(amount="15.00")
    check.approve()
    assert check.order.state() == ("pending", "unpaid")
    assert check.order.pay().json["payment_status"] == "paid"
    assert check.order.state() == ("confirmed", "paid")
    check_books(tenant)


def test_a_check_for_what_credit_leaves(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    give_credit(check.order.shopper, 1000)
    check.order.pay()
    check.upload()
    assert (check.order.state(), check.order.pay().status) == (("pending", "processing"), 409)
    check.approve()
    assert check.order.entries() == [("store_credit", "charge", 1000), ("check", "charge", 1500)]
    assert check.order.state() == ("confirmed", "paid")


def test_what_a_check_pays_too_much_becomes_credit(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload(amount="32.50")
    check.approve()
    assert (check.order.state(), balance_of(check.order.shopper)) == (("confirmed", "paid"), 750)
    assert check.order.entries() == [("check", "charge", 3250), ("check", "refund", -750)]
    assert tenant.value("SELECT kind FROM store_credit_entry") == "overpayment"
    check_books(tenant)


def test_a_guests_surplus_is_flagged_for_a_person(tenant: Tenant) -> None:
    number = make_order(tenant, (make_shelf(tenant).product_id, 2), payment_method="check")["order_number"]
    staff = make_staff(tenant, commerce_role="staff").client("commerce")
    upload(staff, order_number=number, check_front=picture(), amount="30")
    assert staff.post(f"/api/staff/checks/{number}/approve").status == 200
    with tenant.uow() as uow:
        assert [(due.reason, due.amount_minor) for due in payments.refunds_due(uow)] == [("paid_twice", 500)]
    check_books(tenant)


def test_a_rejected_check_leaves_the_order_to_be_paid_otherwise(tenant: Tenant) -> None:
    check = make_check_order(tenant, delivery_email="ada@example.com")
    check.upload()
    reply = check.reject(reason="Not signed")
    assert (reply.status, reply.json["message"]) == (200, "Check rejected; the order waits to be paid")
    assert (check.order.state(), check.payments()) == (("pending", "failed"), ["failed"])
    assert check.hold_expires_at() is not None
    assert (check.reject().status, check.approve().status) == (409, 409)
    tenant.work_off()
    (mail,) = tenant.rows("SELECT subject, body_text FROM message WHERE kind = 'check_rejected'")
    assert mail["subject"] == f"Your check for order {check.order.number} was not accepted"
    assert "Please pay 25.00 USD in another way by " in mail["body_text"]
    assert check.upload().status == 200
    assert check.payments() == ["canceled", "processing"]
    assert check.approve().status == 200
    assert check.order.state() == ("confirmed", "paid")


def test_a_bounced_check_reopens_and_stops_the_order(tenant: Tenant, clock: Clock) -> None:
    check = make_check_order(tenant)
    check.upload()
    check.approve()
    assert check.reject().status == 409  # a moment after the approval: somebody else decided
    clock.advance(seconds=61)
    reply = check.reject(reason="Insufficient funds")
    assert (reply.status, "bounced" in reply.json["message"]) == (200, True)
    assert check.order.entries() == [("check", "charge", 2500), ("check", "return", -2500)]
    assert check.order.state() == ("confirmed", "failed")
    assert (
        tenant.value("SELECT stopped_because FROM sales_order WHERE id = %(i)s", i=check.order.id) == "payment_returned"
    )
    assert check.reject(bounced=True).status == 409
    check.upload()
    check.approve()
    assert check.order.state() == ("confirmed", "paid")
    assert tenant.value("SELECT stopped_because FROM sales_order WHERE id = %(i)s", i=check.order.id) is None
    check_books(tenant)


@pytest.mark.parametrize(("spent", "taken"), [(0, 750), (500, 250), (750, 0)])
def test_a_bounced_check_takes_back_what_is_left_of_its_credit(spent: int, taken: int, tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload(amount="32.50")
    check.approve()
    if spent:
        make_check_order(tenant, shopper=check.order.shopper).order.pay(amount=spent / 100)
    assert check.reject(bounced=True).status == 200
    assert balance_of(check.order.shopper) == 750 - spent - taken
    kept = sum(amount for _, _, amount in check.order.entries())
    assert kept == taken - 750
    check_books(tenant)


def test_a_check_for_a_part_that_bounces_is_told(tenant: Tenant) -> None:
    check = make_check_order(tenant, delivery_email="ada@example.com")
    check.upload(amount="15.00")
    check.approve()
    assert check.reject(bounced=True).status == 200
    assert check.order.state() == ("pending", "failed")
    tenant.work_off()
    (mail,) = tenant.rows("SELECT subject, body_text FROM message WHERE kind = 'check_rejected'")
    assert mail["subject"] == f"Your check for order {check.order.number} has bounced"
    assert "Please pay 25.00 USD in another way" in mail["body_text"]


def test_a_check_that_bounces_when_it_has_become_credit(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    check.approve()
    with tenant.uow() as uow:
        orders.cancel(uow, check.order.id, reason="customer")
    tenant.work_off()
    assert balance_of(check.order.shopper) == 2500
    assert check.reject(bounced=True).status == 200
    assert (check.order.state(), balance_of(check.order.shopper)) == (("cancelled", "failed"), 0)
    assert sum(amount for _, _, amount in check.order.entries()) == 0
    check_books(tenant)


def test_a_cancelled_orders_check_is_given_up(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    with tenant.uow() as uow:
        orders.cancel(uow, check.order.id, reason="customer")
    assert check.approve().status == 409
    tenant.work_off()
    assert (check.payments(), check.order.state()) == (["canceled"], ("cancelled", "unpaid"))
    assert (check.approve().status, check.reject().status, check.upload().status) == (409, 409, 409)


def test_an_approved_check_of_a_cancelled_order_becomes_credit(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    check.approve()
    with tenant.uow() as uow:
        orders.cancel(uow, check.order.id, reason="customer")
    tenant.work_off()
    assert (check.order.state(), balance_of(check.order.shopper)) == (("cancelled", "refunded"), 2500)
    assert tenant.value("SELECT kind FROM store_credit_entry") == "refund"
    check_books(tenant)


# Several at once.


def test_fifty_approvals_are_one(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    assert sorted(together(50, lambda _: check.approve().status)) == [200] + [409] * 49
    assert check.order.entries() == [("check", "charge", 2500)]


@pytest.mark.parametrize("seed", range(3))
def test_of_approving_and_rejecting_at_once_one_wins(seed: int, tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    verbs = [check.approve, check.reject] if seed % 2 else [check.reject, check.approve]
    statuses = together(20, lambda n: verbs[n % 2]().status)
    assert sorted(statuses) == [200] + [409] * 19
    won = verbs[statuses.index(200) % 2]
    assert check.order.state() == (("confirmed", "paid") if won == check.approve else ("pending", "failed"))


def test_of_uploads_at_once_one_stays(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    statuses = together(8, lambda _: check.upload().status)
    assert sorted(statuses) == [200] + [409] * 7
    assert sorted(check.payments()).count("processing") == 1
    assert check.order.state() == ("pending", "processing")


def test_uploading_and_approving_at_once_charges_what_was_seen(tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload(amount="25")
    statuses = together(10, lambda n: (check.upload(amount="99") if n % 2 else check.approve()).status)
    assert sorted(statuses) == [200] + [409] * 9
    assert check.order.entries() == [("check", "charge", 2500)]


# Uploads that do not end.


def test_an_upload_that_died_can_be_done_again_and_its_pictures_go(
    tenant: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.adapters import objects
    from chalicelib.adapters.errors import ProviderUnavailable

    check = make_check_order(tenant)
    put = objects.put

    def dies_after_the_front(key: str, content: bytes, *, media_type: str) -> None:
        put(key, content, media_type=media_type)
        raise ProviderUnavailable("objects", "test", maybe_done=True)

    monkeypatch.setattr(objects, "put", dies_after_the_front)
    assert check.upload().status == 503
    monkeypatch.setattr(objects, "put", put)
    assert (check.payments(), check.order.state(), len(keys(tenant))) == (["created"], ("pending", "unpaid"), 1)
    assert check.upload().status == 200
    assert (check.payments(), len(keys(tenant))) == (["canceled", "processing"], 3)
    clock.advance(seconds=601)
    tenant.work_off()
    assert len(keys(tenant)) == 2
    assert check.staff.get(f"/api/staff/checks/{check.order.number}").status == 200


def test_an_upload_that_nobody_repeats_is_cleared_away(
    tenant: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.adapters import objects
    from chalicelib.adapters.errors import ProviderUnavailable

    check, put = make_check_order(tenant), objects.put

    def dies(key: str, content: bytes, *, media_type: str) -> None:
        put(key, content, media_type=media_type)
        raise ProviderUnavailable("objects", "test", maybe_done=True)

    monkeypatch.setattr(objects, "put", dies)
    assert check.upload().status == 503
    clock.advance(seconds=3601)
    schedules.purge_expired({}, None)
    clock.advance(seconds=601)
    tenant.work_off()
    assert (check.payments(), keys(tenant)) == (["canceled"], [])


# Cash.


def test_cash_pays_and_what_is_too_much_becomes_credit(tenant: Tenant) -> None:
    check = make_check_order(tenant, payment_method="cash")
    with tenant.uow() as uow:
        assert payments.record_cash(uow, check.order.id, amount_minor=2000).payment_state == "unpaid"
        assert payments.record_cash(uow, check.order.id, amount_minor=1000).payment_state == "paid"
    assert (check.order.state(), balance_of(check.order.shopper)) == (("confirmed", "paid"), 500)
    with tenant.uow() as uow, pytest.raises(Exception, match="already paid"):
        payments.record_cash(uow, check.order.id, amount_minor=1)
    check_books(tenant)


def test_another_organizations_order_is_not_there(tenant: Tenant, other_tenant: Tenant) -> None:
    check = make_check_order(tenant)
    check.upload()
    foreign = make_staff(other_tenant, commerce_role="admin").client("commerce")
    path = f"/api/staff/checks/{check.order.number}"
    assert [foreign.get(path).status, foreign.post(f"{path}/approve").status, check.upload(foreign).status] == [404] * 3
    assert make_customer(other_tenant).id > 0
