from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import buckets
from reports import ranks
from reports.ranks import grouped_percentiles, rank_of, value_at_rank, value_at_share

VALUES = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 40)), min_size=1, max_size=30)
PERCENTILE = st.sampled_from([1.0, 50.0, 90.0, 95.0, 99.0, 99.9])


def frame(pairs: Sequence[tuple[float, int]]) -> pd.DataFrame:
    return pd.DataFrame({"value_us": [float(v) for v, _ in pairs], "count": [n for _, n in pairs], "key": 0})


def one(pairs: Sequence[tuple[float, int]], percentile: float) -> float:
    return float(grouped_percentiles(frame(pairs), ["key"], (percentile,))[f"p{percentile:g}"].iloc[0])


def test_rank_is_exact_where_floating_point_is_not() -> None:
    assert rank_of(95, 100) == 95
    assert rank_of(95, 101) == 96
    assert rank_of(99.9, 1000) == 999
    assert rank_of(55, 100) == 55  # 0.55 * 100 is 55.00000000000001
    assert rank_of(1, 3) == 1


@given(VALUES, PERCENTILE)
def test_percentile_is_the_sorted_sample_at_its_rank(pairs: list[tuple[int, int]], percentile: float) -> None:
    samples = sorted(value for value, number in pairs for _ in range(number))
    assert one(pairs, percentile) == samples[rank_of(percentile, len(samples)) - 1]


@given(VALUES, PERCENTILE, st.integers(1, 51))
def test_percentile_and_proportion_never_contradict(
    pairs: list[tuple[int, int]], percentile: float, limit: int
) -> None:
    total = sum(number for _, number in pairs)
    under = sum(number for value, number in pairs if value < limit)
    assert (one(pairs, percentile) < limit) == (under >= rank_of(percentile, total))


@given(VALUES, PERCENTILE)
def test_agrees_with_the_record(pairs: list[tuple[int, int]], percentile: float) -> None:
    assert one(pairs, percentile) == buckets.percentile([v for v, _ in pairs], [n for _, n in pairs], percentile)


def test_infinite_values_are_the_largest() -> None:
    pairs = [(10.0, 94), (math.inf, 6)]
    assert one(pairs, 90.0) == 10.0
    assert math.isinf(one(pairs, 95.0))


def test_empty_frames() -> None:
    empty = frame([]).astype({"value_us": "float64", "count": "int64"})
    assert math.isnan(value_at_share(empty, 0.5))
    assert list(grouped_percentiles(empty, ["key"], (95.0,)).columns) == ["key", "samples", "p95"]


GROUPED = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.sampled_from([1.0, 2.5, 9.0, math.inf]), st.integers(0, 6)),
    min_size=1,
    max_size=40,
)


@given(GROUPED, PERCENTILE, st.sampled_from([1, 4, 1 << 22]), st.booleans())
def test_groups_are_those_of_sorting_each_by_itself(
    rows: list[tuple[str, int, float, int]], percentile: float, cells: int, coded: bool
) -> None:
    table = pd.DataFrame(rows, columns=["name", "slot", "value_us", "count"])
    table = table.astype({"name": "category" if coded else "str", "slot": "int32"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "MOST_CELLS", cells)  # of both ways to find a rank, and a group
        found = grouped_percentiles(table, ["name", "slot"], (percentile,))
    keys = sorted({(name, slot) for name, slot, _, _ in rows})
    assert list(zip(found["name"], found["slot"], strict=True)) == keys
    for key, samples, value in zip(keys, found["samples"], found[f"p{percentile:g}"], strict=True):
        own = sorted((value, count) for name, slot, value, count in rows if (name, slot) == key)
        every = [value for value, count in own for _ in range(count)]
        assert samples == len(every)
        assert value == (every[rank_of(percentile, len(every)) - 1] if every else own[0][0])


@given(VALUES, st.integers(1, 1200))
def test_the_value_at_a_rank_is_that_of_the_sorted_samples(pairs: list[tuple[int, int]], rank: int) -> None:
    samples = sorted(value for value, number in pairs for _ in range(number))
    rank = min(rank, len(samples))
    assert value_at_rank(frame(pairs), rank) == samples[rank - 1]
