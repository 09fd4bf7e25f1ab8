"""Structured logs and metrics. No secret and no personal datum: ids only.

Powertools' Logger writes one JSON object a line (29 µs); Metrics writes CloudWatch's embedded metric format.
"""

import json
import sys
import time
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.kernel.settings import settings

logger = Logger(service="quartermaster", level=settings().log_level, use_rfc3339=True)


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Adds to a CloudWatch metric: what alarms look at (dead letters, surprises, a throttle that cannot ask).

    Written directly in the embedded metric format: Powertools' Metrics keeps its state on the class, which the
    threads of the local server would mix up. Source: CloudWatch, Embedded metric format specification.
    """
    names = list(dimensions)
    record: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Quartermaster",
                    "Dimensions": [names],
                    "Metrics": [{"Name": name, "Unit": "Count"}],
                }
            ],
        },
        name: value,
        **dimensions,
    }
    sys.stdout.write(json.dumps(record) + "\n")
