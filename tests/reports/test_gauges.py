"""Gauges stand until the next report, flows are counted where they came: as grouping by worker and filling up gives."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from reports.gauges import FLOWS, per_second

NAMES = ("sockets", "channels", "frames phx_reply", "bytes", "changes messages")
ROWS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 3), st.sampled_from(NAMES), st.integers(-3, 900)), max_size=50
)


def slowly(realtime: pd.DataFrame) -> pd.DataFrame:
    seconds = range(int(realtime["second"].min()), int(realtime["second"].max()) + 1)
    flows = realtime["what"].str.startswith(FLOWS)
    came = realtime[flows].groupby(["second", "what"])["value"].sum().unstack()
    gauges = realtime[~flows].groupby(["second", "worker", "what"])["value"].last().unstack(["worker", "what"])
    stood = gauges.reindex(seconds).ffill().T.groupby(level="what").sum().T
    table: pd.DataFrame = came.reindex(seconds).join(stood).fillna(0).astype("int64")
    return table


@given(ROWS)
def test_seconds_are_those_of_a_slow_count(rows: list[Any]) -> None:
    in_order = sorted(rows, key=lambda row: (row[0], row[1]))
    frame = pd.DataFrame(in_order, columns=["second", "worker", "what", "value"])
    frame = frame.astype({"second": "int32", "worker": "int32", "value": "int64"})
    found = per_second(frame)
    if not rows:
        assert found.empty
        return
    expected = slowly(frame)
    assert list(found.columns) == list(expected.columns)
    assert found.index.tolist() == list(expected.index)
    assert found.to_dict("list") == expected.to_dict("list")
    coded = per_second(frame.astype({"what": "category"}))
    pd.testing.assert_frame_equal(coded, found)
