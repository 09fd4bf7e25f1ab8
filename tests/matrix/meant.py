"""Which record a variable of a path means, where it is another one than elsewhere."""

MEANT: dict[str, dict[str, str]] = {
    "/api/staff/users/{user_id}/credit": {"user_id": "customer_id"},
    "/api/staff/users/{user_id}/credit/issue": {"user_id": "customer_id"},
    "/api/staff/checks/{order_number}": {"order_number": "check_order_number"},
    "/api/staff/checks/{order_number}/approve": {"order_number": "check_order_number"},
    "/api/staff/checks/{order_number}/back": {"order_number": "check_order_number"},
    "/api/staff/checks/{order_number}/reject": {"order_number": "check_order_number"},
}
"""Paths whose variable names another kind of record than elsewhere."""
