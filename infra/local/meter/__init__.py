"""The meter: what a run on the local stage would be billed for on AWS. On with METER=1, and nothing is here without it.

Each process of ours counts into a file of its own in the data directory; ``GET /sandbox/meter`` adds them up. What is
counted is a fact of this run; what AWS would do otherwise (intervals, pollers, processor share) is the cost sheet's to
say (infra/cost).
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from infra.local.meter import functions, hooks
from infra.local.meter.counters import Counts, Meter, Work, summed
from infra.local.meter.functions import Handler

__all__ = ["Counts", "Handler", "Meter", "Work", "api", "begin", "folder", "queue", "schedule", "summed", "the_meter"]

SWITCH = "QM_METER"


def folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where the counters lie, None when nothing is metered."""
    return Path(environment[SWITCH]) if environment.get(SWITCH) else None


@cache
def the_meter() -> Meter | None:
    """This process's meter, None when nothing is metered. Made at the first call, so after any fork."""
    found = folder()
    return Meter(found) if found else None


def begin() -> None:
    """Starts listening in this process; call it before the application is imported."""
    meter = the_meter()
    if meter is None:
        return
    hooks.hear_logs(meter)
    hooks.hear_aws(meter)
    hooks.hear_sql(meter)
    doors = {"stripe": os.environ["QM_STRIPE_API_BASE"], "twilio": os.environ["QM_TWILIO_API_BASE"]}
    hooks.hear_providers(meter, doors)


def api(handler: Handler) -> Handler:
    """The function behind the gateway, metered by route."""
    meter = the_meter()
    return functions.measured(meter, "api", handler, functions.route_of()) if meter else handler


def queue(name: str, handler: Handler) -> Handler:
    """The function behind a queue, metered by topic."""
    meter = the_meter()
    return functions.measured(meter, name, handler, functions.topic_of) if meter else handler


def schedule(name: str, handler: Handler) -> Handler:
    """The function behind a schedule, metered."""
    meter = the_meter()
    return functions.measured(meter, name, handler, functions.no_part) if meter else handler
