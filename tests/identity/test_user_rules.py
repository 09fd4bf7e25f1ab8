"""What a change makes of a user, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.users import rules

IDS = st.lists(st.integers(1, 6), max_size=6)
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("full_name", "expected"),
    [
        ("Ana", ("Ana", "")),
        ("Ana Reyes", ("Ana", "Reyes")),
        (" Ana  Maria Reyes ", ("Ana Maria", "Reyes")),
    ],
)
def test_names(full_name: str, expected: tuple[str, str]) -> None:
    assert rules.named(full_name) == expected


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_a_name_comes_back_as_it_was_given(words: list[str]) -> None:
    first, last = rules.named(" ".join(words))
    assert f"{first} {last}".strip() == " ".join(words)


@given(IDS, st.none() | st.integers(1, 6), st.booleans(), st.booleans())
def test_the_own_warehouse_is_one_of_the_list(
    ids: list[int], own: int | None, names_ids: bool, names_own: bool
) -> None:
    listed, chosen = rules.places(ids, own, names_ids=names_ids, names_own=names_own)
    assert chosen is None or chosen in listed
    assert set(ids) <= set(listed) <= {*ids, own}
    assert len(listed) == len(set(listed))
    if names_own:
        assert chosen == own


def test_functions_stand_in_the_contracts_order_once() -> None:
    assert rules.ordered(["ship", "receive", "ship"]) == ["receive", "ship"]
