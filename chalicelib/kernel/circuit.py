"""A circuit per provider: who keeps failing is left alone for a while, then asked by one caller before all others.

The circuits are Powertools' (its Circuit Breaker utility): one item each in our DynamoDB table, so that what one
environment found out spares the others; an item that is lost, or a table that cannot be reached, is a closed circuit.
A conditional write chooses the one who looks whether the provider is back. Failures are counted in a row and per
environment, before they open the circuit for all. Times are the machine's: a business clock that is moved must not
bring a provider back.

Ours are which failures count, `Retry-After`, and the metrics. A refusal is an answer: who refuses is there.
"""

import math
import random
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from chalicelib.kernel import clock, deadline, dynamo
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.providers import CircuitOpen, ProviderUnavailable
from chalicelib.kernel.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerConfig, CircuitInfo, CircuitTransition
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

OPENS_AFTER = 5
"""Failures in a row, in one environment."""
RETRY_AFTER_MAX_S = 15 * 60
"""No provider keeps us away for longer by one answer."""
Provider = Literal["stripe", "twilio", "smtp", "ses", "objects", "iot", "llm"]
"""Names of the circuits."""
_PK = "circuit"
_ELSEWHERE = "elsewhere#"
"""Before the names of circuits that nobody of ours can mend: they are not counted."""

Answer = TypeVar("Answer")


def ask(provider: Provider, question: Callable[[], Answer], *, takes_s: float) -> Answer:
    """Asks a provider, if its circuit is closed or it is our turn to look whether it is back; its answer.

    `question` raises ProviderUnavailable for a failure of the provider, and may raise anything else for an answer;
    `takes_s` is how long it may take in all. Raises CircuitOpen without asking, Unavailable when it could not end
    before the work's deadline, and what `question` raises.
    """
    return _ask(provider, question, takes_s)


def ask_elsewhere(whom: str, question: Callable[[], Answer], *, takes_s: float) -> Answer:
    """As `ask`, of a system that one of our users chose: an organization's shop, say. No operator of ours is alarmed."""
    return _ask(f"{_ELSEWHERE}{whom}", question, takes_s)


def _ask(provider: str, question: Callable[[], Answer], takes_s: float) -> Answer:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerOpenError, circuit_breaker

    deadline.check(takes_s)
    guarded = circuit_breaker(provider, _store(), on_transition=_tell, config=_config())
    try:
        answer, refusal = guarded(lambda: _answered(question))()
    except CircuitBreakerOpenError as error:
        raise CircuitOpen(provider, retry_after_s=_seconds_left(error.circuit)) from None
    except ProviderUnavailable as error:
        _note(provider, error)
        raise
    if refusal is not None:
        raise refusal
    return answer  # type: ignore[no-any-return]  # the decorator forgets the type


def list_circuits() -> list[dict[str, object]]:
    """Every provider with the state of its circuit (CLOSED, OPEN, HALF_OPEN) and the seconds until it is tried again."""
    circuits = {provider: _store().get_state(provider).to_circuit_info() for provider in get_args(Provider)}
    return [
        {
            "provider": provider,
            "state": str(circuit.state),
            "retry_after_s": 0 if circuit.opened_at is None else _seconds_left(circuit),
        }
        for provider, circuit in circuits.items()
    ]


def close_circuit(provider: Provider) -> None:
    """Closes a provider's circuit at once, for an operator who knows that it is back. Raises botocore's errors."""
    _store().save_closed(provider)


def _answered(question: Callable[[], Answer]) -> tuple[Answer | None, Exception | None]:
    """The outcome of a question as the circuit sees it: only what says that the provider as a whole is away is raised."""
    try:
        return question(), None
    except ProviderUnavailable as error:
        if error.cause != "deferred":
            raise
        return None, error
    except Exception as error:
        return None, error


def _note(provider: str, error: ProviderUnavailable) -> None:
    """Counts a failure. One that will not pass in a moment opens the circuit at once: all others would meet it too."""
    is_ours = not provider.startswith(_ELSEWHERE)
    if is_ours:
        count("ProviderUnavailable", provider=provider, cause=error.cause)
    if is_ours and error.cause == "ours":
        count("ProviderCredentials", provider=provider)
        logger.error("provider does not accept us", extra={"provider": provider})
    if error.cause == "ours" or error.retry_after_s:
        away_s = min(error.retry_after_s or _config().recovery_timeout, RETRY_AFTER_MAX_S)
        opened_at = int(clock.machine_s() + math.ceil(away_s)) - _config().recovery_timeout
        store = _store()
        dynamo.ask_or(None, lambda: store.save_open(provider, failure_count=1, opened_at=opened_at))
        if is_ours:
            count("CircuitOpened", provider=provider)


def _tell(transition: "CircuitTransition") -> None:
    if transition.circuit_name.startswith(_ELSEWHERE):
        return
    if transition.to_state == "OPEN":
        count("CircuitOpened", provider=transition.circuit_name)
    elif transition.to_state == "CLOSED":
        count("CircuitClosed", provider=transition.circuit_name)
    logger.warning("circuit changed", extra={"provider": transition.circuit_name, "to": str(transition.to_state)})


def _seconds_left(circuit: "CircuitInfo | None") -> int:
    """Until the next look, at least one second; a circuit that is being looked at takes no longer than that."""
    if circuit is None or circuit.opened_at is None:
        return 1
    return max(1, math.ceil(circuit.opened_at + _config().recovery_timeout - clock.machine_s()))


def _config() -> "CircuitBreakerConfig":
    return _config_of(settings().circuit_open_s)


@cache
def _config_of(open_s: int) -> "CircuitBreakerConfig":
    """The cool-down is jittered per environment, so that they do not all look at once, nor the circuits in step.

    No copy of the state is kept in memory: a read costs 5 ms beside a call that takes a hundred.
    """
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerConfig

    return CircuitBreakerConfig(
        failure_threshold=OPENS_AFTER,
        recovery_timeout=random.randint(open_s, open_s * 3 // 2),  # noqa: S311  # jitter, not a secret
        success_threshold=1,
        handled_exceptions=ProviderUnavailable,
        local_cache_max_age=0,
    )


def _store() -> "CircuitBreakerDynamoDBPersistence":
    return _store_of(settings().table_name, dynamo.client())


@lru_cache(maxsize=1)
def _store_of(table_name: str, client: Any) -> "CircuitBreakerDynamoDBPersistence":
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import (
        CircuitBreakerDynamoDBPersistence,
        CircuitStateRecord,
    )

    class Circuits(CircuitBreakerDynamoDBPersistence):
        """Their store on our table. An unreachable table is not waited for by every call."""

        def _get_record(self, name: str) -> CircuitStateRecord | None:
            return dynamo.ask_or(None, lambda: super(Circuits, self)._get_record(name))

    return Circuits(
        table_name,
        key_attr="pk",
        static_pk_value=_PK,
        sort_key_attr="sk",
        expiry_attr="ttl",
        boto3_client=client,
    )
