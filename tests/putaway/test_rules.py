"""How preferred bins are ranked: no priority twice, the order of the others kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.putaway.rules import PRIORITY_MAX, Rank, place_at, place_last

RANKED = st.lists(st.integers(1, 12), unique=True, max_size=8).map(
    lambda ps: [Rank(100 + n, p) for n, p in enumerate(ps)]
)


@pytest.mark.parametrize(
    ("_case", "known", "bin_id", "priority", "placed"),
    [
        ("the first", [], 7, 1, [(7, 1)]),
        ("in front", [(1, 1), (2, 2)], 7, 1, [(7, 1), (1, 2), (2, 3)]),
        ("between", [(1, 1), (2, 2)], 7, 2, [(1, 1), (7, 2), (2, 3)]),
        ("into a gap", [(1, 1), (2, 5)], 7, 3, [(1, 1), (7, 3), (2, 5)]),
        ("before a gap", [(1, 1), (2, 3)], 7, 1, [(7, 1), (1, 2), (2, 3)]),
        ("where it is", [(1, 1), (7, 2)], 7, 2, [(1, 1), (7, 2)]),
        ("forward", [(1, 1), (2, 2), (7, 3)], 7, 1, [(7, 1), (1, 2), (2, 3)]),
        ("back", [(7, 1), (1, 2)], 7, 9, [(1, 2), (7, 9)]),
        ("at the end of all numbers", [(1, PRIORITY_MAX)], 7, PRIORITY_MAX, [(7, 1), (1, 2)]),
    ],
)
def test_placing(
    _case: str, known: list[tuple[int, int]], bin_id: int, priority: int, placed: list[tuple[int, int]]
) -> None:
    found = place_at([Rank(*each) for each in known], bin_id, priority)
    assert [(rank.bin_id, rank.priority) for rank in found] == placed


@given(RANKED, st.integers(100, 110), st.integers(1, 14))
def test_whatever_is_placed(known: list[Rank], bin_id: int, priority: int) -> None:
    placed = place_at(known, bin_id, priority)
    assert len({rank.priority for rank in placed}) == len(placed)
    assert {rank.bin_id for rank in placed} == {bin_id, *(rank.bin_id for rank in known)}
    assert [rank.priority for rank in placed if rank.bin_id == bin_id] == [priority]
    others = [rank.bin_id for rank in sorted(known, key=lambda r: r.priority) if rank.bin_id != bin_id]
    assert [rank.bin_id for rank in placed if rank.bin_id != bin_id] == others


@given(RANKED, st.integers(100, 110))
def test_placing_last(known: list[Rank], bin_id: int) -> None:
    placed = place_last(known, bin_id)
    if any(rank.bin_id == bin_id for rank in known):
        assert placed == known
    else:
        assert placed[-1] == Rank(bin_id, max((rank.priority for rank in known), default=0) + 1)
