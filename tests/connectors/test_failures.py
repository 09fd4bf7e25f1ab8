"""Syncs that go wrong: the shop is away or busy, the worker dies, time runs out. Nothing is lost, nothing comes twice."""

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.connectors import queue_due_syncs, rules, syncs
from chalicelib.kernel import circuit, faults, jobs
from chalicelib.kernel.settings import settings
from tests.factories.connectors import Connection, make_shop, order, product
from tests.factories.stock import make_shelf
from tests.providers import Providers
from tests.tenant import Clock, Tenant


@pytest.fixture
def shop(tenant: Tenant, providers: Providers) -> Connection:
    return make_shop(tenant, providers)


def run_due(shop: Connection) -> int:
    """What the schedule does."""
    with shop.tenant.uow() as uow:
        started = queue_due_syncs(uow)
    shop.tenant.work_off(rounds=50)
    return started


def test_a_shop_that_fails_and_recovers(shop: Connection, providers: Providers, clock: Clock) -> None:
    shop.fill(products=3)
    providers.fail("shop", "*", times=None, status=500)
    for failures in (1, 2, 3):
        state = shop.sync("items")
        assert (state["sync_status"], state["consecutive_errors"]) == ("error", failures)
        assert state["last_error_message"] == "The other system does not answer: shop: answers 500"
        assert (state["last_success_at"], state["last_error_at"]) == (None, state["last_synced_at"])
    assert run_due(shop) == 0
    clock.advance(seconds=3 * 60)
    assert run_due(shop) == 0, "the third failure waits for four minutes"
    providers.recover()
    clock.advance(seconds=2 * 60)
    assert run_due(shop) == 1
    state = shop.state("items")
    assert (state["sync_status"], state["consecutive_errors"], state["records_synced"]) == ("idle", 0, 3)
    assert (state["next_sync_at"], state["last_success_at"]) == (None, state["last_synced_at"])
    assert state["last_error_message"] is not None


def test_nobody_tries_for_ever(shop: Connection, providers: Providers, clock: Clock) -> None:
    providers.fail("shop", "*", times=None, status=500)
    shop.sync("items")
    for _ in range(rules.ERRORS_MAX + 3):
        clock.advance(seconds=rules.LAST_RETRY_S + 1)
        run_due(shop)
    state = shop.state("items")
    assert (state["consecutive_errors"], state["next_sync_at"]) == (rules.ERRORS_MAX, None)


def test_what_only_a_person_can_mend_is_not_tried_again(shop: Connection, providers: Providers, clock: Clock) -> None:
    providers.fail("shop", "*", times=None, status=401)
    assert shop.sync("items")["next_sync_at"] is None
    shop.store(base_url="https://10.0.0.1")
    state = shop.sync("items")
    assert state["last_error_message"] == "The address leads to a private, loopback or internal network"
    assert (state["consecutive_errors"], state["next_sync_at"]) == (2, None)
    shop.client.delete(f"{shop.url}/credentials", {"warehouse_id": shop.tenant.warehouse_id})
    assert shop.request("items").status == 404


def test_a_shop_that_keeps_failing_is_left_alone_for_a_while(shop: Connection, providers: Providers) -> None:
    providers.count("shop", "products.list")
    providers.fail("shop", "*", times=None, status=500)
    for _ in range(circuit.OPENS_AFTER):
        assert shop.sync("items")["sync_status"] == "error"
    assert shop.sync("items")["sync_status"] == "running", "it waits for the circuit"
    assert providers.asked("shop", "products.list") == circuit.OPENS_AFTER
    assert shop.test().json["message"].endswith("circuit open")


def test_a_sync_goes_on_where_it_stopped(shop: Connection, providers: Providers) -> None:
    shop.fill(products=12)
    providers.fail("shop", "products.list", skip=2, status=500)
    assert shop.sync("items")["records_synced"] == 10
    providers.count("shop", "products.list")
    assert shop.sync("items")["records_synced"] == 2
    assert providers.asked("shop", "products.list") == 1


def test_a_shop_that_asks_for_patience_is_waited_for(shop: Connection, providers: Providers, clock: Clock) -> None:
    shop.fill(products=12)
    providers.fail("shop", "products.list", skip=1, status=429, retry_after_s=60)
    assert shop.request("items").status == 202
    shop.tenant.work_off()
    state = shop.state("items")
    assert (state["sync_status"], state["consecutive_errors"], state["records_synced"]) == ("running", 0, 5)
    assert shop.request("items").status == 409
    clock.advance(seconds=62)
    providers.recover()
    shop.tenant.work_off()
    state = shop.state("items")
    assert (state["sync_status"], state["records_synced"]) == ("idle", 12)


def test_patience_has_an_end(shop: Connection, providers: Providers, clock: Clock) -> None:
    providers.fail("shop", "*", times=None, status=429, retry_after_s=10)
    shop.request("items")
    for _ in range(rules.WAITS_MAX + 1):
        shop.tenant.work_off(rounds=1)
        clock.advance(seconds=120)
    state = shop.state("items")
    assert state["sync_status"] == "error"
    assert state["last_error_message"] == "The other system asks for patience again and again"


def test_the_budget_of_calls_is_kept(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    shop = make_shop(tenant, providers, requests_per_minute="3")
    shop.fill(products=25)
    providers.count("shop", "products.list")
    shop.request("items")
    tenant.work_off()
    assert providers.asked("shop", "products.list") <= 6, "three calls in each of two minutes at most"
    assert shop.state("items")["sync_status"] == "running"


# Workers that die.


@pytest.fixture
def fault_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("QM_FAULT_FOLDER", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def order_fault(folder: Any, point: str, number: int) -> None:
    """At the n-th pass; files have names of their own, for passes are counted by them."""
    fault = faults.Fault(point=point, detail="connectors.sync", number=number, action="raise")
    (folder / f"{uuid4()}.json").write_text(fault.model_dump_json())
    faults._empty_at = -faults.LOOK_EVERY_S  # looked at from the very next pass on


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("point", ["job.before_do", "job.after_do"])
def test_a_worker_that_dies_between_any_two_steps_loses_nothing(
    point: str, number: int, shop: Connection, clock: Clock, fault_folder: Any
) -> None:
    """The message comes again when its lease is over, and the run goes on at its cursor: every order once."""
    shelf = make_shelf(shop.tenant, free=100)
    shop.fill(orders=[order((shelf.sku, 1)) for _ in range(17)])
    assert shop.request("orders").status == 202
    order_fault(fault_folder, point, number)
    with pytest.raises(faults.FaultRaised):
        shop.tenant.work_off()
    died = shop.state("orders")
    assert died["sync_status"] == "running"
    assert shop.request("orders").status == 409
    clock.advance(seconds=jobs.LEASE_MAX.total_seconds() + 1)
    shop.tenant.work_off()
    state = shop.state("orders")
    assert (state["sync_status"], state["task_id"]) == ("idle", died["task_id"])
    assert len(shop.orders()) == 17
    assert shelf.free() == 83


def test_a_dead_run_is_taken_over_and_its_late_worker_records_nothing(
    shop: Connection, providers: Providers, clock: Clock, fault_folder: Any
) -> None:
    shop.fill(products=12)
    first = shop.request("items").json["task_id"]
    order_fault(fault_folder, "job.after_do", 2)
    with pytest.raises(faults.FaultRaised):
        shop.tenant.work_off()
    clock.advance(seconds=rules.LEASE.total_seconds() + 1)
    second = shop.request("items")
    assert second.status == 202
    state = shop.state("items")
    assert (state["task_id"] == first, state["consecutive_errors"]) == (False, 1)
    assert state["last_error_message"] == "The worker that ran this sync was lost; it goes on where it was"
    providers.count("shop", "products.list")
    shop.tenant.work_off()
    assert providers.asked("shop", "products.list") == 2, "the first page was done"
    state = shop.state("items")
    assert (state["sync_status"], state["consecutive_errors"]) == ("idle", 0)
    assert shop.tenant.value("SELECT count(*) FROM variant") == 12


def test_the_schedule_takes_over_what_died(shop: Connection, clock: Clock) -> None:
    shop.fill(products=3)
    shop.request("items")
    shop.tenant.rows("UPDATE outbox SET closed_at = now() RETURNING id")
    assert run_due(shop) == 0
    clock.advance(seconds=rules.LEASE.total_seconds() + 1)
    assert run_due(shop) == 1
    assert shop.state("items")["sync_status"] == "idle"


def test_a_run_that_dies_again_and_again_is_left_to_a_person(shop: Connection, clock: Clock) -> None:
    shop.request("items")
    for _ in range(rules.ERRORS_MAX + 2):
        shop.tenant.rows("UPDATE outbox SET closed_at = now() RETURNING id")
        clock.advance(seconds=rules.LEASE.total_seconds() + 1)
        with shop.tenant.uow() as uow:
            queue_due_syncs(uow)
    state = shop.state("items")
    assert (state["sync_status"], state["consecutive_errors"]) == ("error", rules.ERRORS_MAX)
    assert shop.request("items").status == 202


def test_a_long_run_goes_on_in_other_messages(
    shop: Connection, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has time for one step only."""
    monkeypatch.setattr(syncs, "STEP_S", jobs.WORK_S + 1)
    shop.fill(products=12)
    assert shop.sync("items")["records_synced"] == 12
    assert shop.tenant.value("SELECT count(*) FROM outbox WHERE topic = 'connectors.sync'") == 3


# The clock.


def test_a_sync_with_an_interval_comes_again_by_itself(tenant: Tenant, providers: Providers, clock: Clock) -> None:
    shop = make_shop(tenant, providers, sync_minutes="30")
    shop.fill(products=[product()])
    assert run_due(shop) == 0
    assert shop.sync("items")["next_sync_at"] is not None
    assert run_due(shop) == 0
    shop.fill(products=[product()])
    clock.advance(seconds=30 * 60 + 1)
    assert run_due(shop) == 1
    assert tenant.value("SELECT count(*) FROM variant") == 2
    shop.client.delete(f"{shop.url}/credentials", {"warehouse_id": tenant.warehouse_id})
    clock.advance(seconds=30 * 60 + 1)
    assert run_due(shop) == 0
