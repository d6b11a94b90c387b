"""The generator's own delays by second, and the worst of any range of seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from harness.core.tables import View
from reports.delays import BySecond, Delays

LAGS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4_000_000), st.integers(1, 9)), max_size=40)
RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=10)


def rows(lags: list[tuple[int, int, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(lags, columns=["second", "value_us", "count"]).astype("int64")
    return frame.assign(view=str(View.LAG), value_us=frame["value_us"].astype("float64"))


@given(LAGS, RANGES, st.booleans())
def test_the_worst_of_a_range_is_what_looking_at_each_second_of_it_finds(
    lags: list[tuple[int, int, int]], ranges: list[tuple[int, int]], served: bool
) -> None:
    tried = np.array([100.0, 250_000.0, 1_000_000.0])
    first = np.array([start for start, _ in ranges])
    last = first + np.array([length for _, length in ranges])
    found = BySecond.of(rows(lags), tried, served=served).worst(first, last)
    by_second: dict[int, list[tuple[int, int]]] = {}
    for second, us, count in lags:
        by_second.setdefault(second + us // 1_000_000 if served else second, []).append((us, count))
    end = max(by_second, default=0)
    for number, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        seconds = range(max(0, min(a - 1, end)), min(b + 1, end) + 1)
        known = [by_second[second] for second in seconds if second in by_second]
        if not known:
            assert np.isnan(found.largest[number])
            assert np.isnan(found.above[number]).all()
            continue
        assert found.largest[number] == max(us for one in known for us, _ in one)
        for column, delay in enumerate(tried.tolist()):
            shares = [sum(c for us, c in one if us > delay) / sum(c for _, c in one) for one in known]
            assert found.above[number, column] == max(shares)


def test_without_any_lag_nothing_is_known() -> None:
    delays = Delays(rows([]))
    assert not delays.known
    assert Delays(rows([(3, 90, 1)])).known
