"""Secrets as they are now: from Secrets Manager when deployed, from the environment on the local and test stages.

A secret is read when it is first needed and again when it is older than `MAX_AGE_S`, so a rotation is noticed without a
restart. What cannot be read again stays in use as it was, with an alarm: an unreachable Secrets Manager must not close the
shop. What a refused password or an unknown key id asks for is read again at once (`renew`), at most every `RENEW_AFTER_S`
seconds, so that nobody can make us hammer Secrets Manager.
"""

import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from chalicelib.kernel import clock
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.settings import Secrets, settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

MAX_AGE_S = 300
RENEW_AFTER_S = 30
RETRY_AFTER_S = 10
"""How long Secrets Manager is left alone after it failed to answer."""

Content = TypeVar("Content", bound=BaseModel)


class Login(BaseModel):
    """A role of the database and its password. Fields beside these are left alone: RDS writes more of them."""

    model_config = ConfigDict(frozen=True)

    username: str
    password: SecretStr


class Unreadable(Exception):
    """Secrets Manager did not answer, or not with what belongs there."""


@dataclass
class _Held(Generic[Content]):
    """One secret as it was last read."""

    secret_id: str
    model: type[Content]
    content: Content | None = None
    read_at: float = -math.inf
    renewed_at: float = -math.inf
    failed_at: float = -math.inf

    def read(self, now: float) -> None:
        """Reads the secret, unless that failed just now; what cannot be read stays as it was."""
        if _within(RETRY_AFTER_S, self.failed_at, now):
            return
        try:
            self.content, self.read_at = _fetch(self.secret_id, self.model), now
        except Unreadable as error:
            self.failed_at = now
            count("SecretUnreadable")
            logger.error("secret cannot be read", extra={"error": str(error), "is_first": self.content is None})


_lock = threading.Lock()
_held: dict[str, _Held[Any]] = {}


def secrets() -> Secrets:
    """The platform's secrets. Raises Unavailable when they were never read and cannot be."""
    return read(settings().secret_id, Secrets) if _is_deployed() else settings().local_secrets


def renewed_secrets() -> Secrets:
    """The same, read again unless that was done just now: for a key id that is not on our list."""
    return renewed(settings().secret_id, Secrets) if _is_deployed() else settings().local_secrets


def read(secret_id: str, model: type[Content]) -> Content:
    """What a secret holds. Raises Unavailable when it was never read and cannot be."""
    with _lock:
        held, now = _held_of(secret_id, model), clock.timestamp()
        if not _within(MAX_AGE_S, held.read_at, now):
            held.read(now)
        return _content_of(held)


def renewed(secret_id: str, model: type[Content]) -> Content:
    """The same, read again at most every `RENEW_AFTER_S`. Raises Unavailable as `read` does."""
    with _lock:
        held, now = _held_of(secret_id, model), clock.timestamp()
        if not _within(RENEW_AFTER_S, held.renewed_at, now):
            held.renewed_at = now
            held.read(now)
        return _content_of(held)


def forget() -> None:
    """Forgets everything that was read: for what must not act on what it knew before."""
    with _lock:
        _held.clear()


def _is_deployed() -> bool:
    """Whether Secrets Manager is asked. A stage without doubles has no other secrets, so it must be told where."""
    if not settings().secret_id and not settings().is_local:
        raise RuntimeError("QM_SECRET_ID is not set")
    return bool(settings().secret_id)


def _held_of(secret_id: str, model: type[Content]) -> _Held[Content]:
    if not secret_id:
        raise RuntimeError(f"the id of a secret is not set: {model.__name__}")
    return _held.setdefault(secret_id, _Held(secret_id, model))


def _content_of(held: _Held[Content]) -> Content:
    if held.content is None:
        raise Unavailable(retry_after_s=RETRY_AFTER_S)
    return held.content


def _within(seconds: float, since: float, now: float) -> bool:
    """Whether `since` was less than `seconds` ago; a clock that was set back ends every period."""
    return 0 <= now - since < seconds


def _fetch(secret_id: str, model: type[Content]) -> Content:
    """Asks Secrets Manager. Raises Unreadable, which names what went wrong and quotes nothing of the secret."""
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError

    try:
        return model.model_validate(_provider().get(secret_id, transform="json", force_fetch=True))
    except (GetParameterError, TransformParameterError, ValidationError) as error:
        raise Unreadable(type(error.__context__ or error).__name__) from None


@lru_cache(maxsize=1)
def _provider() -> "SecretsProvider":
    """Powertools' way to Secrets Manager. Its own cache is passed over: it forgets what it cannot read again."""
    import boto3
    from aws_lambda_powertools.utilities.parameters import SecretsProvider
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 2, "mode": "standard"})
    return SecretsProvider(boto3_client=boto3.client("secretsmanager", config=config))
