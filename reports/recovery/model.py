"""What is said about a run with faults: figures per fault window. (pure)

Part of `verdict.json` (`recovery`). Rates are per second, latencies milliseconds, ages and lengths seconds, shares
fractions of one. null: there was nothing to divide by, or no baseline to hold the figure against.
"""

from __future__ import annotations

from typing import Literal

from reports.model import ReportModel
from reports.text import count, percent, seconds

Status = Literal["recovered", "never", "unknown"]


class Baseline(ReportModel):
    """How the target was before the first fault, and what counts as being back there."""

    start_s: float
    end_s: float
    operations_per_s: float
    attempts_per_s: float
    attempts_per_operation: float
    answers_per_s: float
    goodput_per_s: float
    p95_ms: float | None  # e2e, all operations together; null: a failure
    rolling_s: int  # width of the rolling figures
    goodput_floor: float  # a second: what rolling goodput must reach again
    p95_ceiling_ms: float | None  # what rolling p95 may be; null: no bound, the baseline's own p95 is a failure


class Recovered(ReportModel):
    """Whether the target came back by itself after a fault was gone."""

    status: Status
    after_s: float | None = None  # from the fault's end
    note: str = ""

    @property
    def text(self) -> str:
        if self.status == "recovered" and self.after_s is not None:
            return "recovered at once" if self.after_s < 1 else f"recovered after {seconds(self.after_s)}"
        if self.status == "never":
            return "never recovered"
        return "recovery unknown"


class LatencyChange(ReportModel):
    """p95 of one operation in one view; `all` is every operation together."""

    operation: str
    view: str
    before: float | None
    during: float | None
    after: float | None
    samples: tuple[int, int, int]


class Try(ReportModel):
    """What became of the n-th request that carried a write."""

    attempt: int
    tried: int
    succeeded: int
    more: bool = False  # this row also holds all later attempts

    @property
    def share(self) -> float:
        return self.succeeded / self.tried if self.tried else 0.0


class WritePressure(ReportModel):
    """Writes of one kind that were wanted while the fault was on, whenever they were sent."""

    kind: str
    writes: int
    acknowledged: int
    requests: int  # sightings of these writes in requests, retries included
    retries: int
    concurrent: int  # of the retries: sent before any answer to the first request
    needless: int  # of the retries: the write was there already (409), or had been acknowledged before
    tries: tuple[Try, ...]

    @property
    def per_stored(self) -> float | None:
        """Requests per write that the target acknowledged."""
        return self.requests / self.acknowledged if self.acknowledged else None

    @property
    def concurrent_share(self) -> float | None:
        return self.concurrent / self.retries if self.retries else None

    @property
    def needless_share(self) -> float | None:
        return self.needless / self.retries if self.retries else None


class Queue(ReportModel):
    """Events that phones held back: wanted, and neither acknowledged nor given up."""

    usual: int | None  # the most that the baseline ever had
    at_end: int  # when the fault ended
    drained_after_s: float | None  # from the fault's end until usual, save 5 % of `at_end`
    oldest_s: float | None  # age of the oldest one that the fault left behind, when it was acknowledged
    left: int  # of those that the fault left behind: still held when the record ends

    @property
    def text(self) -> str:
        """What became of it, in words; empty without a baseline to hold it against."""
        if self.drained_after_s is not None:
            return f"queues drained in {seconds(self.drained_after_s)}"
        return f"queues not drained, {count(self.left)} events still held at the end" if self.usual is not None else ""


class FaultReport(ReportModel):
    """One fault window and what followed, up to the next fault or the end of the load."""

    name: str
    fault: str
    start_s: float
    end_s: float
    until_s: float  # how far "after" reaches
    missing: str = ""  # why the fault was not on, although it was planned; then no figure here is its doing
    hits: int | None
    operations: int  # intended in the window
    attempts: int  # sent in the window
    amplification: float | None  # attempts per operation
    amplification_ratio: float | None  # over the baseline's
    amplification_peak: float | None  # attempts of the busiest second per operation of a mean second
    attempts_per_s: float
    answers_per_s: float  # complete replies: the throughput
    goodput_per_s: float  # operations that ended well in time
    goodput_share: float | None  # of the baseline's
    wasted_share: float | None  # of the attempts: what the baseline would not have needed for this goodput
    latency: tuple[LatencyChange, ...]
    herd_per_s: float | None  # attempts in the busiest second soon after the end
    herd_ratio: float | None  # over the baseline's mean second
    herd_at_s: float | None
    queue: Queue | None
    writes: tuple[WritePressure, ...]
    recovered: Recovered

    @property
    def place(self) -> str:
        return f"{self.name} ({self.fault}), {self.start_s:,.0f} to {self.end_s:,.0f} s"

    @property
    def sentence(self) -> str:
        """The window in one sentence, for a terminal."""
        if self.missing:
            return f"{self.place}: {self.missing}; nothing is excused."
        parts = [self.recovered.text]
        if self.goodput_share is not None:
            parts.append(f"goodput {percent(self.goodput_share, 0)} of the baseline's")
        if self.amplification is not None:
            beside = (
                "" if self.amplification_ratio is None else f" (\N{MULTIPLICATION SIGN} {self.amplification_ratio:.2f})"
            )
            parts.append(f"{self.amplification:.2f} attempts per operation{beside}")
        if self.herd_ratio is not None:
            parts.append(f"herd \N{MULTIPLICATION SIGN} {self.herd_ratio:.1f}")
        if self.queue is not None and self.queue.text:
            parts.append(self.queue.text)
        return f"{self.place}: {', '.join(parts)}."


class LoadStep(ReportModel):
    """One level of load, on the way up and on the way down."""

    sessions_per_s: float
    goodput_up: float
    goodput_down: float


class Hysteresis(ReportModel):
    """Goodput at the same load before and after the peak."""

    steps: tuple[LoadStep, ...]
    gap: float  # mean of (up - down) / up: the loop's area in shares of goodput

    @property
    def vulnerable(self) -> bool:
        return self.gap > VULNERABLE

    @property
    def text(self) -> str:
        if self.vulnerable:
            return f"At the same load, goodput is {percent(self.gap, 0)} lower after the peak than before it."
        return f"Load up and load down give the same goodput (mean gap {percent(max(self.gap, 0.0), 0)})."


VULNERABLE = 0.10
"""A gap above which a target is called vulnerable: it remembers overload."""


class Recovery(ReportModel):
    """Everything about a run's faults."""

    baseline: Baseline | None
    baseline_note: str = ""  # why there is none, or what to know of it
    faults: tuple[FaultReport, ...]
    hysteresis: Hysteresis | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """For a terminal: one sentence a fault."""
        found = [fault.sentence for fault in self.faults]
        found += [self.baseline_note] if self.baseline_note else []
        found += [self.hysteresis.text] if self.hysteresis is not None else []
        return tuple(found)
