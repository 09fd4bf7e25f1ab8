"""What botocore raises, in the words that all adapters share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.kernel.providers import Cause, ProviderRefused, ProviderUnavailable, seconds_of

_BUSY = frozenset({"SlowDown", "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
"""AWS names them differently, some with 400 and some with 503 (S3, Error responses; IoT data plane, Publish)."""


@contextmanager
def translated(provider: str) -> Iterator[None]:
    """Turns botocore's exceptions into ours: a 4xx is a refusal, unless it is about our rights or a missing resource of ours.

    What a call makes of a missing object is the adapter's own: it must catch that inside the block.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _of(provider, error.response) from error
    except BotoCoreError as error:
        raise ProviderUnavailable(provider, type(error).__name__, maybe_done=True) from error


def _of(provider: str, response: Any) -> ProviderUnavailable | ProviderRefused:
    code = str(response.get("Error", {}).get("Code", ""))
    answer = response.get("ResponseMetadata", {})
    status, headers = answer.get("HTTPStatusCode", 500), answer.get("HTTPHeaders", {})
    if 400 <= status < 500 and not _is_for_now(status, code):
        return ProviderRefused(provider, code, code)
    retry_after_s = seconds_of(headers.get("retry-after"))
    maybe_done = status >= 500 and code not in _BUSY
    return ProviderUnavailable(
        provider, code, maybe_done=maybe_done, cause=_cause(status, code), retry_after_s=retry_after_s
    )


def _is_for_now(status: int, code: str) -> bool:
    return status in (401, 403, 404, 429) or code in _BUSY


def _cause(status: int, code: str) -> Cause:
    if code in _BUSY or status == 429:
        return "busy"
    return "ours" if status in (401, 403, 404) else "outage"
