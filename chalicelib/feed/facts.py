"""What integrators hear about their own webhook endpoints (kernel/facts.py)."""

from typing import Literal

from chalicelib.kernel.facts import Fact


class Tested(Fact, type="webhook_endpoint.tested", of="webhook_endpoint_id"):
    """Somebody wants to see whether deliveries arrive; only the endpoint itself is told."""

    webhook_endpoint_id: int


class Disabled(Fact, type="webhook_endpoint.disabled", of="webhook_endpoint_id"):
    """Nothing more is sent to an endpoint: it answered 410, or has failed for days."""

    webhook_endpoint_id: int
    reason: Literal["gone", "failing"]
