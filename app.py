"""What Lambda runs: the API behind one greedy route, the queues' workers, the schedules, the migration step, the operator.

Event handlers are declared here and not on blueprints: Chalice deploys a blueprint's without importing this file
(FACTS.md, Chalice 9).
"""

from typing import Any

from chalicelib import routes
from chalicelib.kernel import schedules
from chalicelib.kernel.application import App, RouteEntry
from chalicelib.kernel.jobs import handle_batch
from chalicelib.kernel.operations import operate as run_command

app = App("quartermaster", (RouteEntry(*row) for row in routes.ROUTES))


def _serve(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A request like any other: the gateway sends these paths here, so that the function has its own concurrency and rights."""
    return app(event, context)


webhooks_api = app.lambda_function(name="webhooks_api")(_serve)
voice_api = app.lambda_function(name="voice_api")(_serve)


def _work_on(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Works on a batch of outbox messages; answers which of them SQS should deliver again."""
    return handle_batch(event, routes.CONSUMERS)


work_queue = app.lambda_function(name="work_queue")(_work_on)
messages_queue = app.lambda_function(name="messages_queue")(_work_on)
robots_queue = app.lambda_function(name="robots_queue")(_work_on)
webhooks_queue = app.lambda_function(name="webhooks_queue")(_work_on)
deliveries_queue = app.lambda_function(name="deliveries_queue")(_work_on)


def _hear_robots(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes what robots said, as the IoT rule put it on the queue."""
    from chalicelib.robots.jobs import handle_telemetry_batch

    return handle_telemetry_batch(event)


telemetry_queue = app.lambda_function(name="telemetry_queue")(_hear_robots)

relay_outbox = app.lambda_function(name="relay_outbox")(schedules.relay_outbox)
seal_audit = app.lambda_function(name="seal_audit")(schedules.seal_audit)
expire_holds = app.lambda_function(name="expire_holds")(schedules.expire_holds)
purge_expired = app.lambda_function(name="purge_expired")(schedules.purge_expired)
sync_connectors = app.lambda_function(name="sync_connectors")(schedules.sync_connectors)
settle_payments = app.lambda_function(name="settle_payments")(schedules.settle_payments)
count_key_uses = app.lambda_function(name="count_key_uses")(schedules.count_key_uses)
score_customers = app.lambda_function(name="score_customers")(schedules.score_customers)
reconcile_payments = app.lambda_function(name="reconcile_payments")(schedules.reconcile_payments)


def _prepare(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Makes roles, database and schema what this version needs; CloudFormation asks for it before the version serves."""
    from chalicelib.kernel.deployment import prepare

    return prepare(event, context)


migrate = app.lambda_function(name="migrate")(_prepare)
operate = app.lambda_function(name="operate")(run_command)
