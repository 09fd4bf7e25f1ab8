"""A Lambda function for the gateway's tests: it says what it was given, or misbehaves as the path asks."""

import json
from typing import Any


def handle(event: dict[str, Any], context: Any) -> Any:
    """The function."""
    if event["path"] == "/raises":
        raise RuntimeError("as asked")
    if event["path"] == "/nonsense":
        return {"status": 200}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": json.dumps(event),
    }
