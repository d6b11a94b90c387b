"""How large the database gets. (pure)

As shipped the maintenance always fails, so nothing is ever dropped (contract 8.2). Write-ahead log and bloat come on
top, uploaded files are elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.plan.inputs import PlanInputs
from harness.plan.model import DiskPlan
from harness.plan.prices import Prices
from harness.plan.session_totals import SessionTotals

GB = 1e9
YEAR_DAYS = 365.0


def plan(session: SessionTotals, inputs: PlanInputs, prices: Prices) -> DiskPlan:
    """At a constant number of people."""
    daily = gb_per_day(session, inputs)
    advised = max(size.max_database_gb for size in prices.computes.values())
    largest = prices.ceilings["disk_gb"].value
    return DiskPlan(
        gb_per_day=daily,
        month_gb=daily * inputs.retained_days,
        advised_gb=advised,
        advised_days=_days(advised, daily),
        largest_gb=largest,
        largest_days=_days(largest, daily),
        year_gb=daily * YEAR_DAYS,
        year_kept_gb=kept_gb(session, inputs, [inputs.sessions], YEAR_DAYS),
    )


def gb_per_day(session: SessionTotals, inputs: PlanInputs) -> float:
    """New rows that stay, with their index entries."""
    return math.fsum(session.kept_bytes.values()) * inputs.sessions / GB


def kept_gb(session: SessionTotals, inputs: PlanInputs, sessions: Sequence[float], days: float) -> float:
    """After `days` for each of these daily numbers of sessions, one after the other, if tables kept what they are
    configured to keep."""
    total, length = 0.0, days * len(sessions)
    for table, per_session in session.kept_bytes.items():
        for place, daily in enumerate(sessions):
            end = length - place * days  # how long ago the period began
            there = max(0.0, min(end, table.kept_days) - min(end - days, table.kept_days))
            total += per_session * daily * there / GB
    return total


def _days(size: float, daily: float) -> float:
    return size / daily if daily else math.inf
