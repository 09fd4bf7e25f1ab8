"""The decisions of payments, in every order of the facts."""

from datetime import UTC, datetime
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.payments import rules
from chalicelib.payments.rules import Balance, Fact, Payment

MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
FACTS = st.builds(
    Fact,
    st.sampled_from(["requires_payment", "processing", "failed", "succeeded", "canceled"]),
    st.integers(0, 3).map(lambda s: datetime.fromtimestamp(MORNING.timestamp() + s, UTC)),
)


def payment(state: rules.State = "created", at: datetime | None = None) -> Payment:
    return Payment(1, 1, "stripe", "pi_1", "key", 1000, "USD", state, at, MORNING)


def told(facts: list[Fact] | tuple[Fact, ...]) -> rules.State:
    known = payment()
    for fact in facts:
        if rules.is_news(known, fact):
            known = payment(fact.state, fact.at)
    return known.state


@given(st.lists(FACTS, max_size=5), st.randoms(use_true_random=False))
def test_facts_end_alike_in_any_order_and_number(facts: list[Fact], chance: object) -> None:
    many = facts * 3
    chance.shuffle(many)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert told(many) == told(sorted(facts, key=lambda f: f.at))
    assert {told(p) for p in permutations(facts[:4])} == {told(facts[:4])}


@pytest.mark.parametrize(("known", "following"), list(product(rules.STATES, rules.STATES)))
def test_final_states_stay_and_success_beats_all(known: rules.State, following: rules.State) -> None:
    later = datetime(2026, 3, 1, 9, tzinfo=UTC)
    expected = {
        "succeeded": False,
        "canceled": following == "succeeded",
    }.get(known, True)
    assert rules.is_news(payment(known, MORNING), Fact(following, later)) is expected


@pytest.mark.parametrize(
    ("_case", "balances", "state", "due"),
    [
        ("nothing", [], "unpaid", 0),
        ("an open intent", [("requires_payment", 0, 0, 0)], "unpaid", 0),
        ("in processing", [("failed", 0, 0, 0), ("processing", 0, 0, 0)], "processing", 0),
        ("failed", [("failed", 0, 0, 0)], "failed", 0),
        ("paid", [("succeeded", 1000, 0, 0)], "paid", 0),
        ("a cent short", [("succeeded", 999, 0, 0)], "unpaid", 0),
        ("in two parts", [("succeeded", 400, 0, 0), ("succeeded", 600, 0, 0)], "paid", 0),
        ("twice", [("succeeded", 1000, 0, 0), ("succeeded", 1000, 0, 0)], "paid", 1000),
        ("twice, one returned", [("succeeded", 1000, 1000, 0), ("succeeded", 1000, 0, 0)], "paid", 0),
        ("partly refunded", [("succeeded", 1000, 1, 0)], "part-refunded", 0),
        ("refunded", [("succeeded", 1000, 1000, 0)], "refunded", 0),
        ("disputed", [("succeeded", 1000, 0, 1000)], "disputed", 0),
        ("a refund we know of before its charge", [("processing", 0, 1000, 0)], "processing", 0),
    ],
)
def test_what_an_orders_payments_mean(
    _case: str, balances: list[tuple[rules.State, int, int, int]], state: str, due: int
) -> None:
    known = [Balance(number, *values) for number, values in enumerate(balances, 1)]
    settled = rules.settle(total_minor=1000, is_cancelled=False, balances=known)
    assert (settled.payment_state, settled.due_minor) == (state, due)


@pytest.mark.parametrize(
    ("_case", "balances", "outstanding"),
    [
        ("a return", [(1000, 0, 1000)], 1000),
        ("a return after surplus went back", [(1000, 0, 1000), (200, 200, 0)], 1000),
        ("a return of one of two", [(1000, 1000, 0), (1000, 0, 1000)], 1000),
        ("a return of a part", [(600, 0, 0), (400, 0, 400)], 400),
        ("a return after a part of the price was given back", [(600, 100, 0), (400, 0, 400)], 400),
        ("a part of the price given back", [(1000, 300, 0)], 0),
    ],
)
def test_what_a_return_leaves_to_be_paid(_case: str, balances: list[tuple[int, int, int]], outstanding: int) -> None:
    known = [
        Balance(number, "succeeded", charged, refunded, 0, returned)
        for number, (charged, refunded, returned) in enumerate(balances, 1)
    ]
    settled = rules.settle(total_minor=1000, is_cancelled=False, balances=known)
    assert (settled.outstanding_minor, settled.is_returned) == (outstanding, outstanding > 0)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=4), st.booleans())
def test_what_is_due_is_what_we_hold_too_much(parts: list[tuple[int, int]], is_cancelled: bool) -> None:
    balances = [Balance(n, "succeeded", max(parts[n]), min(parts[n]), 0) for n in range(len(parts))]
    kept = sum(balance.kept_minor for balance in balances)
    settled = rules.settle(total_minor=1000, is_cancelled=is_cancelled, balances=balances)
    assert settled.due_minor == max(0, kept if is_cancelled else kept - 1000)
    assert all(0 <= due.amount_minor <= balances[due.payment_id].kept_minor for due in settled.dues)


@pytest.mark.parametrize(
    ("known", "following", "expected"),
    [
        ("unpaid", "failed", True),
        ("failed", "unpaid", True),
        ("processing", "paid", True),
        ("paid", "failed", False),
        ("overdue", "unpaid", False),
        ("overdue", "paid", True),
        ("paid", "disputed", True),
        ("paid", "paid", False),
    ],
)
def test_a_card_does_not_undo_what_others_recorded(known: str, following: str, expected: bool) -> None:
    assert rules.may_record(known, following) is expected
