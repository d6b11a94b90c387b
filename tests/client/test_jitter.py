"""A phone's jitter: its own, the same in every run with the seed, and nothing as shipped."""

from __future__ import annotations

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.client.jitter import Jitter

SEEDS, PEOPLE = st.integers(0, 2**63), st.integers(0, 2**31 - 1)


def first(seed: int, person: int, most_s: float, number: int = 5) -> list[float]:
    return list(islice(iter(Jitter(seed, person, most_s), None), number))


@given(SEEDS, PEOPLE, st.floats(0.001, 3600))
def test_delays_are_within_bounds_and_the_phones_own(seed: int, person: int, most_s: float) -> None:
    mine = first(seed, person, most_s)
    assert all(0 <= one < most_s for one in mine)
    assert mine == first(seed, person, most_s)
    assert mine != first(seed, person + 1, most_s)
    assert mine != first(seed + 1, person, most_s)
    assert len(set(mine)) > 1


@given(SEEDS, PEOPLE)
def test_as_shipped_there_is_none(seed: int, person: int) -> None:
    assert first(seed, person, 0.0) == [0.0] * 5


def test_many_phones_fill_the_time_evenly() -> None:
    counts, _ = np.histogram([Jitter(7, person, 20.0)() for person in range(20_000)], bins=20, range=(0, 20))
    assert abs(counts - 1_000).max() < 6 * 1_000**0.5
