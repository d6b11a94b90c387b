"""Collects the workers' reports into the run's record, keeps the roster, and says how far the run is.

Runs in the master (or in the only process). Knows nothing of Locust: reports come in as they left the workers.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TextIO, get_type_hints

import orjson
import pyarrow as pa
from pydantic import ConfigDict, TypeAdapter

from harness.core.fault_record import FaultLine
from harness.core.run_spec import RunSpec
from harness.core.sign_in import Entry, told
from harness.core.slo import LatencySlo
from harness.core.tables import ARRIVALS, LATENCY, SCHEMAS, View
from harness.core.wire_limits import WireShare
from harness.live.state import LiveState
from harness.load.abort_schedule import AbortSchedule
from harness.load.budget_deal import BudgetDeal
from harness.load.progress_lines import ProgressLines
from harness.load.rate_guard import RateGuard
from harness.load.ticket_book import TicketBook, Tickets
from harness.record.chaos_log import ChaosLog
from harness.record.clocks import ClockOffset
from harness.record.recorder import SampleTally
from harness.record.roster import LOST_S, Counters, Roster, WorkerRecord
from harness.record.run_log import NO_LOG, RunLog
from harness.record.store import RunStore, from_bytes, to_bytes
from harness.schedule.arrivals import Schedule

LINE_MARK = "\x1eharness "
"""Starts every line that the supervisor reads; everything else on stdout is Locust talking."""


RATE_OVER = 5
"""Progress lines over which requests per second are averaged; reports arrive in lumps."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one worker tells each second. Batches are what happened since its last report."""

    worker: int
    sequence: int  # from 1 on
    batches: list[tuple[str, pa.RecordBatch]]
    attempts: int  # ever, counted where they end; may be ahead of `sent` by what the next flush brings
    open_sessions: int
    tickets_left: int
    failures: int
    final: bool = False
    problems: list[str] = field(default_factory=list)
    clock: ClockOffset | None = None  # against the master's; None in a single process
    sent: Counters = field(default_factory=Counters)  # all batches up to these
    host: str = ""
    pid: int = 0
    folder: str = ""  # the worker's own run files, on its machine
    chaos: list[FaultLine] = field(default_factory=list)  # what began, changed or ended on its phones
    chaos_counts: dict[str, tuple[int, int]] = field(default_factory=dict)  # entry -> hits and seen, ever
    sign_ins: dict[str, int] = field(default_factory=dict)  # how tokens were come by -> how often, ever

    def pack(self) -> dict[str, Any]:
        """For Locust's channel, which carries msgpack."""
        message = {name: getattr(self, name) for name in self.__slots__}
        packed = [(table, to_bytes(batch)) for table, batch in self.batches]
        message["batches"] = [(table, data, _checksum(data)) for table, data in packed]
        message["clock"] = None if self.clock is None else self.clock.model_dump()
        message["sent"] = self.sent.model_dump()
        message["chaos"] = [line.model_dump(mode="json") for line in self.chaos]
        return message

    @classmethod
    def unpack(cls, message: dict[str, Any]) -> Report:
        """The inverse of `pack`.

        :raises ValueError, TypeError, KeyError, AttributeError, HarnessError: it is not what `pack` makes.
        """
        batches = [_batch(table, data, checksum) for table, data, checksum in message["batches"]]
        clock = None if message.get("clock") is None else ClockOffset.model_validate(message["clock"])
        lines = [FaultLine(**line) for line in message["chaos"]]
        counts = {entry: (hits, seen) for entry, (hits, seen) in message["chaos_counts"].items()}
        told = {"batches": batches, "clock": clock, "sent": Counters(**message["sent"])}
        report = cls(**{**message, **told, "chaos": lines, "chaos_counts": counts})
        for name, kind in _FIELDS.items():
            kind.validate_python(getattr(report, name))
        counted = [getattr(report, name) for name in _FIELDS if type(getattr(report, name)) is int]
        counted += [count for pair in counts.values() for count in pair] + list(report.sent.model_dump().values())
        counted += report.sign_ins.values()
        if any(not 0 <= count < 2**53 for count in counted):
            raise ValueError("a count that is none")
        return report


def _checksum(data: bytes) -> bytes:
    """Damaged bytes are found before Arrow reads them."""
    return hashlib.blake2b(data, digest_size=16).digest()


def _batch(table: str, data: bytes, checksum: bytes) -> tuple[str, pa.RecordBatch]:
    if _checksum(data) != checksum:
        raise ValueError("a batch whose checksum differs")
    batch = from_bytes(data)
    if table not in SCHEMAS or not batch.schema.equals(SCHEMAS[table]):
        raise ValueError("a batch of no table of the record")
    return table, batch


_FIELDS = {
    name: TypeAdapter(kind, config=ConfigDict(strict=True, arbitrary_types_allowed=True))
    for name, kind in get_type_hints(Report).items()
    if name not in ("batches", "clock", "sent", "chaos")  # those have been looked at where they were made
}
"""What each field of a report has to be. From the class itself, so that no field is forgotten."""


class Aggregator:
    """One run's record keeper. More members than most: it stands between the parts of the record and those who report,
    and each of them has a call of its own here.

    What it does per worker and second does not depend on how many requests the worker made: a second's attempts come
    as counts per bucket.
    """

    def __init__(
        self,
        spec: RunSpec,
        store: RunStore,
        schedule: Schedule,
        workers: int,
        out: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.time,
        log: RunLog = NO_LOG,
        live: LiveState | None = None,
    ) -> None:
        """live: kept up to date where somebody looks."""
        self._spec = spec
        self.live = live
        self._store = store
        self._lines = ProgressLines(sys.stdout if out is None else out)
        self._clock = clock
        self._log = log
        self._tally = SampleTally()
        self._abort = AbortSchedule(spec.profile.abort, store.manifest.slos, store.manifest.chaos)
        self._chaos = ChaosLog(store.folder, store.manifest.chaos)
        self._guard = RateGuard(None if spec.limits is None else spec.limits.requests_per_second)
        self._latest: dict[int, Report] = {}
        self._told = deque([(time.monotonic(), 0)], maxlen=RATE_OVER)
        self._schedule = schedule
        self.zero = clock()  # epoch second
        self.stop_reason = ""
        self._gone: set[int] = set()  # lost, and not heard of since
        self._refused = ""
        self._expect(workers)

    def _expect(self, workers: int) -> None:
        self.workers = workers
        self._book = TicketBook(self._schedule, workers)
        self._shares = self._book.shares(workers)
        self._roster = Roster(self._shares, self._now())
        self._deal = None if self._spec.limits is None else BudgetDeal(self._spec.limits)

    def _now(self) -> float:
        """Seconds since zero."""
        return self._clock() - self.zero

    def take(self, report: Report) -> None:
        """Write a report's batches down, once. :raises HarnessError: when the record cannot be written."""
        worker = report.worker
        if not self._roster.hears(worker, report.sequence, self._now(), sent=report.sent, final=report.final):
            self._log.warning("report repeated", worker=worker, sequence=report.sequence)
            return
        if worker not in self._latest:
            self._roster.introduce(worker, report.host, report.pid, report.folder)
        self._log_report(report)
        for problem in report.problems:
            self._say("problem", text=problem)
        if worker not in self._latest or report.sequence > self._latest[worker].sequence:
            self._latest[worker] = replace(report, batches=[])
        self._chaos.take(worker, report.chaos, report.chaos_counts, self._now())
        self._show(report)
        for table, batch in report.batches:
            self._store.append(table, batch)
            self._roster.wrote(worker, table, batch)
            if table == LATENCY:
                self._tally.absorb(batch)
                self._abort.absorb(batch, self._now())
                self._guard.absorb(batch)
            elif table == ARRIVALS:
                self._book.saw(batch)

    def _log_report(self, report: Report) -> None:
        worker, log = report.worker, self._log
        if worker not in self._latest:
            log.info("worker joined", worker=worker, host=report.host, worker_pid=report.pid)
        elif report.sequence < self._latest[worker].sequence:
            log.warning("report late", worker=worker, sequence=report.sequence)
        if worker in self._gone:
            self._gone.discard(worker)
            log.warning("worker heard of again", worker=worker)
        for line in report.chaos:
            facts = {"entry": line.entry, "fault": line.fault, "why": str(line.why), "at_s": line.at_s}
            log.info("device fault", worker=worker, what=str(line.event), **facts)
        if report.final:
            log.info("worker finished", worker=worker, attempts=report.attempts, internal_failures=report.failures)

    def find_lost(self) -> list[int]:
        """Workers found lost since the last call; about once a second. The manifest says so from then on."""
        lost = self._roster.check(self._now())
        if lost:
            self._store.update(roster=self.records)
        for worker in lost:
            left = len(self._book.left_of(worker))
            self._gone.add(worker)
            self._log.error("worker lost", worker=worker, silent_s=LOST_S, not_begun=left)
            self._say(
                "problem",
                text=f"{self.records[worker].name} has said nothing for {LOST_S:g} s and counts as lost: "
                f"of its sessions, {left} of {self.records[worker].tickets} had not begun",
            )
        return lost

    def hand_over(self, worker: int) -> dict[int, Tickets]:
        """Give what a lost worker has not begun to the others: which tickets to whom."""
        shares = self._book.hand_over(worker, [heir for heir in self._roster.serving if heir in self._latest])
        for heir, tickets in shares.items():
            latest = self._latest[heir]
            self._latest[heir] = replace(latest, tickets_left=latest.tickets_left + len(tickets))
            self._roster.handed_over(worker, len(tickets))
            self._log.info("tickets handed over", worker=heir, lost=worker, tickets=len(tickets))
        self._shares = self._book.shares(self.workers)
        return shares

    def grant(self, worker: int) -> WireShare | None:
        """The share of the target's limits that this worker has until it reports again; None: nothing is limited."""
        there = {number: self._shares[number] for number in self._roster.present}
        if self._deal is None or worker not in there:
            return None
        return self._deal.grant(worker, there, time.monotonic())

    @property
    def records(self) -> tuple[WorkerRecord, ...]:
        """What is known of every worker now."""
        return self._roster.records(self._now())

    @property
    def all_final(self) -> bool:
        """Whether every worker that is not lost has sent its last report."""
        return self._roster.all_final

    @property
    def deserted(self) -> bool:
        """Whether every worker is lost."""
        return not self._roster.present

    @property
    def idle(self) -> bool:
        """Whether every worker has started all its sessions and all of them are over; the lost ones do not count."""
        return all(
            worker in self._latest
            and self._latest[worker].tickets_left == 0
            and self._latest[worker].open_sessions == 0
            for worker in self._roster.present
        )

    def progress(self) -> None:
        """Say where the run stands, and look whether an abort rule fires; once a second."""
        now, attempts = time.monotonic(), self._tally.attempts
        if self._now() < self._spec.schedule_end_s:  # what drains is over soon enough
            self._look_at_abort_rules()
        self._abort.refused(self._chaos.refused())
        self.look()
        then, before = self._told[0]
        self._told.append((now, attempts))
        self._say(
            "progress",
            at_s=round(self._now(), 1),
            end_s=self._spec.end_s,
            sessions=sum(report.open_sessions for report in self._latest.values()),
            left=sum(report.tickets_left for report in self._latest.values()),
            attempts=attempts,
            failed=sum(n for outcome, n in self._tally.outcomes[View.SERVER].items() if outcome.failed),
            per_second=round((attempts - before) / max(now - then, 0.001), 1),
            workers=sum(worker in self._latest for worker in self._roster.present),
            chaos=self._chaos.standing(self._now()),
            slos=[self._standing(slo) for slo in self._store.manifest.slos if isinstance(slo, LatencySlo)],
        )

    def _show(self, report: Report) -> None:
        """To whoever looks at the run. That must never cost it its record."""
        latest, live = self._latest[report.worker], self.live
        if live is None:
            return
        try:
            live.heard(
                report.worker, self._now(), host=report.host, sessions=latest.open_sessions, left=latest.tickets_left
            )
            for table, batch in report.batches:
                live.absorb(report.worker, table, batch)
        except Exception as error:
            self._blind(error)

    def look(self, stopping: str = "") -> None:
        """Make a snapshot, where somebody looks. stopping: why the run is being ended."""
        if self.live is None:
            return
        try:
            self.live.tick(self._now(), self._roster.present, stopping or self.stop_reason)
        except Exception as error:
            self._blind(error)

    def _blind(self, error: Exception) -> None:
        self.live = None
        text = f"the live figures ended by a fault of the harness itself: {type(error).__name__}: {error}"
        self._log.error("live figures ended", error=text)
        self._say("problem", text=text)

    def ask(self, what: str, **facts: Any) -> None:
        """Have the supervisor do something: `fault`, `fault end`, or `otlp`, a set of metrics to be sent on."""
        if what != "otlp":
            self._log.warning(f"{what} asked for by hand", **facts)
        self._say(what, **facts)

    def _look_at_abort_rules(self) -> None:
        if not self.stop_reason and (reason := self._guard.reason):
            self.stop_reason = reason
            self._log.error("rate limit exceeded", reason=reason)
        if not self.stop_reason and (reason := self._abort.reason(self._now())):
            self.stop_reason = reason
            self._log.error("abort rule fired", reason=reason)

    def _standing(self, slo: LatencySlo) -> tuple[str, float | None, float, int]:
        """Name, percentile over the measure phase so far, limit (both milliseconds), samples."""
        value, samples = self._tally.percentile_ms(slo.operation, slo.view, slo.percentile) or (None, 0)
        return slo.name, value, slo.limit_ms, samples

    def start(self, zero: float, workers: int | None = None) -> None:
        """The plan's zero is set, an epoch second; so many workers are there to serve it."""
        self.zero = zero
        self._expect(self.workers if workers is None else workers)
        self._store.update(zero_epoch_s=zero)
        self._log.info("load starts", zero=zero, workers=self.workers, sessions=len(self._schedule))
        self._say("start", zero=zero)

    def ending(self) -> None:
        """The run is being ended before its plan: chaos stops first."""
        self._log.info("load ends early")
        self._say("ending")

    def waiting(self, text: str) -> None:
        """The run cannot begin yet; why."""
        self._say("waiting", text=text)

    def refusals(self, told: str) -> None:
        """What the master refused so far, in words."""
        self._refused = told
        self._say("problem", text=told)

    def end(self, reason: str) -> None:
        """The run is over; `reason` is empty when it ended by itself. Roster and counters go into the manifest."""
        records = self.records
        if unbegun := [record.worker for record in records if not record.final]:
            rows = self._book.never_begun(unbegun)
            self._store.append(ARRIVALS, rows)
        sign_ins = self._sign_ins()
        self._store.update(
            recorded_attempts=sum(report.attempts for report in self._latest.values()),
            workers=self.workers,
            roster=records,
            notes=(*self._store.manifest.notes, *filter(None, (self._refused, self._signed_in(sign_ins)))),
            sign_ins=sign_ins,
            clocks=tuple(report.clock for _, report in sorted(self._latest.items()) if report.clock is not None),
        )
        failures = sum(report.failures for report in self._latest.values())
        self._log.info("load ended", reason=reason, attempts=self._tally.attempts, internal_failures=failures)
        self._say("end", reason=reason, failures=failures)

    def _sign_ins(self) -> dict[str, int]:
        """How tokens were come by, over all workers."""
        total: Counter[str] = Counter()
        for report in self._latest.values():
            total.update(report.sign_ins)
        return {entry: total[entry] for entry in Entry if total[entry]}

    def _signed_in(self, counts: dict[str, int]) -> str:
        return told(counts, self._spec.minted_with) if counts else ""

    def _say(self, what: str, **facts: Any) -> None:
        line = LINE_MARK + orjson.dumps({"what": what, **facts}).decode() + "\n"
        self._lines.say(line, passing=what == "progress", wait=what == "end")
