"""Circuits: a provider that keeps failing is left alone, and asked by one caller before all others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from chalicelib.kernel import circuit, deadline, dynamo
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.operations import operate
from chalicelib.kernel.providers import Cause, CircuitOpen, ProviderRefused, ProviderUnavailable, seconds_of
from chalicelib.kernel.settings import settings
from tests.circuits import close_all
from tests.threads import together

OPEN_S = 60
"""Longer than any test takes: a circuit is open until a test lets time pass."""
PATIENCE_S = 10.0
Configured = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _closed(aws: None, configured: Configured) -> Iterator[None]:
    """Circuits closed, with a cool-down of their own."""
    with configured(QM_CIRCUIT_OPEN_S=str(OPEN_S)):
        close_all()
        yield
        close_all()


class Provider:
    """Somebody to ask, who counts."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.asked = 0
        self._counting = threading.Lock()

    def answer(self) -> str:
        with self._counting:
            self.asked += 1
        if self.failure is not None:
            raise self.failure
        return "yes"

    def ask(self) -> str:
        """The answer, or the name of what was raised."""
        try:
            return circuit.ask("stripe", self.answer, takes_s=1)
        except Exception as error:
            return type(error).__name__


@pytest.fixture
def provider() -> Provider:
    return Provider()


def failing(cause: Cause = "outage", **more: Any) -> ProviderUnavailable:
    return ProviderUnavailable("stripe", "HTTP 500", maybe_done=True, cause=cause, **more)


def state() -> str:
    found = operate({"command": "list_circuits"})["result"]
    return next(str(each["state"]) for each in found if each["provider"] == "stripe")


def let_the_cool_down_pass() -> None:
    """The circuit was opened, or its prober began to look, longer ago than anybody waits. Waiting would race with the test."""
    key = {"pk": {"S": "circuit"}, "sk": {"S": "stripe"}}
    table = {"TableName": settings().table_name, "Key": key}
    known = dynamo.client().get_item(**table)["Item"]
    times = [name for name in ("opened_at", "probe_lease_expiry") if name in known]
    dynamo.client().update_item(
        **table,
        UpdateExpression=f"SET {', '.join(f'{name} = {name} - :passed' for name in times)}",
        ExpressionAttributeValues={":passed": {"N": str(10 * OPEN_S)}},
    )


def test_an_answer_is_passed_on(provider: Provider) -> None:
    assert (provider.ask(), provider.asked, state()) == ("yes", 1, "CLOSED")


def test_failures_in_a_row_open_it_and_then_nobody_asks(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.failure = failing()
    assert [provider.ask() for _ in range(circuit.OPENS_AFTER)] == ["ProviderUnavailable"] * circuit.OPENS_AFTER
    assert [provider.ask() for _ in range(20)] == ["CircuitOpen"] * 20
    assert (provider.asked, state()) == (circuit.OPENS_AFTER, "OPEN")
    assert capsys.readouterr().out.count('"CircuitOpened": 1') == 1


def test_an_open_circuit_says_when_to_come_back(provider: Provider) -> None:
    provider.failure = failing(retry_after_s=90)
    provider.ask()
    with pytest.raises(CircuitOpen) as opened:
        circuit.ask("stripe", provider.answer, takes_s=1)
    assert opened.value.retry_after_s in (89, 90, 91)
    assert (opened.value.maybe_done, provider.asked) == (False, 1)


def test_a_success_in_between_begins_the_count_anew(provider: Provider) -> None:
    for _ in range(3):
        provider.failure = failing()
        for _ in range(circuit.OPENS_AFTER - 1):
            provider.ask()
        provider.failure = None
        assert provider.ask() == "yes"
    assert state() == "CLOSED"


@pytest.mark.parametrize(
    ("_case", "error"),
    [
        ("a refusal", ProviderRefused("stripe", "card_declined", "No")),
        ("a call that must wait", failing("deferred")),
        ("something the adapter knows", KeyError("x")),
    ],
)
def test_who_refuses_is_there(_case: str, error: Exception, provider: Provider) -> None:
    provider.failure = error
    assert {provider.ask() for _ in range(4 * circuit.OPENS_AFTER)} == {type(error).__name__}
    assert (provider.asked, state()) == (4 * circuit.OPENS_AFTER, "CLOSED")


@pytest.mark.parametrize(
    ("_case", "error", "metric"),
    [
        ("it does not accept our key", failing("ours"), "ProviderCredentials"),
        ("it tells us when to come back", failing("busy", retry_after_s=60), "CircuitOpened"),
    ],
)
def test_what_everybody_would_meet_opens_it_at_once(
    _case: str, error: Exception, metric: str, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.failure = error
    assert [provider.ask() for _ in range(5)] == ["ProviderUnavailable", *["CircuitOpen"] * 4]
    assert provider.asked == 1
    assert f'"{metric}": 1' in capsys.readouterr().out


def test_no_provider_keeps_us_away_for_ever(provider: Provider) -> None:
    provider.failure = failing("busy", retry_after_s=10**9)
    provider.ask()
    (found,) = [each for each in circuit.list_circuits() if each["provider"] == "stripe"]
    assert int(str(found["retry_after_s"])) <= circuit.RETRY_AFTER_MAX_S + 1


def break_it(provider: Provider) -> None:
    """Opens the circuit and lets the cool-down pass; `asked` starts anew."""
    provider.failure = failing()
    for _ in range(circuit.OPENS_AFTER):
        provider.ask()
    assert state() == "OPEN"
    let_the_cool_down_pass()
    provider.asked = 0


def test_of_many_one_looks_whether_it_is_back(provider: Provider) -> None:
    break_it(provider)
    assert sorted(together(12, lambda _: provider.ask())) == ["CircuitOpen"] * 11 + ["ProviderUnavailable"]
    assert (provider.asked, state()) == (1, "OPEN")


def test_while_one_looks_the_others_wait(provider: Provider) -> None:
    break_it(provider)
    looking, may_answer = threading.Event(), threading.Event()

    def slow() -> str:
        looking.set()
        assert may_answer.wait(PATIENCE_S)
        return "yes"

    def caller(number: int) -> str:
        if number == 0:
            return circuit.ask("stripe", slow, takes_s=1)
        assert looking.wait(PATIENCE_S)
        found = provider.ask()
        may_answer.set()
        return found

    assert together(2, caller) == ["yes", "CircuitOpen"]
    assert (provider.asked, state()) == (0, "CLOSED")


@pytest.mark.parametrize(("_case", "failure"), [("works", None), ("refuses", ProviderRefused("stripe", "x", "No"))])
def test_a_provider_that_is_back_closes_it(
    _case: str, failure: Exception | None, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(provider)
    provider.failure = failure
    provider.ask()
    assert state() == "CLOSED"
    assert '"CircuitClosed": 1' in capsys.readouterr().out


def test_one_who_died_while_looking_does_not_leave_it_open(provider: Provider) -> None:
    break_it(provider)

    def die() -> str:
        raise SystemExit

    with pytest.raises(SystemExit):
        circuit.ask("stripe", die, takes_s=1)
    provider.failure = None
    assert together(1, lambda _: provider.ask()) == ["CircuitOpen"]
    let_the_cool_down_pass()
    assert together(1, lambda _: provider.ask()) == ["yes"]
    assert state() == "CLOSED"


def test_providers_have_circuits_of_their_own(provider: Provider) -> None:
    provider.failure = failing("ours")
    provider.ask()
    assert circuit.ask("twilio", lambda: "yes", takes_s=1) == "yes"


def test_a_table_that_cannot_be_reached_is_a_closed_circuit(provider: Provider, configured: Configured) -> None:
    provider.failure = failing("ours")
    provider.ask()
    with configured(QM_TABLE_NAME="a-table-that-is-not-there", QM_CIRCUIT_OPEN_S=str(OPEN_S)):
        assert [provider.ask() for _ in range(3)] == ["ProviderUnavailable"] * 3
    assert provider.ask() == "CircuitOpen"


def test_an_item_that_is_lost_is_a_closed_circuit(provider: Provider) -> None:
    provider.failure = failing("ours")
    provider.ask()
    dynamo.delete("circuit", "stripe")
    assert (provider.ask(), provider.asked) == ("ProviderUnavailable", 2)


def test_an_operator_closes_it(provider: Provider) -> None:
    provider.failure = failing("ours", retry_after_s=600)
    provider.ask()
    assert operate({"command": "close_circuit", "provider": "stripe"}) == {"result": None}
    assert (state(), "Input should be" in operate({"command": "close_circuit", "provider": "strip"})["error"]) == (
        "CLOSED",
        True,
    )


def test_a_call_that_would_end_too_late_is_not_begun(provider: Provider) -> None:
    with deadline.within(5), deadline.within(60):  # the earlier end holds
        assert 4 < deadline.remaining_s() <= 5
        with pytest.raises(Unavailable):
            circuit.ask("stripe", provider.answer, takes_s=6)
        assert (provider.asked, provider.ask()) == (0, "yes")
    assert deadline.remaining_s() == float("inf")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("0", 0.0), (None, None), ("", None), ("soon", None), ("-1", None), ("²", None)],
)
def test_retry_after_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header) == seconds
