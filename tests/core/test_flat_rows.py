"""Flat rows read like the list of named tuples that they stand for."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.flat_rows import FlatRows


class Seen(NamedTuple):
    at: str
    place: int
    who: str | None


rows = st.lists(st.builds(Seen, st.text(max_size=3), st.integers(), st.none() | st.text(max_size=3)), max_size=8)


def flat(of: list[Seen]) -> FlatRows[Seen]:
    return FlatRows(Seen, (value for row in of for value in row))


@given(rows)
def test_they_are_the_same_rows(of: list[Seen]) -> None:
    found = flat(of)
    assert list(found) == of
    assert len(found) == len(of)
    assert bool(found) == bool(of)
    assert found.column("place") == tuple(row.place for row in of)
    assert [found[place] for place in range(-len(of), len(of))] == of + of
    assert all(type(row) is Seen for row in found)


@given(rows, st.slices(8))
def test_a_part_of_them_is_one_too(of: list[Seen], part: slice) -> None:
    assert flat(of)[part] == flat(of[part])


@given(rows)
def test_they_survive_a_pickle(of: list[Seen]) -> None:
    again = pickle.loads(pickle.dumps(flat(of)))
    assert again == flat(of)
    assert hash(again) == hash(flat(of))


def test_half_a_row_is_none() -> None:
    with pytest.raises(ValueError, match="4 values are no whole rows of 3"):
        FlatRows(Seen, ("a", 1, None, "b"))


def test_there_is_nothing_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        _ = flat([Seen("a", 1, None)])[1]
