"""Who made the load, and whether all of it arrived: sequence numbers, counters on both sides, silences. (pure)

The master's `Roster` hears every report. What it found out stands in the manifest (`WorkerRecord`), from which
`reports` judges; nothing in here decides a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from harness.core.tables import ARRIVALS, HEALTH, LATENCY, View

LOST_S = 5.0
"""A worker that says nothing for longer than this is lost; workers speak once a second."""
MAX_GAPS = 1_000
"""Holes in a worker's sequence numbers that can still be filled; older ones stay counted as missing."""


class Counters(BaseModel):
    """How much there is, counted on one side of the channel. Master and worker each keep their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    attempts: int = 0  # server-view samples
    samples: int = 0  # of all views, the generator's own included
    arrivals: int = 0  # rows: one when a session starts, one when it ends
    health: int = 0  # rows
    others: int = 0  # rows of all other tables

    @classmethod
    def of(cls, table: str, batch: pa.RecordBatch) -> Counters:
        """What one batch of that table holds."""
        if table == LATENCY:
            count, server = batch.column("count"), pc.equal(batch.column("view"), str(View.SERVER))
            attempts = pc.sum(count.filter(server)).as_py() or 0
            return cls(attempts=attempts, samples=pc.sum(count).as_py() or 0)
        return cls(**{{ARRIVALS: "arrivals", HEALTH: "health"}.get(table, "others"): batch.num_rows})

    @classmethod
    def total(cls, batches: Iterable[tuple[str, pa.RecordBatch]]) -> Counters:
        """What batches hold together."""
        return sum((cls.of(table, batch) for table, batch in batches), cls())

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            attempts=self.attempts + other.attempts,
            samples=self.samples + other.samples,
            arrivals=self.arrivals + other.arrivals,
            health=self.health + other.health,
            others=self.others + other.others,
        )


class WorkerRecord(BaseModel):
    """What the master knows about one worker. Instants are seconds since the run's zero, on the master's clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    worker: int
    host: str
    pid: int
    folder: str  # the worker's own run files, on its machine; "" when they are the run's
    tickets: int  # planned sessions that are its own
    first_report_s: float | None  # None: it never reported
    last_report_s: float | None
    reports: int  # taken down; repeats not counted
    missing: int  # sequence numbers that never came
    repeated: int  # reports that came twice; the second one was not added
    longest_silence_s: float  # up to the end of its silence, or the run's; before its farewell only
    final: bool  # whether its farewell came
    lost_at_s: float | None  # when the master gave it up for silence; stays when it came back
    taken_over: int  # of its tickets, those that others took over (--rebalance)
    sent: Counters  # what the worker says it sent, at its last report
    received: Counters  # what the master wrote down of it

    @property
    def apart(self) -> bool:
        """Whether something it sent is not what the master wrote down."""
        return bool(self.missing) or self.sent != self.received

    @property
    def name(self) -> str:
        """For people."""
        return f"worker {self.worker}" + (f" (pid {self.pid} on {self.host})" if self.pid else "")


class ReportSequence:
    """Which numbers of a sequence that starts at 1 have come. Bounded, whatever comes."""

    def __init__(self) -> None:
        self.highest = 0
        self.missing = 0
        self.repeated = 0
        self._gaps: list[tuple[int, int]] = []  # first and last missing number, ascending

    def add(self, number: int) -> bool:
        """Whether this number is new."""
        if number > self.highest:
            if number > self.highest + 1:
                self._gaps.append((self.highest + 1, number - 1))
                self.missing += number - 1 - self.highest
                del self._gaps[:-MAX_GAPS]
            self.highest = number
            return True
        for position, (first, last) in enumerate(self._gaps):
            if first <= number <= last:
                rest = [(first, number - 1), (number + 1, last)]
                self._gaps[position : position + 1] = [(low, high) for low, high in rest if low <= high]
                self.missing -= 1
                return True
        self.repeated += 1
        return False


@dataclass(slots=True)
class _WorkerEntry:
    tickets: int
    heard_s: float
    host: str = ""
    pid: int = 0
    folder: str = ""
    first_s: float | None = None
    last_s: float | None = None
    reports: int = 0
    sequence: ReportSequence = field(default_factory=ReportSequence)
    longest_silence_s: float = 0.0
    final: bool = False
    silent: bool = False  # lost, and not back
    lost_at_s: float | None = None
    taken_over: int = 0
    sent: Counters = field(default_factory=Counters)
    received: Counters = field(default_factory=Counters)


class Roster:
    """The master's list of workers. Instants are seconds since zero, given by the caller and never falling."""

    def __init__(self, tickets: Iterable[int], now_s: float) -> None:
        """`tickets` are each worker's planned sessions, by number; silence counts from zero, or `now_s` if later."""
        self._entries = [_WorkerEntry(number, max(0.0, now_s)) for number in tickets]
        self._checked_s = now_s

    def hears(self, worker: int, number: int, now_s: float, *, sent: Counters, final: bool) -> bool:
        """Report `number` of a worker has come. False when it came before: then it must not be added again."""
        entry = self._entries[worker]
        entry.longest_silence_s = max(entry.longest_silence_s, now_s - entry.heard_s)
        entry.heard_s, entry.silent = now_s, False
        if not entry.sequence.add(number):
            return False
        entry.first_s = now_s if entry.first_s is None else entry.first_s
        entry.last_s = now_s
        entry.reports += 1
        entry.final = entry.final or final
        if number == entry.sequence.highest:  # a late one says nothing newer
            entry.sent = sent
        return True

    def introduce(self, worker: int, host: str, pid: int, folder: str) -> None:
        """Who that worker is."""
        entry = self._entries[worker]
        entry.host, entry.pid, entry.folder = host, pid, folder

    def wrote(self, worker: int, table: str, batch: pa.RecordBatch) -> None:
        """A batch of that worker is in the record."""
        self._entries[worker].received += Counters.of(table, batch)

    def check(self, now_s: float) -> list[int]:
        """Workers found lost since the last check. Call it about once a second.

        When the caller itself was asleep, reports wait unread: that time is nobody's silence.
        """
        asleep = now_s - self._checked_s - LOST_S / 2
        self._checked_s = now_s
        lost = []
        for worker, entry in enumerate(self._entries):
            if entry.final:
                continue
            if asleep > 0:
                entry.heard_s += asleep + LOST_S / 2
            elif now_s - entry.heard_s > LOST_S and not entry.silent:
                entry.silent = True
                entry.lost_at_s = now_s if entry.lost_at_s is None else entry.lost_at_s
                lost.append(worker)
        return lost

    def handed_over(self, worker: int, tickets: int) -> None:
        """So many of a lost worker's tickets went to others."""
        self._entries[worker].taken_over += tickets

    @property
    def present(self) -> list[int]:
        """Workers that are not lost, those that said farewell included."""
        return [worker for worker, entry in enumerate(self._entries) if not entry.silent]

    @property
    def serving(self) -> list[int]:
        """Workers that begin sessions: heard of, never lost (who comes back has given its tickets up), and not done."""
        return [worker for worker, entry in enumerate(self._entries) if entry.lost_at_s is None and not entry.final]

    @property
    def all_final(self) -> bool:
        """Whether every worker has said farewell or is lost."""
        return all(entry.final or entry.silent for entry in self._entries)

    def records(self, now_s: float) -> tuple[WorkerRecord, ...]:
        """All that is known at `now_s`."""
        return tuple(
            WorkerRecord(
                worker=worker,
                host=entry.host,
                pid=entry.pid,
                folder=entry.folder,
                tickets=entry.tickets,
                first_report_s=_rounded(entry.first_s),
                last_report_s=_rounded(entry.last_s),
                reports=entry.reports,
                missing=entry.sequence.missing,
                repeated=entry.sequence.repeated,
                longest_silence_s=round(max(entry.longest_silence_s, 0.0 if entry.final else now_s - entry.heard_s), 3),
                final=entry.final,
                lost_at_s=_rounded(entry.lost_at_s),
                taken_over=entry.taken_over,
                sent=entry.sent,
                received=entry.received,
            )
            for worker, entry in enumerate(self._entries)
        )


def _rounded(instant_s: float | None) -> float | None:
    return None if instant_s is None else round(instant_s, 3)
