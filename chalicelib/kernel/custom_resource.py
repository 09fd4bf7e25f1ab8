"""What CloudFormation asks of a custom resource, and the answer it waits for.

The request carries a signed URL; the answer is a JSON object of at most 4,096 bytes that is PUT there, SUCCESS or FAILED. A
FAILED makes CloudFormation roll the stack back. Source: AWS CloudFormation, "Custom resource request and response
reference".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.kernel.log import count, logger

VALUE_LENGTH_MAX = 500
"""In characters of a text of ours; the whole answer has 4,096 bytes."""
ANSWER_TRIES = 6


def is_request(event: Mapping[str, Any]) -> bool:
    """Whether CloudFormation asks, and not somebody by hand."""
    return "ResponseURL" in event and "RequestType" in event


def answer(event: Mapping[str, Any], work: Callable[[], Mapping[str, str]], *, physical_id: str) -> dict[str, Any]:
    """Does the work of a Create or Update, none for a Delete, and tells CloudFormation how it ended; what was told.

    The work may be asked for again: CloudFormation repeats itself, and Lambda repeats what could not be answered, which is
    the one thing that is raised here. A failed work is not raised: Lambda would do it again after the roll-back began.
    """
    status: dict[str, Any] = {"Status": "SUCCESS", "Data": {}}
    if event["RequestType"] != "Delete":
        try:
            status["Data"] = {name: value[:VALUE_LENGTH_MAX] for name, value in work().items()}
        except Exception as error:
            logger.exception("deployment step failed")
            count("DeploymentStepFailed")
            status = {"Status": "FAILED", "Reason": _reason(error)}
    told = {
        **status,
        "PhysicalResourceId": event.get("PhysicalResourceId", physical_id),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    _put(event["ResponseURL"], json.dumps(told, ensure_ascii=False).encode())
    return told


def _reason(error: Exception) -> str:
    """One sentence for the stack's events. The words of our own errors only: PostgreSQL's quote what stands in tables."""
    words = str(error) if type(error).__module__.startswith("chalicelib.") else getattr(error, "sqlstate", None)
    return f"{type(error).__name__}: {words or 'see the log'}"[:VALUE_LENGTH_MAX]


def _put(url: str, body: bytes) -> None:
    """The URL is signed for an empty content type. Raises when S3 does not take the answer."""
    import urllib3

    retries = urllib3.Retry(
        total=ANSWER_TRIES, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), allowed_methods=["PUT"]
    )
    timeout = urllib3.Timeout(connect=5, read=10)
    with urllib3.PoolManager(retries=retries, timeout=timeout) as pool:
        reply = pool.request("PUT", url, body=body, headers={"Content-Type": ""})
    if reply.status != 200:
        raise RuntimeError(f"the answer to CloudFormation was refused with {reply.status}")
