"""What buyers see: their own orders, one by its number, those of a telephone number, and an order once more."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib import catalogue, orders, routes
from chalicelib.kernel import jobs
from chalicelib.orders.buyers import proofs, rules, service
from tests.client import Client, Reply
from tests.factories.customers import Shopper, make_customer
from tests.factories.floor import place
from tests.factories.orders import make_order, order_body
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Clock, Tenant
from tests.threads import together

PHONE = "+12125550142"
ANA = "ana.reyes@example.com"
NOT_FOUND = b'{"error": "Order not found"}'


def _buy(shopper: Shopper, *lines: tuple[int, int], **more: Any) -> dict[str, Any]:
    reply = shopper.client().post("/api/orders", order_body(*lines, **more))
    assert reply.status == 201, reply.json
    placed: dict[str, Any] = reply.json["order"]
    return placed


def _guest(tenant: Tenant, *lines: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A guest's whole answer, the token included."""
    reply = Client(tenant.host).post("/api/orders", order_body(*lines, **more))
    assert reply.status == 201, reply.json
    answer: dict[str, Any] = reply.json
    return answer


def _numbers(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.json
    return [order["order_number"] for order in reply.json]


# GET /api/orders


def test_a_customer_sees_the_own_orders_newest_first(tenant: Tenant, clock: Clock) -> None:
    shelf, other = make_shelf(tenant, price_minor=1250), make_customer(tenant)
    shopper = make_customer(tenant)
    first = _buy(shopper, (shelf.product_id, 2))
    clock.advance(seconds=5)
    second = _buy(shopper, (shelf.product_id, 1), (shelf.product_id, 3))
    _buy(other, (shelf.product_id, 1))
    make_order(tenant, (shelf.product_id, 1))
    reply = shopper.client().get("/api/orders")
    assert _numbers(reply) == [second["order_number"], first["order_number"]]
    assert reply.json[1] == {
        "id": first["id"],
        "order_number": first["order_number"],
        "user_id": shopper.id,
        "status": "pending",
        "created_at": first["created_at"],
        "total_amount": 25.0,
        "delivery_name": "Ana Reyes",
        "item_count": 2,
        "tracking_number": None,
        "carrier": None,
        "items": first["items"],
    }
    assert (reply.json[0]["item_count"], len(reply.json[0]["items"]), reply.statements) == (4, 2, 4)


def test_the_list_of_own_orders_has_an_end_and_goes_on_from_there(tenant: Tenant, clock: Clock) -> None:
    shelf, shopper = make_shelf(tenant, free=50), make_customer(tenant)
    placed = [_buy(shopper, (shelf.product_id, 1)) for _ in range(3)]
    clock.advance(seconds=5)
    placed += [_buy(shopper, (shelf.product_id, 1)) for _ in range(4)]  # several at one moment
    client, seen, path = shopper.client(), list[str](), "/api/orders?per_page=3"
    while (page := client.get(path)).json:
        assert (len(page.json) <= 3, page.statements) == (True, 4)
        seen += _numbers(page)
        path = f"/api/orders?per_page=3&before={page.json[-1]['id']}"
    assert seen == [order["order_number"] for order in reversed(placed)]


def test_orders_with_very_many_lines_fill_an_answer_sooner(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, shopper = make_shelf(tenant, free=50), make_customer(tenant)
    placed = [_buy(shopper, *[(shelf.product_id, 1)] * lines)["id"] for lines in (1, 4, 9, 2, 2)]
    monkeypatch.setattr(service, "LINES_MAX", 5)
    client, seen, before = shopper.client(), list[list[int]](), ""
    while page := client.get(f"/api/orders?per_page=50{before}").json:
        seen.append([order["id"] for order in page])
        before = f"&before={page[-1]['id']}"
    assert seen == [[placed[4], placed[3]], [placed[2]], [placed[1], placed[0]]]


def test_a_list_does_not_go_on_from_somebody_elses_order(tenant: Tenant) -> None:
    shelf, shopper = make_shelf(tenant), make_customer(tenant)
    _buy(shopper, (shelf.product_id, 1))
    foreign = make_order(tenant, (shelf.product_id, 1))["id"]
    assert shopper.client().get(f"/api/orders?before={foreign}").json == []


@pytest.mark.parametrize(
    "query",
    ["before=0", "before=x", f"before={2**31}", "per_page=0", "per_page=101", "page=NaN", "per_page=1&per_page=2"],
)
def test_odd_windows_are_refused(query: str, tenant: Tenant) -> None:
    assert make_customer(tenant).client().get(f"/api/orders?{query}").status == 400


def test_the_own_orders_need_a_session(api: Client) -> None:
    assert api.get("/api/orders").status == 401


# GET /api/orders/{order_number}


def test_a_customers_order_exists_for_that_customer_only(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    shelf, shopper, other = make_shelf(tenant), make_customer(tenant), make_customer(tenant)
    order = _buy(shopper, (shelf.product_id, 1), delivery_email=ANA, delivery_phone=PHONE)
    path = f"/api/orders/{order['order_number']}"
    own = shopper.client().get(path)
    assert (own.status, own.json["order"]["delivery_name"], own.json["order"]["user_id"]) == (
        200,
        "Ana Reyes",
        shopper.id,
    )
    with tenant.uow() as uow:
        token = proofs.token_of(uow, order["order_number"])
    facts = ["", f"?email={ANA}", f"?phone={quote(PHONE)}", f"?order_token={token}"]
    strangers = [c.get(path + fact) for c in (api, other.client(), Client(other_tenant.host)) for fact in facts]
    assert {(r.status, r.body) for r in strangers} == {(404, NOT_FOUND)}


def test_a_guests_order_is_shown_whole_to_whoever_proves_it(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    answer = _guest(
        tenant, (shelf.product_id, 2), delivery_email="Ana.Reyes@Example.com", delivery_phone="(212) 555-0142"
    )
    path = f"/api/orders/{answer['order']['order_number']}"
    proven = ["?email=ana.reyes@example.com", "?phone=212-555-0142", f"?order_token={answer['order_token']}"]
    assert [api.get(path + p).json["order"]["delivery_name"] for p in proven] == ["Ana Reyes"] * 3
    wrong = ["", "?email=eve@example.com", "?phone=2125550143", "?order_token=qmo_x", "?phone=nobody"]
    slim = [api.get(path + w) for w in wrong]
    assert {(r.status, r.json["order"]["delivery_name"], r.json["order"]["user_id"]) for r in slim} == {
        (200, None, None)
    }
    assert (slim[0].json["order"]["item_count"], slim[0].statements) == (2, 4)
    assert [word for word in ("Reyes", "Harbor", "Chicago", "555") if word in slim[0].body.decode()] == []


def test_a_token_is_of_one_order_and_one_organization(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    one, two = (_guest(tenant, (shelf.product_id, 1)) for _ in range(2))
    path = f"/api/orders/{one['order']['order_number']}"
    assert api.get(f"{path}?order_token={two['order_token']}").json["order"]["delivery_name"] is None
    with other_tenant.uow() as uow:
        elsewhere = proofs.token_of(uow, one["order"]["order_number"])
    assert elsewhere != one["order_token"]
    assert api.get(f"{path}?order_token={elsewhere}").json["order"]["delivery_name"] is None


def test_a_token_outlives_the_hash_key_it_was_made_under(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.kernel.settings import settings

    with tenant.uow() as uow:
        old = proofs.token_of(uow, "QM-AAAAA-AAAAA")
        monkeypatch.setenv("QM_HASH_KEY", "a-newer-test-hash-key test-hash-key")
        settings.cache_clear()
        try:
            new = proofs.token_of(uow, "QM-AAAAA-AAAAA")
            assert old != new
            assert [proofs.is_token(uow, "QM-AAAAA-AAAAA", each) for each in (old, new, "é", "", None)] == [
                True,
                True,
                False,
                False,
                False,
            ]
        finally:
            settings.cache_clear()


def test_a_customer_gets_no_token(tenant: Tenant) -> None:
    shelf, shopper = make_shelf(tenant), make_customer(tenant)
    assert shopper.client().post("/api/orders", order_body((shelf.product_id, 1))).json["order_token"] is None


def test_five_wrong_guesses_end_the_guessing(tenant: Tenant, api: Client, clock: Clock) -> None:
    """From wherever they come; the token, which nobody guesses, and the slim view still work, and so do facts later."""
    shelf = make_shelf(tenant)
    answer = _guest(tenant, (shelf.product_id, 1), delivery_email=ANA)
    path = f"/api/orders/{answer['order']['order_number']}"
    guessers = [Client(tenant.host, address=f"203.0.113.{n}") for n in range(20)]
    statuses = [g.get(f"{path}?email=eve{n}@example.com").status for n, g in enumerate(guessers[:6])]
    assert statuses == [200, 200, 200, 200, 429, 429]
    right = api.get(f"{path}?email={ANA}")
    assert (right.status, right.json) == (429, {"error": "Too many wrong guesses. Try again later."})
    assert 0 < int(right.headers["Retry-After"]) <= 900
    assert api.get(path).json["order"]["delivery_name"] is None
    assert api.get(f"{path}?order_token={answer['order_token']}").json["order"]["delivery_name"] == "Ana Reyes"
    clock.advance(seconds=901)
    assert api.get(f"{path}?email={ANA}").json["order"]["delivery_name"] == "Ana Reyes"


def test_guesses_in_parallel_are_five_in_all(tenant: Tenant) -> None:
    shelf = make_shelf(tenant)
    path = f"/api/orders/{_guest(tenant, (shelf.product_id, 1), delivery_phone=PHONE)['order']['order_number']}"
    guessers = [Client(tenant.host, address=f"203.0.113.{n}") for n in range(20)]
    statuses = together(20, lambda n: guessers[n].get(f"{path}?phone=21255501{n:02}").status)
    assert (statuses.count(200), set(statuses)) == (4, {200, 429})


def test_right_facts_are_no_guesses(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    path = f"/api/orders/{_guest(tenant, (shelf.product_id, 1), delivery_email=ANA)['order']['order_number']}"
    assert {api.get(f"{path}?email={ANA}").status for _ in range(12)} == {200}


def test_orders_of_other_systems_are_not_looked_up_by_their_numbers(tenant: Tenant, api: Client) -> None:
    order = place(tenant, (make_shelf(tenant), 1))
    assert api.get(f"/api/orders/{order.number}").status == 404


@pytest.mark.parametrize("number", ["QM-NOBOD-YHERE", "%00", "%ED%A0%80", "x" * 65, "..%2f", "%F0%9F%A6%86", "1e999"])
def test_odd_numbers_are_nobodys(number: str, api: Client) -> None:
    assert api.get(f"/api/orders/{number}").status in (400, 404)


# GET /api/orders/by-phone/{phone}


def _phone_session(tenant: Tenant, api: Client, phone: str) -> str:
    """As a customer gets one: by the code in a text message."""
    assert api.post("/api/auth/phone/send-code", {"phone": phone}).status == 200
    for row in tenant.rows("SELECT id, topic FROM outbox WHERE topic LIKE 'customers.%%' AND closed_at IS NULL"):
        jobs.run(tenant.id, row["id"], row["topic"], routes.CONSUMERS)
    text = tenant.value("SELECT body_text FROM message WHERE kind = 'one_time_code' ORDER BY id DESC")
    code = re.search(r"\d{6}", text)
    assert code is not None
    reply = api.post("/api/auth/phone/verify-code", {"phone": phone, "code": code[0]})
    token: str = reply.json["phone_session_token"]
    return token


def _by_phone(caller: Client, phone: str = PHONE, **told: str) -> Reply:
    query = "&".join(f"{name}={quote(value)}" for name, value in told.items())
    return caller.get(f"/api/orders/by-phone/{quote(phone)}" + (f"?{query}" if query else ""))


def test_a_telephone_number_alone_tells_nothing(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    answer = _guest(tenant, (shelf.product_id, 1), delivery_phone=PHONE)
    wrong = {"order_number": answer["order"]["order_number"], "order_token": "qmo_guess"}
    replies = [
        _by_phone(api),
        _by_phone(api, "+12125550199"),
        _by_phone(api, **wrong),
        _by_phone(make_customer(tenant).client()),
    ]
    assert [(r.status, r.body, r.statements) for r in replies] == [(200, b"[]", 4)] * 4
    seen = [{name: value for name, value in r.headers.items() if name not in ("X-Request-Id",)} for r in replies[:3]]
    assert seen[0] == seen[1] == seen[2]


def test_a_phone_session_shows_the_orders_of_the_number(tenant: Tenant, api: Client) -> None:
    """Guests' ones and the customer's own, slim, with initials; another customer's never."""
    shelf, shopper, other = make_shelf(tenant), make_customer(tenant, phone=PHONE), make_customer(tenant)
    guest = _guest(tenant, (shelf.product_id, 2), delivery_phone=PHONE)["order"]
    own = _buy(shopper, (shelf.product_id, 1), delivery_phone=PHONE)
    _buy(other, (shelf.product_id, 1), delivery_phone=PHONE)
    place(tenant, (shelf, 1))
    token = _phone_session(tenant, api, PHONE)
    reply = _by_phone(api, phone_session_token=token)
    assert _numbers(reply) == [own["order_number"], guest["order_number"]]
    assert reply.json[1] == {
        "order_number": guest["order_number"],
        "status": "pending",
        "created_at": guest["created_at"],
        "total_amount": 25.0,
        "delivery_name": "A. R.",
        "item_count": 2,
        "tracking_number": None,
        "carrier": None,
    }
    assert _by_phone(api, phone_session_token=token).status == 400, "a session is good for one look"


def test_a_phone_session_is_of_one_number(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    make_customer(tenant, phone="+12125550143")
    _guest(tenant, (shelf.product_id, 1), delivery_phone=PHONE)
    assert _by_phone(api, phone_session_token=_phone_session(tenant, api, "+12125550143")).json == []


def test_a_token_shows_its_own_order_under_its_number(tenant: Tenant, api: Client) -> None:
    """A buyer may have given anybody's number: the others' orders stay hidden."""
    shelf = make_shelf(tenant)
    _guest(tenant, (shelf.product_id, 1), delivery_phone=PHONE)
    mine = _guest(tenant, (shelf.product_id, 1), delivery_phone=PHONE)
    told = {"order_number": mine["order"]["order_number"], "order_token": mine["order_token"]}
    assert _numbers(_by_phone(api, **told)) == [told["order_number"]]
    assert _by_phone(api, "+12125550199", **told).json == []


def test_a_customer_sees_the_own_orders_of_a_number(tenant: Tenant) -> None:
    shelf, shopper = make_shelf(tenant), make_customer(tenant)
    _guest(tenant, (shelf.product_id, 1), delivery_phone=PHONE)
    placed = _buy(shopper, (shelf.product_id, 1), delivery_phone="(212) 555-0142")
    reply = _by_phone(shopper.client(), "212.555.0142")
    assert _numbers(reply) == [placed["order_number"]]
    assert (reply.json[0]["delivery_name"], reply.statements) == ("Ana Reyes", 4)


def test_numbers_are_not_tried_one_after_the_other(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten a minute from one address, whether they are anybody's or not."""
    from chalicelib.kernel.settings import settings

    _guest(tenant, (make_shelf(tenant).product_id, 1), delivery_phone=PHONE)
    monkeypatch.setenv("QM_LIMITS", "on")
    settings.cache_clear()
    try:
        caller = Client(tenant.host, address="198.51.100.77")
        replies = [_by_phone(caller, PHONE if n == 10 else f"+121255501{n:02}") for n in range(11)]
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert {(r.status, r.body) for r in replies[:10]} == {(200, b"[]")}
    assert (replies[10].status, replies[10].statements) == (429, 0)


@pytest.mark.parametrize("phone", ["nobody", "12", "%00", "+1212555014255501425550142", "1e9"])
def test_what_is_no_number_is_nowhere(phone: str, api: Client) -> None:
    assert api.get(f"/api/orders/by-phone/{phone}").status == 404


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ana Reyes", "A. R."),
        ("ana maria de los reyes", "A. R."),
        ("Ana", "A."),
        ("", ""),
        ("  ", ""),
        ("ß x", "SS. X."),
    ],
)
def test_initials(name: str, shown: str) -> None:
    assert rules.initials(name) == shown


# POST /api/orders/{order_number}/reorder


def _switch(tenant: Tenant, shelf: Shelf, **columns: Any) -> None:
    for name, value in columns.items():
        with tenant.uow() as uow:
            uow.execute(
                f"UPDATE product SET {name} = %(value)s WHERE id = %(id)s", {"value": value, "id": shelf.product_id}
            )


def test_an_order_fills_the_cart_again_with_todays_prices(tenant: Tenant) -> None:
    sold = make_shelf(tenant, free=30, price_minor=1250, bulk_price_minor=1100, bulk_quantity=10)
    off, gone, shopper = make_shelf(tenant), make_shelf(tenant), make_customer(tenant)
    order = _buy(shopper, (sold.product_id, 12), (off.product_id, 1), (gone.product_id, 2))
    _switch(tenant, sold, unit_price_minor=1300, bulk_price_minor=1199)
    _switch(tenant, off, in_stock=False)
    _switch(tenant, gone, is_active=False)
    reply = shopper.client().post(f"/api/orders/{order['order_number']}/reorder")
    name = order["items"][0]["product_name"]
    assert (reply.status, reply.json["success"], reply.statements) == (200, True, 5)
    assert reply.json["items"] == [
        {
            "product_id": sold.product_id,
            "product_name": name,
            "product_sku": sold.sku,
            "quantity": 12,
            "unit_price": 13.0,
            "bulk_price": 11.99,
            "bulk_quantity": 10,
        }
    ]
    assert [(i["product_sku"], i["quantity"], i["reason"]) for i in reply.json["left_out"]] == [
        (off.sku, 1, "out_of_stock"),
        (gone.sku, 2, "no_longer_sold"),
    ]
    assert tenant.value("SELECT count(*) FROM sales_order") == 1
    again = {
        name: value
        for name, value in reply.json["items"][0].items()
        if name in ("product_id", "product_sku", "quantity", "unit_price")
    }
    ordered = shopper.client().post("/api/orders", {**order_body(), "items": [again]})
    assert (ordered.status, ordered.json["order"]["items"][0]["unit_price"]) == (201, 11.99)
    check_books(tenant)


def test_only_the_own_orders_fill_the_cart(tenant: Tenant, api: Client) -> None:
    shelf, shopper, other = make_shelf(tenant), make_customer(tenant), make_customer(tenant)
    own = _buy(shopper, (shelf.product_id, 1))["order_number"]
    guests = make_order(tenant, (shelf.product_id, 1))["order_number"]
    assert api.post(f"/api/orders/{own}/reorder").status == 401
    refused = [other.client().post(f"/api/orders/{n}/reorder") for n in (own, guests, "QM-NOBOD-YHERE")]
    assert {(r.status, r.body) for r in refused} == {(404, NOT_FOUND)}


@pytest.mark.parametrize("lines", [1, 40])
def test_a_cart_of_any_length_takes_the_same_statements(tenant: Tenant, lines: int) -> None:
    shelves, shopper = [make_shelf(tenant) for _ in range(lines)], make_customer(tenant)
    number = _buy(shopper, *((s.product_id, 1) for s in shelves))["order_number"]
    reply = shopper.client().post(f"/api/orders/{number}/reorder")
    assert (len(reply.json["items"]), reply.statements) == (lines, 5)


# POST /api/orders: which product is meant


def _second_variant(tenant: Tenant, shelf: Shelf, sku: str) -> int:
    with tenant.uow() as uow:
        variant_id: int = uow.value(
            "INSERT INTO variant (product_id, is_default, sku, created_at)"
            " VALUES (%(p)s, false, %(sku)s, %(now)s) RETURNING id",
            {"p": shelf.product_id, "sku": sku, "now": uow.now},
        )
    return variant_id


def test_a_line_names_its_product_in_any_way(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=40)
    ways: list[dict[str, Any]] = [
        {"product_id": shelf.product_id},
        {"product_sku": shelf.sku.lower()},
        {"variant_id": shelf.variant_id},
        {"product_id": shelf.product_id, "product_sku": shelf.sku},
        {"product_id": shelf.product_id, "variant_id": shelf.variant_id},
    ]
    items = [{**way, "quantity": n} for n, way in enumerate(ways, 1)]
    reply = api.post("/api/orders", {**order_body(), "items": items})
    assert [(i["product_sku"], i["quantity"]) for i in reply.json["order"]["items"]] == [
        (shelf.sku, n) for n in range(1, 6)
    ]
    assert shelf.free() == 40 - 15
    check_books(tenant)


def test_a_sku_or_variant_means_that_variant_and_no_other(tenant: Tenant) -> None:
    """Ordered, and put into the cart once more."""
    shelf, shopper = make_shelf(tenant), make_customer(tenant)
    second = _second_variant(tenant, shelf, "SECOND-SIZE")
    with tenant.uow() as uow:
        from chalicelib import stock

        stock.post(uow, moves=[stock.Move(second, 5, "supplier", shelf.account_id, "purchase_received", "test")])
    item = {"product_id": shelf.product_id, "product_sku": "SECOND-SIZE", "quantity": 2}
    order = shopper.client().post("/api/orders", {**order_body(), "items": [item]}).json["order"]
    assert order["items"][0]["product_sku"] == "SECOND-SIZE"
    assert shelf.free() == 10
    cart = shopper.client().post(f"/api/orders/{order['order_number']}/reorder").json["items"]
    assert [(i["product_id"], i["product_sku"]) for i in cart] == [(shelf.product_id, "SECOND-SIZE")]
    check_books(tenant)


@pytest.mark.parametrize(
    ("_case", "named", "kind"),
    [
        ("two products", {"product_id": 0, "product_sku": 1}, "other_product"),
        ("a product and another's variant", {"product_id": 0, "variant_id": 1}, "other_product"),
        ("two variants", {"product_sku": 0, "variant_id": 0}, "value_error"),
        ("nothing", {}, "value_error"),
    ],
)
def test_a_line_that_names_two_products_is_refused(
    _case: str, named: dict[str, int], kind: str, tenant: Tenant, api: Client
) -> None:
    shelves = [make_shelf(tenant), make_shelf(tenant)]
    columns = {"product_id": "product_id", "product_sku": "sku", "variant_id": "variant_id"}
    item = {name: getattr(shelves[n], columns[name]) for name, n in named.items()}
    reply = api.post("/api/orders", {**order_body(), "items": [{**item, "quantity": 1}]})
    assert (reply.status, reply.json["details"][0]["type"]) == (400, kind)
    assert [shelf.free() for shelf in shelves] == [10, 10]


def test_offers_say_what_is_gone(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, price_minor=99)
    with tenant.uow() as uow:
        offers = catalogue.offered(uow, [catalogue.Item(1, sku=shelf.sku), catalogue.Item(1, variant_id=2**31 - 1)])
        assert orders.find_by_number(uow, "QM-NOBOD-YHERE") is None
    assert [offer and (offer.sku, offer.unit_price_minor) for offer in offers] == [(shelf.sku, 99), None]
