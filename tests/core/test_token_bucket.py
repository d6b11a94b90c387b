"""A bucket keeps every second within a tenth of the limit, and gives on the mean what the limit allows."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.token_bucket import SPAN_S, TokenBucket, tokens_of

limits = st.floats(0.2, 300.0, allow_nan=False)
gaps = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.02, 0.3, 1.0, 1.1, 5.0]), min_size=1, max_size=120)


def most_within(instants: list[float], span_s: float) -> int:
    """The largest count in any half-open stretch of that length."""
    return max((sum(at <= then < at + span_s for then in instants) for at in instants), default=0)


@settings(max_examples=50)
@given(limits, gaps)
def test_no_second_is_a_tenth_over_whatever_is_asked_for(limit: float, wishes: list[float]) -> None:
    tokens, window_s = tokens_of(limit)
    bucket, now = TokenBucket(tokens, window_s), 0.0
    given_at: list[float] = []
    for gap in wishes:
        now += gap
        if not bucket.take(now):
            given_at.append(now)
    assert most_within(given_at, 1.0) <= max(1, math.floor(1.1 * limit + 1e-9))
    assert most_within(given_at, window_s - 1e-9) <= tokens


@settings(max_examples=50)
@given(st.floats(1.0, 300.0), st.integers(50, 150))
def test_who_waits_as_long_as_told_gets_the_limit(limit: float, requests: int) -> None:
    tokens, window_s = tokens_of(limit)
    bucket, now = TokenBucket(tokens, window_s), 0.0
    for _ in range(requests):
        while wait_s := bucket.take(now):
            assert 0 < wait_s <= window_s + 1e-6
            now += wait_s + 1e-9
    spacing = window_s / tokens
    assert (requests - max(1, tokens // 4)) * spacing - 1e-6 <= now <= requests * spacing * 1.001 + window_s
    assert tokens / window_s <= limit + 1e-9


def test_a_few_go_at_once_and_the_rest_evenly() -> None:
    tokens, window_s = tokens_of(20)
    assert (tokens, window_s) == (22, SPAN_S)
    bucket, now = TokenBucket(tokens, window_s), 10.0
    given_at: list[float] = []
    while len(given_at) < 60:
        if wait_s := bucket.take(now):
            now += wait_s + 1e-9
        else:
            given_at.append(now)
    assert given_at[:5] == [10.0] * 5
    assert all(later - at == pytest.approx(0.05, abs=1e-6) for at, later in pairwise(given_at[5:20]))
    assert all(later - at == pytest.approx(0.05, abs=1e-6) for at, later in pairwise(given_at[22:]))
    late = sorted(at + 0.1 * (number % 2) for number, at in enumerate(given_at))
    assert most_within(late, 1.0) <= 22  # even when every other one is a tenth of a second late


def test_no_tokens_let_nothing_through_until_there_are_some() -> None:
    bucket = TokenBucket(0, 1.1)
    assert bucket.take(0.0) == math.inf
    bucket.resize(1)
    assert bucket.take(0.0) == 0.0
    bucket.resize(0)
    assert bucket.take(50.0) == math.inf


def test_fewer_tokens_mean_a_pause() -> None:
    bucket = TokenBucket(40, 1.1)
    taken = sum(bucket.take(number * 0.02) == 0.0 for number in range(40))
    assert taken > 20
    bucket.resize(5)
    assert bucket.take(0.8) > 0
    assert bucket.take(3.0) == 0.0


def test_less_than_one_a_second() -> None:
    assert tokens_of(0.25) == (1, 4.0)
    with pytest.raises(ValueError, match="lets nothing through"):
        tokens_of(0.0)
