"""The machine that a run was made on, by its canary, and whether it explains that an operation became slower. (pure)

Before and after the load every run does a fixed piece of work (`harness.run.canary`). Where that took longer than in
the baseline's runs, the machine was slower or busier, and so is everything on it: a regression that such a machine can
make is doubted, and said with the figure. Queues grow faster than the work in them, so what a machine can make is taken
generously; what goes beyond that stays a regression.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.history.machine import CANARY_RATIO, GROWS
from harness.record.manifest import Canary, Manifest
from reports.model import ReportModel


class MachineRow(ReportModel):
    """One canary, for the report."""

    at: str
    cpu_ms: float
    loopback_us: float


@dataclass(frozen=True, slots=True)
class Busier:
    """How much slower the machine was than the baseline's: `what` at `now` after `before` (milliseconds)."""

    what: str
    now: float
    before: float

    @property
    def ratio(self) -> float:
        return self.now / self.before

    @property
    def text(self) -> str:
        """For a sentence that begins with `the machine was`."""
        return (
            f"{self.ratio:.2f} times as slow as the baseline's ({self.what} {self.now:,.3g} ms, {self.before:,.3g} ms)"
        )

    def explains(self, ratio: float | None) -> bool:
        """Whether an operation that became slower by `ratio` may owe it to the machine; None: it no longer answers."""
        return ratio is not None and ratio <= self.ratio**GROWS


def machine(manifest: Manifest) -> tuple[MachineRow, ...]:
    """The canaries of a run; empty for older records."""
    return tuple(MachineRow(at=one.at, cpu_ms=one.cpu_ms, loopback_us=one.loopback_us) for one in manifest.canary)


def busier(runs: Iterable[Manifest], baselines: Iterable[Manifest]) -> Busier | None:
    """Whether the machine of `runs` was slower than that of `baselines`; None where it was not, or nobody measured.

    Of a run the mean of its canaries counts, for a busy moment is no busy machine; of several runs the median.
    """
    now, before = ([one.canary for one in group if one.canary] for group in (runs, baselines))
    if not now or not before:
        return None
    each = (
        Busier("fixed work on all cores took", _level(now, "cpu_ms"), _level(before, "cpu_ms")),
        Busier("a loopback round trip took", _level(now, "loopback_us") / 1000, _level(before, "loopback_us") / 1000),
    )
    slowest = max(each, key=lambda one: one.ratio)
    return slowest if slowest.ratio >= CANARY_RATIO else None


def _level(runs: Sequence[tuple[Canary, ...]], what: str) -> float:
    return median(fmean(float(getattr(one, what)) for one in canaries) for canaries in runs)
