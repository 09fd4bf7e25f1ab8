"""Customers, staff and the API keys of integrators."""

from infra.local.demo.model import ApiKey, Customer, StaffMember
from infra.local.demo.tables import cents, rows

STAFF_DOMAIN = "tillerby.example.com"


def customers() -> tuple[Customer, ...]:
    """Forty businesses around the Great Lakes."""
    return tuple(
        Customer(
            company=r["company"],
            first_name=r["first_name"],
            last_name=r["last_name"],
            email=r["email"],
            phone=r["phone"],
            street=r["street"],
            city=r["city"],
            state=r["state"],
            zip=r["zip"],
            business=r["business"],
            payment_terms=r["terms"],
            credit_limit_cents=cents(r["credit_limit"]),
        )
        for r in rows("customers")
    )


def staff() -> tuple[StaffMember, ...]:
    """Everybody who signs in, with all roles of all surfaces among them."""
    return tuple(
        StaffMember(
            username=r["username"],
            full_name=r["full_name"],
            email=f"{r['username']}@{STAFF_DOMAIN}",
            commerce_role=r["commerce_role"] or None,
            wms_role=r["wms_role"] or None,
            functions=tuple(r["functions"].split()),
            warehouses=tuple(r["warehouses"].split()),
            storage_role=r["storage_role"] or None,
        )
        for r in rows("staff")
    )


def api_keys() -> tuple[ApiKey, ...]:
    """What integrators would have been given."""
    return tuple(ApiKey(r["name"], r["surface"], tuple(r["scopes"].split())) for r in rows("api_keys"))
