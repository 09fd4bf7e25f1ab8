"""Structured logs and metrics. No secret and no personal datum: ids only.

Powertools' Logger writes one JSON object a line (29 µs); Metrics writes CloudWatch's embedded metric format.
"""

import json
import logging
import sys
import time
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.kernel.settings import settings

logger = Logger(service="quartermaster", level=settings().log_level, use_rfc3339=True)


def _leave_out_words(record: logging.LogRecord) -> bool:
    """Of an exception, logs where it came about and its type, not its sentence.

    PostgreSQL's and pydantic's sentences quote values: names, addresses, tokens. What of them helps and is nobody's
    (SQLSTATE, constraint, the type of the cause) becomes fields. On the local stage the whole exception is shown.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is None or settings().stage == "local" or type(error).__module__.startswith("chalicelib."):
        return True
    cause = error.__cause__ or error.__context__
    record.cause = type(cause).__name__ if cause is not None else None
    record.sqlstate = getattr(error, "sqlstate", None)
    record.constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    wordless = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    record.exc_info = (wordless, wordless(), error.__traceback__)
    return True


logger.addFilter(_leave_out_words)

TALKATIVE = ("boto3", "botocore", "chalice", "psycopg", "s3transfer", "stripe", "twilio", "urllib3")
"""Libraries that log requests, bodies or URLs below WARNING, whatever the level of the root logger is."""
for _name in TALKATIVE:
    logging.getLogger(_name).setLevel(logging.WARNING)


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Adds to a CloudWatch metric: what alarms look at (dead letters, surprises, a throttle that cannot ask).

    Counted twice: per stage, which is what an alarm can look at, and with the dimensions, which say where it was.
    Written directly in the embedded metric format: Powertools' Metrics keeps its state on the class, which the
    threads of the local server would mix up. Source: CloudWatch, Embedded metric format specification.
    """
    names = ["stage", *dimensions]
    record: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Quartermaster",
                    "Dimensions": [["stage"], names] if dimensions else [names],
                    "Metrics": [{"Name": name, "Unit": "Count"}],
                }
            ],
        },
        name: value,
        "stage": settings().stage,
        **dimensions,
    }
    sys.stdout.write(json.dumps(record) + "\n")
