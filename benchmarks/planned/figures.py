"""What the record of a run says of its measure phase, and how it compares with the bars."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.core.call_names import PREFLIGHT
from harness.core.outcome import Outcome
from harness.core.tables import ARRIVALS, HEALTH, LATENCY, REALTIME, Phase, View
from harness.record.manifest import Manifest
from harness.record.store import RunFiles, open_run
from reports.ranks import value_at_share

SOCKETS = "realtime_"
"""Begins the names of what goes over sockets."""
UNANSWERED = (Outcome.TIMEOUT, Outcome.NETWORK)
FRAMES = {
    "presence diffs": "frames presence_diff",
    "lists of who is there": "frames presence_state",
    "changes": "frames postgres_changes",
    "broadcasts": "frames broadcast",
}
CORES_MOST, LAG_MS_MOST, LATE_MS_MOST, RESIDENT_MB_MOST = 1.5, 5.0, 5.0, 800.0


@dataclass(frozen=True)
class Recorded:
    """Of the measure phase, unless it says otherwise. Rates per second, times in milliseconds; NaN without samples.

    late_ms: from a session's planned instant to its beginning, where a phone was free: the generator's own error.
    lost: what was planned or sent and came to nothing, of the whole run, by what it was.
    """

    seconds: float
    requests: int  # without preflights, and without what goes over sockets
    preflights: int
    failed: int  # of both, with an answer that was none of the good ones
    lag_ms: tuple[float, float]  # p50, p99
    late_ms: tuple[float, float]
    phones: float  # open, mean
    sockets: float  # likewise
    people: int  # who have had a session until the end of it
    frames: dict[str, float]
    lost: dict[str, int]
    pids: tuple[int, ...]  # of workers
    zero: float  # of the run, epoch seconds; so are the next two
    start: float
    end: float

    @property
    def all_requests(self) -> int:
        return self.requests + self.preflights

    def us_a_request(self, cores: float) -> float:
        """Microseconds, of what takes so many cores."""
        return cores * self.seconds / max(self.all_requests, 1) * 1e6


def recorded(folder: Path) -> Recorded:
    """Read a closed run. :raises SystemExit: it was not carried out to its end."""
    run = open_run(folder)
    manifest = run.manifest
    if manifest.status != "complete" or manifest.zero_epoch_s is None:
        raise SystemExit(
            f"the run is {manifest.status}: {manifest.abort_reason or 'see ' + str(folder / 'locust.log')}"
        )
    (measure,) = (window for window in manifest.windows if window.phase is Phase.MEASURE)
    counts, spreads = _samples(run)
    of_requests = Counter[str]()
    failed = unanswered = 0
    for (operation, outcome), number in counts.items():
        over_a_socket = operation.startswith(SOCKETS)
        if not over_a_socket:
            of_requests[PREFLIGHT if operation == PREFLIGHT else "requests"] += number
        if outcome in UNANSWERED:
            unanswered += number
        elif not over_a_socket and Outcome(outcome).failed and outcome != Outcome.GAVE_UP:
            failed += number
    arrivals, gauges = _table(run, ARRIVALS), _table(run, REALTIME)
    began = arrivals[arrivals["started_us"].notna()]
    seconds = measure.end_s - measure.start_s
    health = _inside(_table(run, HEALTH), measure.start_s, measure.end_s)
    gauges = _inside(gauges, measure.start_s, measure.end_s)
    told = gauges.groupby("what", observed=True)["value"].sum()
    return Recorded(
        seconds=seconds,
        requests=of_requests["requests"],
        preflights=of_requests[PREFLIGHT],
        failed=failed,
        lag_ms=_ends(spreads[View.LAG]),
        late_ms=_ends(spreads[View.LATENESS]),
        phones=_mean_sum(health, "sessions"),
        sockets=_mean_sum(gauges[gauges["what"] == "sockets"], "value"),
        people=int(began[began["started_us"] <= measure.end_s * 1e6]["person"].nunique()),
        frames={name: float(told.get(what, 0)) / seconds for name, what in FRAMES.items()},
        lost=_lost(manifest, len(began["ticket"].unique()), unanswered),
        pids=tuple(worker.pid for worker in manifest.roster),
        zero=manifest.zero_epoch_s,
        start=manifest.zero_epoch_s + measure.start_s,
        end=manifest.zero_epoch_s + measure.end_s,
    )


def _samples(run: RunFiles) -> tuple[Counter[tuple[str, str]], dict[View, Counter[int]]]:
    """Attempts of the measure phase by operation and outcome, and the generator's own values."""
    counts, spreads = Counter[tuple[str, str]](), {View.LAG: Counter[int](), View.LATENESS: Counter[int]()}
    for batch in run.rows(LATENCY, ["phase", "view", "operation", "outcome", "bucket_us", "count"]):
        frame = batch.to_pandas()
        frame = frame[frame["phase"] == Phase.MEASURE]
        attempts = frame[frame["view"] == View.SERVER].groupby(["operation", "outcome"], observed=True)["count"].sum()
        for name, number in attempts.items():
            operation, outcome = name
            counts[str(operation), str(outcome)] += int(number)
        for view, spread in spreads.items():
            for value, number in frame[frame["view"] == view].groupby("bucket_us")["count"].sum().items():
                spread[int(value)] += int(number)
    return counts, spreads


def _ends(spread: Counter[int]) -> tuple[float, float]:
    """p50 and p99, milliseconds."""
    frame = pd.DataFrame({"value_us": list(spread.keys()), "count": list(spread.values())})
    return (value_at_share(frame, 0.50) / 1000, value_at_share(frame, 0.99) / 1000) if spread else (math.nan, math.nan)


def _table(run: RunFiles, name: str) -> pd.DataFrame:
    tables = {ARRIVALS: run.arrivals, HEALTH: run.health, REALTIME: run.realtime}
    frame: pd.DataFrame = tables[name]().to_pandas()
    return frame


def _inside(frame: pd.DataFrame, start_s: float, end_s: float) -> pd.DataFrame:
    return frame[(frame["second"] >= start_s) & (frame["second"] < end_s)]


def _mean_sum(frame: pd.DataFrame, column: str) -> float:
    """Of all workers together, mean over the seconds of each."""
    return float(frame.groupby("worker")[column].mean().sum()) if len(frame) else 0.0


def _lost(manifest: Manifest, began: int, unanswered: int) -> dict[str, int]:
    """Sessions that never began; attempts that a worker counted and the record lacks, or that nothing answered; workers
    that fell silent."""
    return {
        "sessions": manifest.planned_sessions - began,
        "samples": sum(abs(worker.sent.samples - worker.received.samples) for worker in manifest.roster),
        "answers": unanswered,
        "workers": sum(worker.lost_at_s is not None for worker in manifest.roster),
    }


@dataclass(frozen=True)
class Used:
    """Of the machine, in the measure phase. MB are resident memory at most: of the workers before the first session, of
    the workers, of the others. What processes share counts in each."""

    workers: float
    others: float  # master and supervisor
    target: float
    resident_before_mb: float
    resident_mb: float
    others_mb: float

    @property
    def cores(self) -> float:
        return self.workers + self.others + self.target


@dataclass(frozen=True)
class Bar:
    """A figure and the most that it may be. how: where the figure is no measurement at full scale, what it is."""

    name: str
    value: float
    most: float
    how: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.most  # so that NaN is not

    @property
    def text(self) -> str:
        shown = f"{self.value:,.2f}" if self.value < 100 else f"{self.value:,.0f}"
        return f"{self.name:34} {shown:>9} of {self.most:<6g} {'met' if self.met else 'NOT MET':8} {self.how}".rstrip()


def bars(found: Recorded, used: Used, scale: float) -> list[Bar]:
    """What is asked of the full peak. Cores grow as requests do, memory beyond what a worker begins with as people and
    phones do; loop lag, lateness and losses are as measured at any scale: more load makes none of them better."""
    full = scale >= 1
    how = "" if full else f"extrapolated from {scale:.4g} of the peak"
    as_measured = "" if full else f"at {scale:.4g} of the peak"
    memory = used.resident_before_mb + (used.resident_mb - used.resident_before_mb) / scale
    return [
        Bar("cores in all", used.cores / scale, CORES_MOST, how),
        Bar("loop lag p99, ms", found.lag_ms[1], LAG_MS_MOST, as_measured),
        Bar("sessions begin late p99, ms", found.late_ms[1], LATE_MS_MOST, as_measured),
        Bar("lost", sum(found.lost.values()), 0, as_measured),
        Bar("resident memory of workers, MB", memory, RESIDENT_MB_MOST, how),
    ]
