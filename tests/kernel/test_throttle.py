"""Throttles: counted by the address that API Gateway saw, and no header talks around them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import dynamo
from tests.kernel.apps import PREFIXES, KernelClient, error_body
from tests.kernel.handlers import NARROW
from tests.tenant import Clock
from tests.threads import together

_addresses = count(1)
Configured = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _limits_on(configured: Configured) -> Iterator[None]:
    with configured(QM_LIMITS="on"):
        yield


@pytest.fixture
def caller(kernel: KernelClient, clock: Clock) -> KernelClient:
    """From an address of its own, at the beginning of a window."""
    clock.advance(seconds=NARROW.window_s - business_clock.timestamp() % NARROW.window_s)
    return replace(kernel, address=f"198.51.100.{next(_addresses)}")


def statuses(caller: KernelClient, calls: int, prefix: str = "/api/kernel", **headers: str) -> list[int]:
    return [caller.get(f"{prefix}/limited", **headers).status for _ in range(calls)]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_fourth_call_of_a_minute_is_refused(caller: KernelClient, prefix: str) -> None:
    assert statuses(caller, 3, prefix) == [200, 200, 200]
    reply = caller.get(f"{prefix}/limited")
    assert (reply.status, reply.json) == (429, error_body(prefix, "Too many requests", "rate_limited"))
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    assert reply.statements == 0  # the database is not asked


def test_the_count_begins_anew_with_the_next_window(caller: KernelClient, clock: Clock) -> None:
    assert statuses(caller, 4)[-1] == 429
    retry_after = int(caller.get("/api/kernel/limited").headers["Retry-After"])
    clock.advance(seconds=retry_after)
    assert statuses(caller, 4) == [200, 200, 200, 429]


def test_the_addresses_of_one_network_are_one_caller(caller: KernelClient) -> None:
    """Whoever has one IPv6 address has 2^64 of them; an address of IPv4 stays one, however it is written."""
    network = f"2001:db8:{next(_addresses):x}"
    calls = [replace(caller, address=f"{network}::{number}") for number in range(1, 5)]
    assert [statuses(each, 1) for each in calls] == [[200], [200], [200], [429]]
    assert statuses(replace(caller, address=f"{network}:1::1"), 1) == [200]
    assert statuses(caller, 3) == [200, 200, 200]
    assert statuses(replace(caller, address=f"::ffff:{caller.address}"), 1) == [429]


def test_no_header_changes_the_address(caller: KernelClient) -> None:
    statuses(caller, 3)
    for name in ("x_forwarded_for", "x_real_ip", "forwarded", "true_client_ip", "cf_connecting_ip", "x_client_ip"):
        assert statuses(caller, 1, **{name: "192.0.2.1"}) == [429], name
    assert statuses(caller, 1, host=caller.host, user_agent="another") == [429]


def test_another_address_has_a_count_of_its_own(caller: KernelClient) -> None:
    assert statuses(caller, 4)[-1] == 429
    assert statuses(replace(caller, address="2001:db8::1"), 1) == [200]


def test_endpoints_with_one_limit_share_the_count(caller: KernelClient) -> None:
    assert [*statuses(caller, 2), *statuses(caller, 2, "/api/v1/kernel")] == [200, 200, 200, 429]


def test_calls_at_once_are_counted_each(caller: KernelClient) -> None:
    assert sorted(together(10, lambda _: statuses(caller, 1)[0])) == [200] * 3 + [429] * 7


def test_a_throttle_that_cannot_count_lets_pass_and_says_so(
    caller: KernelClient, configured: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    with configured(QM_TABLE_NAME="a-table-that-is-not-there"):
        assert statuses(caller, 5) == [200] * 5
    assert '"ThrottleBlind": 1' in capsys.readouterr().out


def test_only_the_local_stages_may_switch_it_off(caller: KernelClient, configured: Configured) -> None:
    with configured(QM_LIMITS="off"):
        assert statuses(caller, 5) == [200] * 5
    with configured(QM_LIMITS="off", QM_STAGE="prod", QM_OUTBOUND_ALLOWED=""):
        assert statuses(caller, 4)[-1] == 429


# The table under it.


def test_a_counter_that_expired_begins_anew(aws: None, clock: Clock) -> None:
    assert [dynamo.increment("count#test", "a", lasts_s=30) for _ in range(3)] == [1, 2, 3]
    clock.advance(seconds=31)
    assert dynamo.increment("count#test", "a", lasts_s=30) == 1


def test_counters_at_once_lose_nothing(aws: None) -> None:
    found = together(12, lambda _: dynamo.increment("count#storm", "a", lasts_s=30))
    assert sorted(found) == list(range(1, 13))


def test_what_is_expired_is_gone_before_dynamodb_removes_it(aws: None, clock: Clock) -> None:
    dynamo.put("item#test", "a", {"said": "x"}, lasts_s=30)
    assert dynamo.get("item#test", "a") == {"pk": "item#test", "sk": "a", "said": "x"}
    clock.advance(seconds=31)
    assert dynamo.get("item#test", "a") is None


def test_of_many_who_take_an_item_one_gets_it(aws: None) -> None:
    dynamo.put("item#test", "b", {"said": "x"}, lasts_s=30)
    assert sorted(together(6, lambda _: dynamo.delete("item#test", "b"))) == [False] * 5 + [True]


def test_of_many_who_exchange_a_text_one_does(aws: None, clock: Clock) -> None:
    dynamo.put("item#test", "c", {"said": "old"}, lasts_s=30)
    swapped = together(6, lambda n: dynamo.swap("item#test", "c", "said", old="old", new=f"new {n}"))
    assert sorted(swapped) == [False] * 5 + [True]
    clock.advance(seconds=31)
    assert not dynamo.swap("item#test", "c", "said", old=f"new {swapped.index(True)}", new="later")
