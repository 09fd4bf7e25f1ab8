"""Keys of ours: made at the first deployment, and changed without anybody noticing.

A key is changed in two steps, because functions read the secret every few minutes and at different moments: first all learn
to recognise the new key, then it signs (vault.MAX_AGE_S). What was signed before counts as long as its key is on the list.
"""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from chalicelib.kernel.vault import MAX_AGE_S
from infra.deploy.errors import DeployError
from infra.deploy.operate import invoke
from infra.deploy.stack import Stack

Kind = Literal["jwt", "hash", "database", "owner"]
SIGNING_KEYS_KEPT = 3
"""Sessions last eight hours at most: who rotates more than twice in that time signs people out."""
SECRET_OUTPUT = "ApplicationSecretArn"  # the name of an output
ROLES = {"database": "DatabaseApplicationSecret", "owner": "DatabaseOwnerSecret"}
LEARNING_S = MAX_AGE_S + 60.0
"""Until every function has read the secret again."""


def make_first(secretsmanager: Any, stack: Stack) -> None:
    """Gives a new installation its first signing key: CloudFormation can make up one value of a secret only."""
    secret_id = stack.outputs().get(SECRET_OUTPUT)
    if secret_id is None:
        raise DeployError(f"The stack has no output {SECRET_OUTPUT}, where its keys should go.")
    document = _read(secretsmanager, secret_id)
    if not document.get("jwt_keys"):
        _write(secretsmanager, secret_id, {**document, "jwt_keys": _signing_key()})
        stack.say("Made the first signing key.")


def rotate(kind: Kind, secretsmanager: Any, lambda_: Any, stack: Stack, *, wait: Callable[[float], None]) -> None:
    """Changes the signing keys, the hash keys, or the password of a database role. Takes six minutes for keys.

    `wait` sleeps for some seconds. Raises DeployError; a rotation that was interrupted is begun anew by the next.
    """
    if kind in ROLES:
        _rotate_password(stack.resource(ROLES[kind]), secretsmanager, lambda_, stack)
    else:
        _rotate_key(kind, stack.resource("ApplicationSecret"), secretsmanager, stack, wait)
    stack.say("Done.")


def _rotate_key(kind: str, secret_id: str, secretsmanager: Any, stack: Stack, wait: Callable[[float], None]) -> None:
    field, new = ("jwt_keys", _signing_key()) if kind == "jwt" else ("hash_key", _secret())
    document = _read(secretsmanager, secret_id)
    known = document.get(field, "").split()
    _write(secretsmanager, secret_id, {**document, field: " ".join([*known, new])})
    stack.say(
        f"The new key is on the list; it will be used in {LEARNING_S / 60:.0f} minutes, when all functions know it."
    )
    wait(LEARNING_S)
    document = _read(secretsmanager, secret_id)  # anew: a provider's key may have been changed meanwhile
    if document.get(field, "").split() != [*known, new]:
        raise DeployError(f"{field} was changed by somebody else meanwhile; the new key is on the list and not used.")
    kept = known[: SIGNING_KEYS_KEPT - 1] if kind == "jwt" else known
    _write(secretsmanager, secret_id, {**document, field: " ".join([new, *kept])})


def _rotate_password(secret_id: str, secretsmanager: Any, lambda_: Any, stack: Stack) -> None:
    """New connections are refused for the moment between the two steps, and come back by themselves (503, Retry-After)."""
    document = _read(secretsmanager, secret_id)
    _write(secretsmanager, secret_id, {**document, "password": _secret()})
    stack.say("The secret has a new password; the migration step gives it to the role.")
    invoke(lambda_, stack.resource("Migrate"), {})


def _read(secretsmanager: Any, secret_id: str) -> dict[str, Any]:
    text = secretsmanager.get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError:
        raise DeployError(f"The secret {secret_id} holds no JSON; nothing was changed.") from None
    return document


def _write(secretsmanager: Any, secret_id: str, document: dict[str, Any]) -> None:
    secretsmanager.put_secret_value(SecretId=secret_id, SecretString=json.dumps(document))


def _signing_key() -> str:
    """Named by when it was made."""
    return f"k{datetime.now(UTC):%Y%m%d%H%M%S}:{_secret()}"


def _secret() -> str:
    return secrets.token_urlsafe(48)
