"""A snapshot as metrics, in the words of Prometheus: base units, `_total` for counters, one meaning a name. (pure)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.live.snapshot import QUANTILES, Snapshot, Spread
from harness.live.standing import SloStanding, Stands

Labels = tuple[tuple[str, str], ...]
LEVELS = {"valid": 0.0, "suspect": 1.0, "invalid": 2.0}


@dataclass(frozen=True, slots=True)
class Point:
    """One value."""

    value: float
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class HistogramPoint:
    """Counts of at most each bound, all of them, and the sum."""

    bounds: tuple[float, ...]
    at_most: tuple[int, ...]
    samples: int
    total: float
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. name: without `_total`, which a counter gets where it is written. unit: UCUM, for OpenTelemetry."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    points: tuple[Point | HistogramPoint, ...]
    unit: str = "1"


def families(snapshot: Snapshot) -> tuple[Family, ...]:
    """All of them, each with at least one point."""
    return tuple(family for family in _all(snapshot) if family.points)


def _gauge(name: str, help_: str, *points: Point, unit: str = "1") -> Family:
    return Family(name, "gauge", help_, points, unit)


def _counter(name: str, help_: str, *points: Point) -> Family:
    return Family(name, "counter", help_, points)


def _all(now: Snapshot) -> Iterator[Family]:
    about = (("profile", now.profile), ("run", now.run_id), ("target", now.target))
    yield _gauge("harness_run_info", "The run that these figures are of.", Point(1, about))
    yield _gauge("harness_run_elapsed_seconds", "Since the run's zero.", Point(now.at_s), unit="s")
    yield _gauge("harness_run_planned_seconds", "The run's planned length.", Point(now.end_s), unit="s")
    phases = ("starting", "warmup", "measure", "drain")
    yield _gauge(
        "harness_run_phase",
        "1 for the phase under way.",
        *(Point(float(phase == now.phase), (("phase", phase),)) for phase in phases),
    )
    yield _gauge("harness_run_stopping", "1 once the run is being ended early.", Point(float(bool(now.stopping))))
    yield from _objectives(now.slos)
    yield _counter(
        "harness_samples",
        "Attempts (view server) and operations (view e2e) by outcome, of the whole run.",
        *(Point(number, (("outcome", outcome), ("view", view))) for view, outcome, number in now.outcomes),
    )
    yield _gauge("harness_sessions_open", "Sessions open now.", Point(now.sessions))
    yield _counter("harness_sessions_due", "Sessions planned to have begun by now.", Point(now.due))
    yield _counter("harness_sessions_started", "Sessions begun.", Point(now.started))
    yield _counter(
        "harness_sessions_late",
        "Sessions begun late or not at all, by cause.",
        *(Point(number, (("cause", cause),)) for cause, number in now.late),
    )
    yield _spread("harness_start_lateness_seconds", "How late sessions began, by the generator.", now.lateness)
    yield _spread("harness_loop_lag_seconds", "How late the generator's own loop woke.", now.lag)
    yield _gauge("harness_realtime_sockets", "Open sockets of Realtime.", Point(now.sockets))
    yield _gauge("harness_realtime_channels", "Joined channels.", Point(now.channels))
    yield _gauge("harness_realtime_subscriptions", "Postgres subscriptions.", Point(now.subscriptions))
    yield _gauge("harness_realtime_frames_per_second", "Frames read, a second.", Point(now.frames_per_second))
    descriptors = [(one.worker, one.descriptors) for one in now.workers if one.descriptors is not None]
    yield _gauge(
        "harness_worker_descriptors",
        "Open file descriptors, sockets among them.",
        *(Point(number, (("worker", str(worker)),)) for worker, number in descriptors),
    )
    shares = [(one.worker, one.cpu_share) for one in now.workers if one.cpu_share is not None]
    yield _gauge(
        "harness_worker_cpu_ratio",
        "CPU of a worker process over the last second, in cores.",
        *(Point(share, (("worker", str(worker)),)) for worker, share in shares),
    )
    yield _gauge(
        "harness_worker_up",
        "0 once nothing is heard of a worker any more.",
        *(Point(float(one.present), (("worker", str(one.worker)),)) for one in now.workers),
    )
    yield _gauge(
        "harness_health_level",
        "The generator's own checks: 0 valid, 1 suspect, 2 invalid (the run could not pass).",
        *(Point(LEVELS[one.level], (("check", one.check),)) for one in now.health),
    )
    yield _gauge(
        "harness_fault_active",
        "1 for each fault that is on.",
        *(Point(1, (("entry", one.entry), ("fault", one.fault), ("layer", one.layer))) for one in now.faults),
    )
    yield Family(
        "harness_operation_duration_seconds",
        "histogram",
        "Of the measure phase. What got no answer is in +Inf alone, and not in the sum.",
        tuple(
            HistogramPoint(
                one.bounds_s,
                one.at_most,
                one.samples,
                one.sum_s,
                (("operation", one.operation), ("view", str(one.view))),
            )
            for one in now.histograms
        ),
        "s",
    )


def _objectives(slos: tuple[SloStanding, ...]) -> Iterator[Family]:
    def of(one: SloStanding) -> Labels:
        return (("slo", one.name), ("view", str(one.view)))

    timed = [one for one in slos if one.kind == "latency"]
    yield _gauge(
        "harness_slo_latency_seconds",
        "An objective's percentile so far; absent without samples, or where it falls on a failure.",
        *(Point(one.value / 1000, of(one)) for one in timed if one.value is not None),
        unit="s",
    )
    yield _gauge(
        "harness_slo_limit_seconds", "Its limit.", *(Point(one.limit / 1000, of(one)) for one in timed), unit="s"
    )
    yield _counter("harness_slo_samples", "Samples of an objective.", *(Point(one.samples, of(one)) for one in slos))
    yield _counter(
        "harness_slo_bad_samples",
        "Of them over the limit, failed, or of a bad outcome.",
        *(Point(one.bad, of(one)) for one in slos),
    )
    yield _gauge(
        "harness_slo_allowed_ratio",
        "The share of its samples that may be bad.",
        *(Point(one.allowed, of(one)) for one in slos),
    )
    yield _gauge(
        "harness_slo_stands",
        "1 for how an objective stands so far.",
        *(Point(float(one.stands is state), (*of(one), ("stands", str(state)))) for one in slos for state in Stands),
    )


def _spread(name: str, help_: str, spread: Spread) -> Family:
    points = [
        Point(value / 1000, (("percentile", f"{share * 100:g}"),))
        for share, value in zip(QUANTILES, spread.quantiles_ms, strict=True)
        if value is not None
    ]
    return _gauge(name, help_, *points, unit="s")
