"""What is noted only when it ends is held against what had begun."""

from __future__ import annotations

import pytest

from harness.core.outcome import Outcome
from harness.core.slo import CatchAll
from harness.core.tables import View
from reports import endings
from reports.catch_all import CatchAllRow
from reports.verdict import judge
from tests.reports import build

ENDS, JOINS = "realtime_channel_presence", "realtime_join_presence"


def row_of(ended: int, joined: int, failed_joins: int = 0) -> CatchAllRow:
    run = build.Run(build.manifest((build.latency_slo(),), catch_all=CatchAll())).fit()
    run.spread([90.0] * 300)
    outcomes = [(JOINS, Outcome.OK)] * joined + [(JOINS, Outcome.TIMEOUT)] * failed_joins
    outcomes += [(ENDS, Outcome.RATE_LIMITED)] * ended
    for number, (name, outcome) in enumerate(outcomes):
        run.add(build.START + number % build.MEASURE_S, 20.0, operation=name, view=View.SERVER, outcome=outcome)
    found = judge(run.finished())
    assert found.catch_all is not None
    return next(row for row in found.catch_all.rows if row.name == ENDS)


@pytest.mark.parametrize(
    ("ended", "joined", "failed_joins", "said"),
    [
        (371, 1001, 0, "630 of 1,001 good (rate_limited 371)"),
        (2, 400, 90, "398 of 400 good (rate_limited 2)"),
        (5, 3, 0, "0 of 5 good (rate_limited 5)"),
        (5, 0, 0, "0 of 5 good (rate_limited 5)"),
    ],
)
def test_channels_that_end_are_told_of_all_that_were_joined(
    ended: int, joined: int, failed_joins: int, said: str
) -> None:
    row = row_of(ended, joined, failed_joins)
    assert row.failures_text.removesuffix("; too few to show") == said
    assert (row.limit_ms, row.latency) == (None, None)


def test_a_share_of_ends_that_is_allowed_is_held() -> None:
    assert row_of(ended=3, joined=2400).failures == "held"
    assert row_of(ended=40, joined=2400).failures == "missed"


@pytest.mark.parametrize(
    ("name", "begun"),
    [(ENDS, JOINS), ("realtime_channel", "realtime_join"), ("realtime_channels", ""), ("home_feed", "")],
)
def test_what_had_begun(name: str, begun: str) -> None:
    assert endings.beginning(name) == begun
