"""Where the kernel can be told to die, and a passage of each point in a day at which a test lets it."""

from chalicelib.kernel.faults import Fault

API = [
    Fault(point="uow.before_commit", process="gateway", number=4),
    Fault(point="uow.after_commit", process="gateway", number=9),
    Fault(point="key.claimed", process="gateway", detail="POST /api/orders"),
    Fault(point="key.keeping", process="gateway", detail="POST /api/picking/wave-create"),
    Fault(point="request.before_do", process="gateway", detail="/api/payments/create-intent"),
    Fault(point="request.after_do", process="gateway", detail="/api/payments/create-intent"),
    Fault(point="request.answered", process="gateway", detail="/api/orders"),
    Fault(point="request.answered", process="gateway", detail="/api/shipping/fulfill"),
    Fault(point="webhook.verified", process="gateway", detail="stripe"),
    Fault(point="webhook.received", process="gateway", detail="stripe"),
    Fault(point="request.answered", process="gateway", detail="/api/webhooks/stripe"),
]
"""In the API's workers, during one day."""

WORKERS = [
    Fault(point="relay.marked", process="pumps"),
    Fault(point="job.claimed", process="pumps", detail="messaging.sms"),
    Fault(point="job.before_do", process="pumps", detail="messaging.sms"),
    Fault(point="job.after_do", process="pumps", detail="messaging.sms"),
    Fault(point="job.after_do", process="pumps", detail="messaging.mail"),
    Fault(point="job.after_do", process="pumps", detail="robots.order_due"),
    Fault(point="audit.sealing", process="pumps"),
]
SCHEDULES = [
    Fault(point="relay.sent", process="pumps", number=2),
    Fault(point="facts.numbered", process="pumps", number=3),
    Fault(point="job.closing", process="pumps", detail="messaging.sms"),
    Fault(point="job.done", process="pumps", detail="messaging.sms"),
    Fault(point="uow.before_commit", process="pumps", detail="telemetry", number=5),
    Fault(point="uow.after_commit", process="pumps", detail="telemetry", number=4),
    Fault(point="uow.after_commit", process="pumps", detail="relay", number=20),
    Fault(point="audit.sealed", process="pumps"),
]
"""In the workers and schedules, during two days: more in one would only kill what has hardly begun."""

ALONE = [
    Fault(point="job.dead", process="pumps"),
    Fault(point="migration.applied"),
    Fault(point="migration.committed"),
]
"""What no day comes past; tests of their own."""

ALL = [*API, *WORKERS, *SCHEDULES, *ALONE]
