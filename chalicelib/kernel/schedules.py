"""What runs by the clock. EventBridge Scheduler calls these on AWS, the local stage's pump at the same intervals.

Each may run twice at once or not at all for a while: the next run catches up.
"""

from importlib import import_module
from typing import Any

from chalicelib.kernel import audit, jobs, key_uses, retention

INTERVALS_S = {
    "relay_outbox": 60.0,
    "seal_audit": 60.0,
    "expire_holds": 60.0,
    "purge_expired": 3600.0,
    "sync_connectors": 300.0,
    "settle_payments": 300.0,
    "count_key_uses": 300.0,
    "score_customers": 3600.0,
    "reconcile_payments": 3600.0,
}
"""Seconds between two runs on AWS. The relay keeps looking for the whole minute; see `relay_outbox`."""
LOCAL_INTERVALS_S = {
    "relay_outbox": 0.05,
    "seal_audit": 1.0,
    "expire_holds": 1.0,
    "purge_expired": 60.0,
    "sync_connectors": 1.0,
    "settle_payments": 1.0,
    "count_key_uses": 5.0,
    "score_customers": 60.0,
    "reconcile_payments": 3600.0,
}
"""The same on the local stage."""
RELAY_RUNS_S = 55.0


def relay_outbox(event: dict[str, Any], _context: Any) -> dict[str, int]:
    """Sends what is due. Runs for `relay_for_s` seconds of the event, by default almost until the next run begins."""
    return {"sent": jobs.relay(for_s=float(event.get("relay_for_s", RELAY_RUNS_S)))}


def seal_audit(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Chains the audit entries that were committed since the last run."""
    jobs.for_each_organization("seal_audit", audit.seal)
    return {"status": "sealed"}


def expire_holds(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Returns the stock of unpaid card orders whose time is over."""
    orders = import_module("chalicelib.orders")
    jobs.for_each_organization("expire_holds", orders.expire_unpaid)
    return {"status": "expired"}


def purge_expired(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Removes what is kept only for a while: idempotency keys, closed outbox rows, old sessions, unfinished uploads."""
    identity = import_module("chalicelib.identity")
    catalogue = import_module("chalicelib.catalogue")
    jobs.for_each_organization("purge_expired", retention.purge)
    jobs.for_each_organization("purge_expired", identity.purge_sessions)
    jobs.for_each_organization("purge_expired", catalogue.drop_unfinished_images)
    payments = import_module("chalicelib.payments")
    jobs.for_each_organization("purge_expired", payments.drop_stale_checks)
    return {"status": "purged"}


def sync_connectors(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Starts the syncs whose time has come, and takes over those whose worker died."""
    connectors = import_module("chalicelib.connectors")
    jobs.for_each_organization("sync_connectors", connectors.queue_due_syncs)
    return {"status": "queued"}


def settle_payments(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Queues the payments, refunds and disputes that Stripe must be asked about, and the links whose time is over."""
    payments = import_module("chalicelib.payments")
    jobs.for_each_organization("settle_payments", payments.queue_looks)
    return {"status": "queued"}


def count_key_uses(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Writes down how API keys were used, as processes have counted it meanwhile."""
    identity = import_module("chalicelib.identity")
    uses = key_uses.counted()
    jobs.for_each_organization("count_key_uses", lambda uow: identity.write_down_uses(uow, uses))
    return {"status": "counted"}


def score_customers(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Has scores of customers computed where the night's have not been yet."""
    insights = import_module("chalicelib.insights")
    jobs.for_each_organization("score_customers", insights.queue_nightly_scores)
    return {"status": "queued"}


def reconcile_payments(_event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Begins the night's comparison of orders, ledgers and Stripe, wherever it is night by the organization's clock."""
    payments = import_module("chalicelib.payments")
    jobs.for_each_organization("reconcile_payments", payments.start_nightly)
    return {"status": "started"}
