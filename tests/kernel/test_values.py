"""Money, ids and states: the small things that everything is made of."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from chalicelib.kernel import ids, money
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.shapes import Barcode, LotNumber, Sku
from chalicelib.kernel.states import Machine

MINOR = st.integers(-money.AMOUNT_MAX, money.AMOUNT_MAX)


class Priced(BaseModel):
    price: money.Amount


# Money.


@given(MINOR)
@example(0)
@example(1)
@example(money.AMOUNT_MAX)
def test_an_amount_survives_the_wire(minor: int) -> None:
    text = TypeAdapter(Priced).dump_json(Priced(price=minor)).decode()
    number = text.removeprefix('{"price":').removesuffix("}")
    assert money.parse_amount(Decimal(number)) == minor


@given(MINOR)
def test_whole_numbers_are_amounts_too(minor: int) -> None:
    assume(abs(minor) * 100 <= money.AMOUNT_MAX)
    assert money.parse_amount(minor) == minor * 100


@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ("12.5", 1250),
        ("0.01", 1),
        ("12.500000", 1250),
        ("1e3", 100_000),
        ("-0.10", -10),
        ("0", 0),
        ("10000000000", 10**12),
    ],
)
def test_ways_to_write_an_amount(written: str, minor: int) -> None:
    assert money.parse_amount(Decimal(written)) == minor


@pytest.mark.parametrize(
    "wrong",
    [
        Decimal("0.005"),
        Decimal("12.345"),
        Decimal("1.00000000000000000000000000000000000001"),
        Decimal("1e-300"),
        Decimal("1e-999999999"),
        Decimal("0.000000000000000000000000000000000000001"),
        Decimal("10000000000.01"),
        Decimal("1e300"),
        Decimal("1e999999999"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("sNaN"),
        10**11,
        10**400,
        12.5,
        True,
        "12.5",
        None,
        [],
    ],
    ids=str,
)
def test_what_is_no_amount(wrong: Any) -> None:
    with pytest.raises(PydanticCustomError):
        money.parse_amount(wrong)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_an_amount_is_exact_or_refused(number: Decimal) -> None:
    try:
        minor = money.parse_amount(number)
    except PydanticCustomError:
        return
    assert Decimal(minor) / 100 == number


@pytest.mark.parametrize(
    ("wrong", "type_"), [(0, "greater_than"), (Decimal("-0.01"), "greater_than"), (-5, "greater_than")]
)
def test_a_price_in_a_request_is_positive(wrong: Any, type_: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(money.AmountIn).validate_python(wrong)
    assert caught.value.errors()[0]["type"] == type_


@pytest.mark.parametrize(
    ("minor", "basis_points", "part"),
    [(1000, 1000, 100), (5, 1000, 1), (-5, 1000, -1), (4, 1000, 0), (15, 1000, 2), (0, 10_000, 0), (999, 10_000, 999)],
)
def test_shares_round_halves_away_from_zero(minor: int, basis_points: int, part: int) -> None:
    assert money.share(minor, basis_points) == part


@given(MINOR, st.integers(0, 10_000))
def test_a_share_is_never_more_than_the_whole_nor_off_by_a_unit(minor: int, basis_points: int) -> None:
    part = money.share(minor, basis_points)
    assert abs(part) <= abs(minor)
    assert abs(part * 10_000 - minor * basis_points) <= 5_000


# Ids.


def test_order_numbers_have_the_promised_form_and_do_not_repeat() -> None:
    numbers = {ids.order_number() for _ in range(2000)}
    assert len(numbers) == 2000
    signs = set("23456789ABCDEFGHJKMNPQRSTVWXYZ")
    for number in numbers:
        start, left, right = number.split("-")
        assert (start, len(left), len(right), set(left + right) <= signs) == ("QM", 5, 5, True)


def test_secrets_are_long_and_do_not_repeat() -> None:
    made = {ids.token() for _ in range(500)} | {ids.api_key() for _ in range(500)}
    assert (len(made), min(map(len, made)) >= 43) == (1000, True)
    assert all(ids.is_api_key(key) == key.startswith("qmk_") for key in made)


def test_one_time_codes_are_six_digits() -> None:
    assert all(len(code) == 6 and code.isdecimal() for code in (ids.one_time_code() for _ in range(500)))


def test_hashes_differ_by_purpose_and_key(configured: Any) -> None:
    first = ids.keyed_hash("code", "123456")
    assert (len(first), first == ids.keyed_hash("code", "123456")) == (32, True)
    assert first != ids.keyed_hash("token", "123456")
    assert ids.keyed_hash("a", "b\0c") != ids.keyed_hash("a\0b", "d")
    with configured(QM_HASH_KEY="another"):
        assert ids.keyed_hash("code", "123456") != first
    with configured(QM_HASH_KEY=""), pytest.raises(RuntimeError):
        ids.keyed_hash("code", "123456")


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=5))
def test_uuids_sort_by_time_and_say_so(times: list[int]) -> None:
    made = [ids.uuid7(now_ms) for now_ms in times]
    assert all((u.version, u.variant) == (7, uuid.RFC_4122) for u in made)
    assert [u.int >> 80 for u in made] == times


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.5, True, "1", None, Decimal("1.0")], ids=str)
def test_an_id_in_a_body_is_a_json_integer_that_fits(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ids.Id).validate_python(value)


# States.

DOOR: Machine[str, str] = Machine(
    "door",
    {
        ("closed", "open"): "open",
        ("open", "close"): "closed",
        ("closed", "lock"): "locked",
        ("locked", "unlock"): "closed",
    },
)


@pytest.mark.parametrize("state", ["closed", "open", "locked"])
@pytest.mark.parametrize("event", ["open", "close", "lock", "unlock", "burn"])
def test_every_pair_is_allowed_or_refused(state: str, event: str) -> None:
    following = DOOR.transitions.get((state, event))
    assert DOOR.allows(state, event) == (following is not None)
    if following is None:
        with pytest.raises(Conflict, match=f"Cannot {event} a door that is {state}"):
            DOOR.next(state, event)
    else:
        assert DOOR.next(state, event) == following


def test_a_machine_knows_its_states() -> None:
    assert set(DOOR.states()) == {"closed", "open", "locked"}
    assert DOOR.states_before("open") == {"closed"}
    assert DOOR.states_before("burn") == set()


def test_a_refusal_may_have_words_of_its_own() -> None:
    with pytest.raises(Conflict, match="It is locked"):
        DOOR.next("locked", "open", "It is locked")


# Texts.


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        (Sku, " ", "string_too_short"),
        (Barcode, "", "string_too_short"),
        (Sku, "x" * 65, "string_too_long"),
        (Sku, "x" * 64 + " ", "string_too_long"),
        (LotNumber, "x" * 101, "string_too_long"),
        (Barcode, "a\x00b", "string_unprintable"),
        (LotNumber, 7, "string_type"),
    ],
)
def test_what_is_no_code(kind: Any, text: Any, wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(text)
    assert [error["type"] for error in refused.value.errors()] == [wrong]


def test_codes_lose_the_blanks_around_them() -> None:
    assert [TypeAdapter(kind).validate_python(" A 1 ") for kind in (Sku, Barcode, LotNumber)] == ["A 1"] * 3
    assert TypeAdapter(LotNumber).validate_python("  ") == ""
