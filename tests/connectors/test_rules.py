"""Texts, numbers and documents of strangers; the machine of a sync; when it is tried again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.errors import ProviderRefused
from chalicelib.connectors import rules
from chalicelib.connectors.rules import SYNC
from chalicelib.connectors.shops import documents
from chalicelib.connectors.shops.calls import Caller

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, places=3) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("state", ["idle", "running", "error"])
@pytest.mark.parametrize("event", ["start", "finish", "fail"])
def test_the_life_of_a_sync(state: Any, event: Any) -> None:
    allowed = {("idle", "start"), ("error", "start"), ("running", "finish"), ("running", "fail")}
    assert SYNC.allows(state, event) == ((state, event) in allowed)


@given(st.text(max_size=2000))
def test_messages_are_one_short_line_that_prints(text: str) -> None:
    said = rules.message(text)
    assert len(said) <= rules.MESSAGE_MAX
    assert said.isprintable()


@given(JSON)
def test_a_strangers_value_is_text_that_can_be_stored_or_nothing(value: Any) -> None:
    text = rules.text_of(value, 100)
    assert len(text) <= 100
    assert text.isprintable()
    text.encode()
    assert rules.id_of(value) in ("", str(value))
    units, minor = rules.units_of(value), rules.minor_of(value)
    assert units is None or units > 0
    assert minor is None or minor >= 0


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (3, 3),
        ("3", 3),
        (Decimal("3.0"), 3),
        ("3.5", None),
        (0, None),
        (-1, None),
        (True, None),
        ("1e99", None),
        ("", None),
    ],
)
def test_units(value: Any, units: int | None) -> None:
    assert rules.units_of(value) == units


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        ("12.5", 1250),
        (Decimal("0.01"), 1),
        (7, 700),
        ("0", 0),
        ("1.005", None),
        ("-1", None),
        ("NaN", None),
        ("x", None),
    ],
)
def test_amounts(value: Any, minor: int | None) -> None:
    assert rules.minor_of(value) == minor


def test_retries_come_later_and_later_and_end() -> None:
    waits = [rules.retry_at(NOW, failures, is_hopeless=False) for failures in range(1, rules.ERRORS_MAX)]
    assert waits[:3] == [NOW + timedelta(minutes=minutes) for minutes in (1, 2, 4)]
    assert waits == sorted(waits, key=lambda at: at or NOW)
    assert rules.retry_at(NOW, rules.ERRORS_MAX, is_hopeless=False) is None
    assert rules.retry_at(NOW, 1, is_hopeless=True) is None
    assert rules.retry_at(NOW, 1, is_hopeless=False, after_s=600) == NOW + timedelta(seconds=600)


@given(JSON, st.text(max_size=20))
def test_a_path_into_a_record_never_fails(record: Any, path: str) -> None:
    documents.find(record, path)


def test_paths_into_records() -> None:
    record = {"a": {"b": [{"c": 1}, {"c": 2}]}, "d": None}
    found = [documents.find(record, path) for path in ("a.b.1.c", "a.b.2.c", "a.x.y", "d.e", "", None)]
    assert found == [2, None, None, None, record, None]


def test_templates_keep_numbers_and_escape_paths() -> None:
    target = documents.Target(
        method="PUT", path="/levels/{id}?sku={sku}", body={"n": "{quantity}", "said": ["{sku}: {quantity}", 1, None]}
    )
    path, body = target.filled({"id": "a/../b?c", "sku": "S 1", "quantity": 7})
    assert path == "/levels/a%2F..%2Fb%3Fc?sku=S%201"
    assert body == {"n": 7, "said": ["S 1: 7", 1, None]}


def test_values_that_look_like_names_are_not_filled_in_again() -> None:
    target = documents.Target(path="/{id}", body={"a": "{sku} {id}"})
    assert target.filled({"id": "1", "sku": "{id}"})[1] == {"a": "{id} 1"}


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
        ("\ufeffa;b\n1\n".encode(), [{"a;b": "1"}]),
        (b'a,b\n"x\ny",2,3\n', [{"a": "x\ny", "b": "2"}]),
        (b"", []),
    ],
)
def test_csv_files(raw: bytes, rows: list[dict[str, str]]) -> None:
    assert documents.rows_of_csv(raw) == rows


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b'a,b\n"x'])
def test_what_is_no_csv_file(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        documents.rows_of_csv(raw)


@pytest.mark.parametrize(
    "page", ["https://other.example.test/p2", "http://shop.example.test/p2", "ftp://shop.example.test"]
)
def test_pages_lie_on_the_host_of_the_shop(page: str) -> None:
    """Else a link in an answer could carry the shop's key to somebody else."""
    caller = Caller(1, "rest#1", "https://shop.example.test", {"Authorization": "Bearer x"})
    with pytest.raises(ProviderRefused):
        caller.get(page)
