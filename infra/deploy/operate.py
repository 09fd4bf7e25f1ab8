"""Asks a function of the stack, and waits for its answer."""

import json
from typing import Any

from infra.deploy.errors import DeployError


def invoke(lambda_: Any, function: str, event: dict[str, Any]) -> Any:
    """What the function answers. Raises DeployError when it failed; the log says why."""
    answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        said = payload if isinstance(payload, dict) else {}
        raise DeployError(
            f"{function} failed: {said.get('errorType', 'error')}: {said.get('errorMessage', 'see its log')}"
        )
    return payload


def command(lambda_: Any, function: str, name: str, arguments: str) -> Any:
    """The result of an operator's command, its arguments a JSON object. Raises DeployError for what is refused."""
    try:
        asked = json.loads(arguments or "{}")
    except ValueError as error:
        raise DeployError(f"ARGUMENTS are a JSON object: {error}.") from None
    if not isinstance(asked, dict):
        raise DeployError('ARGUMENTS are a JSON object, such as {"name": "Harbor"}.')
    answer = invoke(lambda_, function, {**asked, "command": name})
    if "error" in answer:
        raise DeployError(f"{name}: {answer['error']}.")
    return answer["result"]
