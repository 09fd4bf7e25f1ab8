"""The shop's side of the commerce contract, replayed in the order of a day: documented statuses, documented keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import Client
from tests.contract.replay import Replay, documented
from tests.factories.customers import PASSWORD, make_customer
from tests.factories.identity import make_api_key, make_staff
from tests.factories.pictures import picture
from tests.factories.stock import check_books, make_shelf
from tests.providers import Providers
from tests.tenant import Clock, Tenant

DOCUMENTED = documented("commerce")
"""The 71 calls with the fields that the contract names in the answers of a success."""
NEW_PASSWORD = "another velvet lamp"  # a test's password
EMAIL, PHONE = "robin@newdiner.example.com", "+12125550147"
DELIVERY = {
    "delivery_name": "Robin Alder",
    "delivery_address": "401 N Wabash Ave",
    "delivery_city": "Chicago",
    "delivery_state": "IL",
    "delivery_zip": "60611",
}
Field = str | tuple[str, str, bytes]
"""Of a form: a text, or a file as name, media type and content."""
FORM = {"content-type": "multipart/form-data; boundary=frontier"}


@dataclass
class Shop:
    """Everybody who calls, and what they learn."""

    tenant: Tenant
    providers: Providers
    clock: Clock
    called: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.guest = self.as_(Client(self.tenant.host))
        self.staff = self.as_(make_staff(self.tenant, commerce_role="admin").client("commerce"))
        self.program = self.as_(
            Client(self.tenant.host).as_key(make_api_key(self.tenant, "inventory:read", "catalogue:write"))
        )
        self.customer = self.guest

    def as_(self, client: Client) -> Replay:
        return Replay(DOCUMENTED, self.tenant, client, called=self.called)

    def sign_in(self, name: str, password: str) -> None:
        """The customer of what follows."""
        reply = self.guest.reply("POST /api/login", {"username": name, "password": password})
        page = self.guest.client.with_headers(origin="https://shop.example.test")
        self.customer = self.as_(page.with_cookie(reply.cookies[0]))

    def told(self, pattern: str) -> str:
        """What the newest mail or text that says something like it says."""
        self.tenant.work_off()
        said = [mail["text"] for mail in self.providers.inbox("mail")]
        said += [text["body"] for text in self.providers.inbox("sms")]
        return next(found[1] for text in reversed(said) if (found := re.search(pattern, text)))


@pytest.fixture
def shop(tenant: Tenant, providers: Providers, clock: Clock) -> Shop:
    return Shop(tenant, providers, clock)


def test_every_documented_call_answers_as_documented(shop: Shop) -> None:
    assert len(DOCUMENTED) == 71
    become_a_customer(shop)
    product = furnish(shop)
    number = buy(shop, product)
    pay(shop, number, product)
    forget(shop)
    ask_around(shop)
    buy_in(shop)
    integrate(shop)
    score(shop)
    leave(shop)
    assert set(DOCUMENTED) - shop.called == set()
    check_books(shop.tenant)


def become_a_customer(shop: Shop) -> None:
    """Robin registers, proves the address and looks at the own record."""
    new = {"username": "robin", "email": EMAIL, "phone": PHONE, "password": PASSWORD, "company_name": "The New Diner"}
    shop.guest.ask("POST /api/register", new, status=201)
    shop.guest.ask("POST /api/auth/resend-verification", {"email": EMAIL})
    token = shop.told(r"/api/auth/verify-email/(\S+)")
    shop.guest.reply("GET /api/auth/verify-email/{token}", status=302, token=token)
    shop.sign_in(EMAIL, PASSWORD)
    me = shop.customer.ask("GET /api/me")["user"]
    assert shop.customer.ask("GET /api/users")["user"] == me
    changes = {"shipping_address": "401 N Wabash Ave", "billing_address": "1 Main St"}
    shop.customer.ask("PUT /api/users/{user_id}", changes, user_id=me["id"])
    shop.customer.ask("GET /api/users/{user_id}", user_id=me["id"])


def furnish(shop: Shop) -> dict[str, Any]:
    """A category and products; one of them lies on a shelf and has a picture."""
    category = shop.staff.ask("POST /api/admin/categories", {"name": "Oils", "description": "To fry in"})
    new = {"name": "Frying Oil", "category_id": category["id"], "sku": "OIL-1", "unit_price": 29.5, "brand": "Tessaly"}
    shop.staff.ask("POST /api/admin/products", new)
    shelf = make_shelf(shop.tenant, free=200, price_minor=1250)
    content = multipart({"image": ("oil.png", "image/png", picture(400, 300))})
    call = "POST /api/v1/products/{identifier}/image"
    shop.program.ask(call, content, headers=FORM, identifier=shelf.product_id)
    shop.tenant.work_off()
    reply = shop.guest.client.get(f"/api/products/{shelf.product_id}/thumbnail")
    assert (reply.status, reply.headers["Content-Type"], reply.body[:2]) == (200, "image/jpeg", b"\xff\xd8")
    shop.called.add("GET /api/products/{product_id}/thumbnail")
    shop.guest.ask("GET /api/categories")
    shop.guest.ask("GET /api/products", query="?search=oil")
    product: dict[str, Any] = shop.guest.ask("GET /api/products/{product_id}", product_id=shelf.product_id)
    assert shop.guest.ask("GET /api/products/sku/{sku}", sku=shelf.sku) == product
    return product


def buy(shop: Shop, product: dict[str, Any]) -> str:
    """The customer orders; a guest does, and becomes a customer at check-out. The customer's order number."""
    lines = [{"product_id": product["id"], "quantity": 2}]
    body = {"items": lines, "payment_method": "credit_card", "delivery_phone": PHONE, **DELIVERY}
    number: str = shop.customer.ask("POST /api/orders", body, status=201)["order"]["order_number"]
    shop.customer.ask("GET /api/orders")
    shop.customer.ask("GET /api/orders/{order_number}", order_number=number)
    shop.customer.ask("POST /api/orders/{order_number}/reorder", order_number=number)
    shop.customer.ask("GET /api/orders/by-phone/{phone}", phone=PHONE)
    guest = {**body, "delivery_email": "ana@other.example.com"}
    placed = shop.guest.ask("POST /api/orders", guest, status=201)["order"]["order_number"]
    account = {"email": "ana@other.example.com", "password": NEW_PASSWORD, "order_number": placed, **DELIVERY}
    shop.guest.ask("POST /api/orders/create-account", account, status=201)
    return number


def pay(shop: Shop, number: str, product: dict[str, Any]) -> None:
    """By card; another order by link, a third one by check."""
    total = shop.customer.client.get(f"/api/orders/{number}").json["order"]["total_amount"]
    intent = shop.guest.ask("POST /api/payments/create-intent", {"amount": total, "order_number": number})
    shop.providers.pay(intent["payment_intent_id"])
    told = {"order_number": number, "payment_intent_id": intent["payment_intent_id"]}
    assert shop.guest.ask("POST /api/payments/confirm", told)["success"] is True
    body = {"items": [{"product_id": product["id"], "quantity": 1}], "payment_method": "check", **DELIVERY}
    by_link, by_check = (shop.customer.client.post("/api/orders", body).json["order"]["order_number"] for _ in range(2))
    link = shop.staff.ask("POST /api/payments/create-link", {"order_number": by_link, "expires_in_hours": 24})
    assert urlsplit(link["payment_url"]).scheme in ("http", "https")
    sides: dict[str, Field] = {
        side: (f"{side}.png", "image/png", picture(600, 280)) for side in ("check_front", "check_back")
    }
    form = multipart({"order_number": by_check, **sides})
    shop.staff.ask("POST /api/payments/upload-check", form, headers=FORM)


def forget(shop: Shop) -> None:
    """The name, and the password three times."""
    shop.guest.ask("POST /api/customer/forgot-username", {"email": EMAIL})
    shop.guest.ask("POST /api/auth/forgot-username", {"email": EMAIL})
    shop.guest.ask("POST /api/auth/forgot-password", {"identifier": "robin"})
    shop.guest.ask("POST /api/customer/forgot-password", {"identifier": EMAIL})
    token = shop.told(r"token=(\S+)")
    shop.guest.ask("POST /api/auth/reset-password", {"token": token, "password": NEW_PASSWORD})
    session = _phone_session(shop)
    assert shop.guest.ask("POST /api/auth/phone/lookup-username", session)["username"] != "robin"
    shop.guest.ask("POST /api/auth/phone/reset-password", {**_phone_session(shop), "password": PASSWORD})
    shop.sign_in("robin", PASSWORD)
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    shop.customer.ask("POST /api/auth/change-password", change)


def _phone_session(shop: Shop) -> dict[str, str]:
    shop.clock.advance(seconds=120)
    shop.guest.ask("POST /api/auth/phone/send-code", {"phone": PHONE})
    code = shop.told(r"\b([0-9]{6})\b")
    token = shop.guest.ask("POST /api/auth/phone/verify-code", {"phone": PHONE, "code": code})["phone_session_token"]
    return {"phone_session_token": token}


def ask_around(shop: Shop) -> None:
    """Forms, questions, and what Twilio says."""
    consent = {"first_name": "Robin", "phone": "+12125550148", "consent": True}
    shop.guest.ask("POST /api/sms-optin", consent)
    form: dict[str, Field] = {
        "name": "Robin Alder",
        "restaurant_name": "The New Diner",
        "address": "401 N Wabash Ave",
        "city": "Chicago",
        "state": "IL",
        "phone": PHONE,
        "email": EMAIL,
        "invoice": ("invoice.png", "image/png", picture(300, 500)),
    }
    shop.guest.ask("POST /api/save-me-money", multipart(form), headers=FORM)
    session = shop.guest.ask("POST /api/chat/session")["session_id"]
    shop.guest.ask("POST /api/chat", {"message": "What does frying oil cost?", "session_id": session})
    shop.guest.ask("POST /api/search/ai", {"query": "something to fry in, under 30 dollars"})
    shop.tenant.work_off()
    (report, *_) = shop.providers.webhooks("twilio", "delivered")
    assert report.send(shop.guest.client).status == 204
    shop.called.add("POST /api/sms/status-callback")


def buy_in(shop: Shop) -> None:
    """Vendors and what they sell."""
    vendor = shop.staff.ask("POST /api/procurement/vendors", {"name": "Ostermoor Milling"}, status=201)["id"]
    flour = {"name": "Bread Flour", "category": "Flour", "est_price_min": 11, "est_price_max": 14, "lead_time_days": 5}
    call = "POST /api/procurement/vendors/{vendor_id}/products"
    product = shop.staff.ask(call, flour, vendor_id=vendor, status=201)["id"]
    shop.staff.ask("PUT /api/procurement/products/{product_id}", {"notes": "by the pallet"}, product_id=product)
    shop.staff.ask("PUT /api/procurement/vendors/{vendor_id}", {"phone": "+13165550141"}, vendor_id=vendor)
    shop.staff.ask("GET /api/procurement/vendors")
    shop.staff.ask("GET /api/procurement/vendors/{vendor_id}", vendor_id=vendor)
    shop.staff.ask("GET /api/procurement/products", query="?category=Flour")
    shop.staff.ask("GET /api/procurement/vendors/{vendor_id}/products", vendor_id=vendor)
    shop.staff.ask("DELETE /api/procurement/products/{product_id}", product_id=product)
    shop.staff.ask("DELETE /api/procurement/vendors/{vendor_id}", vendor_id=vendor)


def integrate(shop: Shop) -> None:
    """An integrator gets a key and keeps the catalogue in step."""
    made = shop.staff.ask("POST /api/admin/keys", {"name": "ERP", "prefix": "erp", "expires_at": "2199-12-31"})
    key_id = made["id"]
    shop.staff.ask("GET /api/admin/keys")
    assert shop.staff.ask("POST /api/admin/keys/verify", {"raw_key": made["raw_key"]})["valid"] is True
    shop.staff.ask("POST /api/admin/keys/{key_id}/revoke", key_id=key_id)
    shop.staff.ask("POST /api/admin/keys/{key_id}/activate", key_id=key_id)
    program = shop.program
    program.ask("GET /api/v1/health")
    program.ask("GET /api/v1/categories")
    program.ask("GET /api/v1/products", query="?search=oil")
    program.ask("GET /api/v1/products/{identifier}", identifier="OIL-1")
    program.ask("PUT /api/v1/products/{identifier}", {"brand": "Casa Belvento"}, identifier="OIL-1")
    program.ask("PATCH /api/v1/products/{identifier}/price", {"unit_price": 31}, identifier="OIL-1")
    program.ask("PATCH /api/v1/products/{identifier}/inventory", {"in_stock": False}, identifier="OIL-1")
    many = {"products": [{"sku": "OIL-1", "in_stock": True}, {"sku": "NOBODY-HAS-THIS", "unit_price": 1}]}
    counts = program.ask("POST /api/v1/products/bulk-update", many)
    assert counts["updated_count"] == 1
    shop.staff.ask("DELETE /api/admin/keys/{key_id}", key_id=key_id)


def score(shop: Shop) -> None:
    """Who will order again."""
    shop.staff.ask("POST /api/scores/recompute")
    shop.tenant.work_off()
    found = shop.staff.ask("GET /api/customers/scores")["results"]
    assert found
    shop.staff.ask("GET /api/customers/{customer_id}/score", customer_id=found[0]["customer_id"])


def leave(shop: Shop) -> None:
    """Robin signs out; somebody without orders closes the account."""
    shop.customer.ask("POST /api/logout")
    leaving = make_customer(shop.tenant)
    shop.as_(leaving.client()).reply("DELETE /api/users/{user_id}", status=204, user_id=leaving.id)


def multipart(fields: Mapping[str, Field]) -> bytes:
    """A form under the boundary of `FORM`."""
    parts = []
    for name, value in fields.items():
        head, content = f'form-data; name="{name}"', value.encode() if isinstance(value, str) else value[2]
        if not isinstance(value, str):
            head += f'; filename="{value[0]}"\r\nContent-Type: {value[1]}'
        parts.append(b"--frontier\r\nContent-Disposition: " + head.encode() + b"\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + b"--frontier--\r\n"
