"""Idempotency keys of guests, who are all nobody and still not the same."""

from dataclasses import replace

import pytest

from chalicelib.kernel import audit
from tests.kernel.apps import KernelClient
from tests.kernel.handlers import script
from tests.kernel.test_idempotency import Notes, bump
from tests.tenant import Tenant

UUID4, UUID7 = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "01980f3c-5b6a-7d2e-9c41-0a1b2c3d4e5f"
NEIGHBOUR = "198.51.100.23"


@pytest.mark.parametrize("key", [UUID4, UUID4.upper(), UUID7])
def test_a_guest_with_a_random_key_may_repeat_from_anywhere(kernel: KernelClient, notes: Notes, key: str) -> None:
    """A telephone that lost its network comes back with another address."""
    path = f"/api/kernel/scripts/{script(bump)}"
    first, second = (
        replace(kernel, address=address).post(path, {}, idempotency_key=key) for address in (kernel.address, NEIGHBOUR)
    )
    assert (second.body, second.headers["Idempotent-Replay"], notes()) == (first.body, "true", {"n": 1})


@pytest.mark.parametrize(
    "key",
    [
        "1",
        "order-1",
        "x" * 255,
        UUID4.replace("-", ""),
        f"{{{UUID4}}}",
        f"urn:uuid:{UUID4}",
        "00000000-0000-0000-0000-000000000001",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "c232ab00-9414-11ec-b3c8-9f6bdeced846",
        "886313e1-3b8a-5372-9b90-0c9aee199e5d",
    ],
)
def test_guests_do_not_meet_in_a_key_that_both_could_choose(kernel: KernelClient, notes: Notes, key: str) -> None:
    """Neither gets the other's answer, nor is refused for what the other sent; each may repeat."""
    path, neighbour = f"/api/kernel/scripts/{script(bump)}", replace(kernel, address=NEIGHBOUR)
    mine = kernel.post(path, {"said": "x"}, idempotency_key=key)
    theirs = neighbour.post(path, {"said": "x"}, idempotency_key=key)
    assert (mine.json, theirs.json, "Idempotent-Replay" in theirs.headers) == ({"said": 1}, {"said": 2}, False)
    again = neighbour.post(path, {"said": "x"}, idempotency_key=key)
    assert (again.body, again.headers["Idempotent-Replay"], notes()) == (theirs.body, "true", {"n": 2})
    assert neighbour.post(path, {"said": "y"}, idempotency_key=key).status == 422


def test_no_address_is_kept_with_a_key(kernel: KernelClient, tenant: Tenant) -> None:
    kernel.post(f"/api/kernel/scripts/{script(bump)}", {}, idempotency_key="k")
    (kept,) = tenant.rows("SELECT * FROM idempotency_key")
    assert kernel.address not in str(kept)


def test_what_a_guest_did_under_a_key_is_sealed_under_nobodys_name(kernel: KernelClient, tenant: Tenant) -> None:
    name = script(lambda call: call.uow.audit("tested", "guest", 1))
    assert kernel.post(f"/api/kernel/scripts/{name}", {}, idempotency_key="k").status == 204
    assert tenant.value("SELECT actor FROM audit_entry WHERE entity = 'guest'") == "anonymous:0"
    with tenant.uow() as uow:
        audit.seal(uow)
        assert audit.verify(uow).is_whole
