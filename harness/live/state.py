"""A run's live state: takes in what workers report, and once a second makes a snapshot of it. (pure)

Kept by who keeps the record, in the master, and only where somebody looks: `benchmarks/live.py` says what it costs.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.core.fault_record import excused
from harness.core.slo import LatencySlo
from harness.core.tables import ARRIVALS, HEALTH, LATENCY, REALTIME, Phase, View
from harness.live import generator
from harness.live.counts import REPRESENTATIVE_US, LiveCounts, answered, at_rank
from harness.live.faults import FaultBoard
from harness.live.snapshot import QUANTILES, OperationHistogram, Snapshot, Spread, WorkerLine
from harness.live.standing import MATCHED_AFTERWARDS, Standings, wanted
from harness.record.manifest import Manifest

OWN = "generator"
RATE_OVER = 5
"""Seconds over which rates are averaged; reports arrive in lumps."""
BOUNDS_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Of the histograms that metrics carry, beside the limits of the objectives."""
ENDLESS_S = 1e8
"""What ends later than that ends when somebody ends it."""
MOST_CPU = 8_000
"""Thousandths of a core."""
LATE_CAUSES = ("generator", "phone_busy", "worker_lost", "run_ended")


class _Worker:
    """What one worker said last."""

    def __init__(self) -> None:
        self.host = ""
        self.heard_s: float | None = None
        self.sessions = self.left = 0
        self.cpu = np.zeros(MOST_CPU + 1, np.int64)  # seconds of the measure phase, by thousandths of a core
        self.last_cpu: float | None = None
        self.descriptors: int | None = None
        self.gauges: dict[str, int] = {}
        self.frames: deque[tuple[int, int]] = deque(maxlen=64)  # second, frames


class LiveState:
    """One run's.

    planned_s: planned starts, ascending, seconds since zero. faults: what is on.
    """

    def __init__(self, manifest: Manifest, planned_s: npt.NDArray[np.float64], faults: FaultBoard) -> None:
        self._manifest = manifest
        self._planned = planned_s
        self._faults = faults
        self._begun = np.zeros(len(planned_s), np.bool_)
        self._open: set[int] = set()  # sessions under way that nobody planned
        self._late: Counter[str] = Counter()
        self._started = 0
        self._measured_started = self._measured_late = 0
        self._workers: dict[int, _Worker] = {}
        own = {(View.LAG, OWN), (View.LATENESS, OWN)}
        self._counts = LiveCounts(wanted(manifest.slos) | own, excused(manifest.chaos))
        self._standings = Standings(manifest.slos)
        self._told: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=RATE_OVER)
        measure = [window for window in manifest.windows if window.phase is Phase.MEASURE]
        self._measure = (measure[0].start_s, measure[0].end_s) if measure else (0.0, 0.0)
        end_s = max((window.end_s for window in manifest.windows), default=0.0)
        self._end_s = end_s if end_s < ENDLESS_S else 0.0
        self.latest: Snapshot | None = None

    # ---- what comes in -----------------------------------------------------------------------------------------

    def heard(self, worker: int, at_s: float, *, host: str, sessions: int, left: int) -> None:
        """A report of that worker came; its batches follow."""
        one = self._worker(worker)
        one.host, one.heard_s, one.sessions, one.left = host, at_s, sessions, left

    def absorb(self, worker: int, table: str, batch: pa.RecordBatch) -> None:
        """A batch of it."""
        if table == LATENCY:
            self._counts.absorb(batch)
        elif table == ARRIVALS:
            self._arrive(batch)
        elif table == HEALTH:
            self._health(self._worker(worker), batch)
        elif table == REALTIME:
            self._realtime(self._worker(worker), batch)

    def expect_fault(self, entry: str, end_s: float) -> None:
        """Somebody asked for a fault by hand."""
        self._faults.expect(entry, end_s)

    def _worker(self, number: int) -> _Worker:
        return self._workers.setdefault(number, _Worker())

    def _arrive(self, batch: pa.RecordBatch) -> None:
        """A session is on record when it begins, and again when it ends."""
        if not len(self._planned):
            self._unplanned(batch)
            return
        tickets = batch.column("ticket").to_pylist()
        started = batch.column("started_us").to_pylist()
        causes = batch.column("late_cause").to_pylist()
        for ticket, began, cause in zip(tickets, started, causes, strict=True):
            if self._begun[ticket]:
                continue
            self._begun[ticket] = True
            if cause:
                self._late[cause] += 1
            if began is None:
                continue
            self._started += 1
            if self._measure[0] <= self._planned[ticket] < self._measure[1]:
                self._measured_started += 1
                self._measured_late += cause == "generator"

    def _unplanned(self, batch: pa.RecordBatch) -> None:
        """Sessions of users that follow no plan."""
        for ticket, ended in zip(batch.column("ticket").to_pylist(), batch.column("ended_us").to_pylist(), strict=True):
            self._started += ticket not in self._open
            if ended is None:
                self._open.add(ticket)
            else:
                self._open.discard(ticket)

    def _health(self, worker: _Worker, batch: pa.RecordBatch) -> None:
        for row in batch.select(["second", "cpu_share", "descriptors"]).to_pylist():
            worker.last_cpu, worker.descriptors = row["cpu_share"], row["descriptors"]
            if self._measure[0] <= row["second"] < self._measure[1]:
                worker.cpu[min(MOST_CPU, max(0, round(row["cpu_share"] * 1000)))] += 1

    @staticmethod
    def _realtime(worker: _Worker, batch: pa.RecordBatch) -> None:
        columns = [batch.column(name).to_pylist() for name in ("second", "what", "value")]
        for second, what, value in zip(*columns, strict=True):
            if what.startswith("frames "):
                worker.frames.append((second, value))
            elif what != "bytes" and not what.startswith("changes "):
                worker.gauges[what] = value

    # ---- what comes out ----------------------------------------------------------------------------------------

    def tick(self, at_s: float, present: Sequence[int], stopping: str = "") -> Snapshot:
        """The run at `at_s`, which never falls; about once a second. present: workers that are not lost."""
        manifest, counts = self._manifest, self._counts
        there = [worker for number, worker in self._workers.items() if number in present]
        attempts = sum(n for (view, _), n in counts.outcomes.items() if view is View.SERVER)
        failed = sum(n for (view, outcome), n in counts.outcomes.items() if view is View.SERVER and outcome.failed)
        then, before = self._told[0]
        self._told.append((at_s, attempts))
        lag = self._spread(View.LAG)
        late = tuple((cause, self._late[cause]) for cause in LATE_CAUSES if self._late[cause])
        cpu = {number: _median(worker.cpu) for number, worker in self._workers.items()}
        expected = max(manifest.workers, len(self._workers))
        lost = sum(number not in present for number in self._workers)
        connections = [worker.descriptors for worker in there if worker.descriptors is not None]
        self.latest = Snapshot(
            run_id=manifest.run_id,
            profile=manifest.profile.name,
            target=manifest.target_name,
            at_s=round(at_s, 1),
            end_s=self._end_s,
            phase=self._phase(at_s),
            slos=self._standings.take(counts, at_s),
            attempts=attempts,
            failed=failed,
            per_second=round(max(0, attempts - before) / max(at_s - then, 0.001), 1) if at_s > then else 0.0,
            outcomes=self._outcomes(),
            sessions=sum(worker.sessions for worker in there),
            due=int(np.searchsorted(self._planned, at_s, side="right")) if len(self._planned) else self._started,
            started=self._started,
            left=sum(worker.left for worker in there),
            late=late,
            lateness=self._spread(View.LATENESS),
            lag=lag,
            sockets=_sum(there, "sockets"),
            channels=_sum(there, "channels"),
            subscriptions=_sum(there, "subscriptions"),
            frames_per_second=round(sum(_frames(worker, at_s) for worker in there), 1),
            connections=sum(connections) if connections else None,
            health=generator.lines(lag, cpu, self._measured_started, self._measured_late, lost, expected),
            faults=self._faults.look(at_s),
            workers=tuple(self._lines(present)),
            stopping=stopping,
            histograms=tuple(self._histograms()),
        )
        return self.latest

    def _phase(self, at_s: float) -> str:
        begun = [window for window in self._manifest.windows if window.start_s <= at_s]
        return str(begun[-1].phase) if begun else "starting"

    def _outcomes(self) -> tuple[tuple[str, str, int], ...]:
        shown = (View.SERVER, View.E2E)
        return tuple(
            (str(view), str(outcome), number)
            for (view, outcome), number in sorted(self._counts.outcomes.items())
            if view in shown
        )

    def _spread(self, view: View) -> Spread:
        figures, _ = answered(view, self._counts.of(view, OWN))
        samples = int(figures.sum())
        if not samples:
            return Spread(0, (None,) * len(QUANTILES))
        found = [at_rank(figures, max(1, int(np.ceil(round(share * samples, 6))))) for share in QUANTILES]
        return Spread(samples, tuple(None if one is None else round(one / 1000, 3) for one in found))

    def _lines(self, present: Sequence[int]) -> list[WorkerLine]:
        return [
            WorkerLine(
                worker=number,
                host=worker.host,
                present=number in present,
                heard_s=None if worker.heard_s is None else round(worker.heard_s, 1),
                sessions=worker.sessions,
                sockets=worker.gauges.get("sockets", 0),
                cpu_share=worker.last_cpu,
                descriptors=worker.descriptors,
            )
            for number, worker in sorted(self._workers.items())
        ]

    def _histograms(self) -> list[OperationHistogram]:
        limits: dict[tuple[View, str], set[float]] = {}
        for slo in self._manifest.slos:
            if isinstance(slo, LatencySlo) and slo.operation not in MATCHED_AFTERWARDS:
                limits.setdefault((slo.view, slo.operation), set(BOUNDS_S)).add(slo.limit_ms / 1000)
        found = []
        for (view, operation), bounds in limits.items():
            figures, failed = answered(view, self._counts.of(view, operation))
            ordered = tuple(sorted(bounds))
            sums = np.concatenate([[0], np.cumsum(figures)])
            at_most = sums[np.searchsorted(REPRESENTATIVE_US, np.array(ordered) * 1e6, side="right")]
            found.append(
                OperationHistogram(
                    view=view,
                    operation=operation,
                    bounds_s=ordered,
                    at_most=tuple(map(int, at_most)),
                    samples=int(sums[-1]) + failed,
                    failed=failed,
                    sum_s=round(float(figures @ REPRESENTATIVE_US) / 1e6, 6),
                )
            )
        return found


def _sum(workers: Sequence[_Worker], gauge: str) -> int:
    return sum(worker.gauges.get(gauge, 0) for worker in workers)


def _median(thousandths: npt.NDArray[np.int64]) -> float | None:
    """In cores, to a thousandth, whatever the run's length."""
    seconds = int(thousandths.sum())
    return int(np.searchsorted(np.cumsum(thousandths), (seconds + 1) // 2)) / 1000 if seconds else None


def _frames(worker: _Worker, at_s: float) -> float:
    """A second, over the last whole ones."""
    return sum(number for second, number in worker.frames if at_s - RATE_OVER - 1 <= second < at_s - 1) / RATE_OVER
