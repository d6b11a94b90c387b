"""Where each objective stands so far: the figure of its verdict, over what was measured until now. (pure)

Same samples, same ranks, same histograms as in `reports.slo`: at the end of a run both are the same figure. What needs
the whole run is left to the verdict: how surely the samples show it (intervals, samples that depend on each other),
windows, and deliveries of messages, which are matched between phones afterwards.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from harness.core.outcome import Outcome
from harness.core.slo import LatencySlo, ShareSlo, Slo
from harness.core.tables import View
from harness.live.counts import REPRESENTATIVE_US, Kind, LiveCounts, answered, at_rank

RECENT_S = 60.0
MATCHED_AFTERWARDS = frozenset({"message_delivery", "typing_delivery", "self_delivery"})
"""Operations of the delivery view that nobody can count before the end."""


class Stands(StrEnum):
    """How an objective stands, so far."""

    MET = "met"
    MISSED = "missed"
    FEW = "few"  # fewer samples than it needs to be answered at all; the figure is shown all the same
    NONE = "none"  # no sample yet
    AFTERWARDS = "afterwards"  # only the whole run can tell


@dataclass(frozen=True, slots=True)
class SloStanding:
    """One objective. value, limit, margin: milliseconds where `kind` is latency, else shares of one.

    value is None without samples, and where the percentile falls on a failure (then `on_failure`). bad: samples over
    the limit, failures included; allowed: the share of them that may be. recent: the same over the last minute.
    """

    name: str
    kind: str
    view: View
    operations: tuple[str, ...]
    objective: str
    stands: Stands
    value: float | None
    limit: float
    samples: int
    min_samples: int
    bad: int
    allowed: float
    on_failure: bool = False
    recent_samples: int = 0
    recent_bad: int = 0

    @property
    def margin(self) -> float | None:
        """Limit less value; below 0 it is missed."""
        return None if self.value is None else self.limit - self.value

    @property
    def spent(self) -> float | None:
        """Bad samples over those allowed; above 1 it is missed. None without samples, or where nothing may be bad."""
        return self.bad / (self.allowed * self.samples) if self.samples and self.allowed else None

    @property
    def recent_spent(self) -> float | None:
        """As `spent`, over the last minute."""
        if not self.recent_samples or not self.allowed:
            return None
        return self.recent_bad / (self.allowed * self.recent_samples)


def wanted(slos: tuple[Slo, ...]) -> set[Kind]:
    """What has to be counted for them."""
    found: set[Kind] = set()
    for slo in slos:
        names = (slo.operation,) if isinstance(slo, LatencySlo) else slo.operations
        found |= {(slo.view, name) for name in names}
    return found


class Standings:
    """All objectives of a run; `take` about once a second, with instants that never fall."""

    def __init__(self, slos: tuple[Slo, ...]) -> None:
        self._slos = slos
        self._before: list[deque[tuple[float, int, int]]] = [deque() for _ in slos]

    def take(self, counts: LiveCounts, at_s: float) -> tuple[SloStanding, ...]:
        """Where they stand at `at_s`."""
        return tuple(
            _with_recent(_latency(slo, counts) if isinstance(slo, LatencySlo) else _share(slo, counts), before, at_s)
            for slo, before in zip(self._slos, self._before, strict=True)
        )


def _with_recent(now: SloStanding, before: deque[tuple[float, int, int]], at_s: float) -> SloStanding:
    before.append((at_s, now.samples, now.bad))
    while len(before) > 1 and before[1][0] <= at_s - RECENT_S:
        before.popleft()
    _, samples, bad = before[0] if before[0][0] <= at_s - RECENT_S else (0.0, 0, 0)
    values = {name: getattr(now, name) for name in now.__slots__}
    return SloStanding(**(values | {"recent_samples": now.samples - samples, "recent_bad": now.bad - bad}))


def _latency(slo: LatencySlo, counts: LiveCounts) -> SloStanding:
    share = Fraction(str(slo.percentile)) / 100
    figures, failed = answered(slo.view, counts.of(slo.view, slo.operation))
    samples = int(figures.sum()) + failed
    over = slo.limit_ms * 1000.0 <= REPRESENTATIVE_US
    late = int(figures[over].sum())
    value_us = None
    if samples:
        value_us = at_rank(figures, max(1, -(-samples * share.numerator // share.denominator)))
    value = None if value_us is None else value_us / 1000.0
    return SloStanding(
        name=slo.name,
        kind="latency",
        view=slo.view,
        operations=(slo.operation,),
        objective=f"p{slo.percentile:g} < {slo.limit_ms:,.0f} ms",
        stands=_stands(slo, samples, met=value is not None and value < slo.limit_ms),
        value=value,
        limit=slo.limit_ms,
        samples=samples,
        min_samples=slo.min_samples,
        bad=late + failed,
        allowed=float(1 - share),
        on_failure=bool(samples) and value is None,
    )


def _share(slo: ShareSlo, counts: LiveCounts) -> SloStanding:
    samples = bad = 0
    wanted_outcomes = frozenset(map(Outcome, slo.outcomes))
    for operation in slo.operations:
        for outcome, figures in counts.of(slo.view, operation).items():
            number = int(np.sum(figures))
            samples += number
            bad += number if outcome in wanted_outcomes else 0
    return SloStanding(
        name=slo.name,
        kind="share",
        view=slo.view,
        operations=slo.operations,
        objective=f"bad outcomes ≤ {slo.max_share * 100:g} %",
        stands=_stands(slo, samples, met=bad <= Fraction(str(slo.max_share)) * samples),
        value=bad / samples if samples else None,
        limit=slo.max_share,
        samples=samples,
        min_samples=slo.min_samples,
        bad=bad,
        allowed=slo.max_share,
    )


def _stands(slo: Slo, samples: int, *, met: bool) -> Stands:
    if isinstance(slo, LatencySlo) and slo.view is View.DELIVERY and slo.operation in MATCHED_AFTERWARDS:
        return Stands.AFTERWARDS
    if not samples:
        return Stands.NONE
    if samples < slo.min_samples:
        return Stands.FEW
    return Stands.MET if met else Stands.MISSED
