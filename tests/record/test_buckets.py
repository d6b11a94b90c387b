"""Logarithmic buckets: error bound, order, merging, percentiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.record.buckets import BUCKETS, MAX_US, RELATIVE_ERROR, Histogram, index, percentile, representative, width

settings.register_profile("patient", deadline=None)  # test machines are busy
settings.load_profile("patient")

values = st.integers(0, MAX_US) | st.integers(0, 2000) | st.integers(0, 31).map(lambda n: 2**n)
samples = st.lists(values, min_size=1, max_size=200)


def same(one: Histogram, two: Histogram) -> bool:
    return np.array_equal(one.bucket_us, two.bucket_us) and np.array_equal(one.count, two.count)


@given(samples)
def test_error_is_bounded(us: list[int]) -> None:
    error = np.abs(representative(index(us)) - np.array(us))
    assert RELATIVE_ERROR <= 0.005
    assert np.all(error <= np.array(us) * RELATIVE_ERROR)


def test_small_values_are_exact_and_every_edge_holds() -> None:
    assert representative(index(range(256))).tolist() == list(range(256))
    edges = np.unique(np.concatenate([[2**n + d for d in (-2, -1, 0, 1, 2)] for n in range(2, 32)]))
    edges = edges[edges <= MAX_US]
    assert np.all(np.abs(representative(index(edges)) - edges) <= edges * RELATIVE_ERROR)


def test_buckets_are_numbered_without_gaps_and_find_themselves() -> None:
    every = np.arange(BUCKETS)
    assert np.array_equal(index(representative(every))[:-1], every[:-1])
    assert np.all(np.diff(representative(every)) > 0)
    assert BUCKETS < 4096


def test_a_bucket_is_as_wide_as_what_lies_in_it() -> None:
    every = np.arange(1, BUCKETS - 1)
    middle = representative(every)
    first = middle - (width(middle) - 1) // 2
    assert np.array_equal(index(first), every)
    assert np.array_equal(index(first + width(middle) - 1), every)
    assert np.array_equal(index(first + width(middle)), every + 1)


@given(values, values)
def test_order_is_kept(one: int, two: int) -> None:
    low, high = sorted((one, two))
    assert index([low])[0] <= index([high])[0]


def test_out_of_range_is_clamped() -> None:
    assert index([-5, MAX_US + 1, 2**62]).tolist() == [0, BUCKETS - 1, BUCKETS - 1]
    assert index([]).tolist() == []


@given(samples, samples, samples)
def test_merging_is_commutative_and_associative_and_adds(one: list[int], two: list[int], three: list[int]) -> None:
    a, b, c = (Histogram.of(us) for us in (one, two, three))
    assert same(a + b, b + a)
    assert same((a + b) + c, a + (b + c))
    assert same(a + b + c, Histogram.of(one + two + three))
    assert same(a, Histogram.merged([a, Histogram.merged([])]))
    assert (a + b).total == len(one) + len(two)


@given(samples, st.floats(0, 100) | st.sampled_from([0, 50, 95, 99, 99.9, 100]))
def test_percentiles_are_those_of_nearest_rank(us: list[int], q: float) -> None:
    true = float(np.percentile(us, q, method="inverted_cdf"))
    ours = Histogram.of(us).percentile(q)
    ranked = sorted(us)
    rank = max(1, math.ceil(round(q * len(us) / 100, 6)))
    assert abs(ours - ranked[rank - 1]) <= ranked[rank - 1] * 0.005
    if abs(q * len(us) / 100 - round(q * len(us) / 100)) > 1e-6:  # where rounding does not decide
        assert abs(ours - true) <= true * 0.005


def test_ranks_do_not_suffer_from_binary_fractions() -> None:
    ranks = np.arange(1, 1001)
    assert percentile(ranks, np.ones(1000), 99.9) == 999  # 99.9 / 100 * 1000 is 999.0000000000001
    assert [percentile(range(1, 21), [1] * 20, q) for q in (0, 5, 5.1, 95, 100)] == [1, 1, 2, 19, 20]


def test_order_and_repetition_of_rows_do_not_matter() -> None:
    assert percentile([30, 10, 20, 10], [1, 1, 1, 1], 50) == 10
    assert percentile([30, 10, 20, 10], [1, 1, 0, 1], 90) == 30


def test_nothing_has_no_percentile() -> None:
    for values, counts in (([], []), ([5], [0])):
        with pytest.raises(ValueError, match="no samples"):
            percentile(values, counts, 50)
    for q in (-1, 100.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 100"):
            percentile([1], [1], q)
