"""May this run be believed, so far? The generator by the bounds of its verdict, as far as counts tell. (pure)"""

from __future__ import annotations

from collections.abc import Mapping

from harness.live.snapshot import HealthLine, Spread

LAG_VALID_MS, LAG_INVALID_MS = 5.0, 20.0
CPU_VALID, CPU_INVALID = 0.5, 0.8
MAX_LATE = 0.01
"""As in `reports.health`, and a test holds them to it."""


def lines(
    lag: Spread, cpu: Mapping[int, float | None], started: int, late: int, lost: int, workers: int
) -> tuple[HealthLine, ...]:
    """cpu: by worker, the median over the seconds of the measure phase, in cores. late: sessions, by the generator.
    lost: workers of whom nothing is heard."""
    return (_lag(lag), _cpu(cpu), _late(started, late), _roster(lost, workers))


def _level(value: float, valid: float, invalid: float) -> str:
    return "valid" if value < valid else "invalid" if value > invalid else "suspect"


def _lag(lag: Spread) -> HealthLine:
    bound = f"p99 under {LAG_VALID_MS:g} ms; veto above {LAG_INVALID_MS:g} ms"
    p99 = lag.quantiles_ms[-1]
    if p99 is None:
        return HealthLine("loop lag", "valid", "not measured yet", bound)
    return HealthLine("loop lag", _level(p99, LAG_VALID_MS, LAG_INVALID_MS), f"p99 {p99:.1f} ms", bound, p99 / 1000)


def _cpu(cpu: Mapping[int, float | None]) -> HealthLine:
    bound = f"median up to {CPU_VALID:.0%} of a core; veto above {CPU_INVALID:.0%}"
    medians = {worker: share for worker, share in cpu.items() if share is not None}
    if not medians:
        return HealthLine("worker CPU", "valid", "not measured yet", bound)
    worker = max(medians, key=lambda one: medians[one])
    worst = medians[worker]
    level = "valid" if worst <= CPU_VALID else "invalid" if worst > CPU_INVALID else "suspect"
    return HealthLine("worker CPU", level, f"{worst:.0%} of a core (worker {worker})", bound, worst)


def _late(started: int, late: int) -> HealthLine:
    level = "invalid" if late > MAX_LATE * started else "valid"
    share = late / started if started else None
    return HealthLine("start lateness", level, f"{late:,} of {started:,}", f"at most {MAX_LATE:.0%}", share)


def _roster(lost: int, workers: int) -> HealthLine:
    level = "invalid" if lost else "valid"
    return HealthLine("worker roster", level, f"{workers - lost} of {workers} here", "all of them", float(lost))
