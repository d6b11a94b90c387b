"""What devices report, on its way into the record: attempts, operations, what replies held that they should
not, what Realtime brought, our own problems."""

from __future__ import annotations

import traceback
from collections import deque
from typing import NamedTuple

from harness.client.checks.title_facts import TitleFacts
from harness.client.interruptible_sleep import SessionClosed
from harness.core.delivery_facts import FactKind
from harness.core.ledger import Ledger
from harness.core.outcome import Outcome
from harness.core.platform_limits import key_of, limit_of
from harness.core.read_log import KeptReply, ReadLog, ReadSample, ReadViolation
from harness.core.rows import Notes, Taken
from harness.core.secret_filter import WORDS
from harness.core.tables import DELIVERY, View
from harness.record.recorder import Recorder
from harness.record.run_log import RunLog

KEPT_PROBLEMS = 20
"""Tracebacks kept per worker; the count goes on."""


class Attempt(NamedTuple):
    """A finished attempt on its way into Locust's own statistics."""

    method: str
    name: str
    milliseconds: float
    size: int
    outcome: Outcome
    code: str


class RecordingObserver:
    """The `harness.client.device.Observer` of one worker. Its loop calls it; other threads drain the deques.

    :param zero: loop time of the run's zero, seconds.
    """

    def __init__(self, recorder: Recorder, ledger: Ledger, *, zero: float, worker: int, log: RunLog) -> None:
        self.recorder = recorder
        self.ledger = ledger
        self.facts = Notes(DELIVERY)
        self.reads = ReadLog(worker)
        self.checked = self.reads.checked
        self.samples = self.reads.wants
        self.prints = self.reads.wants_print
        self.titles = TitleFacts()
        self.attempts: deque[Attempt] = deque()
        self.problems: deque[str] = deque(maxlen=KEPT_PROBLEMS)
        self.failures = 0  # of our own code
        self.counted = 0  # attempts, where they end
        self._zero = zero
        self.worker = worker
        self.log = log

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None:
        """One attempt is over: sent at `at` (loop time), answered or given up after `seconds`."""
        self.counted += 1
        self.recorder.sample(View.SERVER, name, outcome, at - self._zero, seconds)
        if code and outcome.failed and (limit := limit_of(code)):
            self.recorder.sample(View.LIMIT, key_of(limit, name), outcome, at - self._zero, seconds)
        self.attempts.append(Attempt(method, name, seconds * 1000.0, size, outcome, code))

    def connected(self, at: float, seconds: float) -> None:
        """An HTTP connection was open at `at` (loop time), `seconds` after it was asked for."""
        self.recorder.sample(View.CONNECT, "http", Outcome.OK, at - self._zero, seconds)

    def held(self, name: str, at: float, seconds: float) -> None:
        """Something that began at `at` (loop time) waited so long for the target's limits."""
        self.recorder.sample(View.HELD, name, Outcome.OK, at - self._zero, seconds)

    def operation(self, name: str, outcome: Outcome, intended: float, seconds: float) -> None:
        """One operation is over: intended at `intended` (loop time), done or given up after `seconds`."""
        self.recorder.sample(View.E2E, name, outcome, intended - self._zero, seconds)

    def saw(
        self, at: float, kind: FactKind, person: int, conversation: str, key: str, detail: str, mark_us: int | None
    ) -> None:
        """A device saw something of Realtime at `at` (loop time)."""
        at_us = round((at - self._zero) * 1e6)
        self.facts.add((at_us, self.worker, str(kind), person, conversation, key, detail, mark_us))

    def violated(self, at: float, ticket: int, person: int, call: str, rule: str, found: ReadViolation) -> None:
        """A reply that was read at `at` (loop time) breaks a rule."""
        at_us = round((at - self._zero) * 1e6)
        self.reads.violated(at_us, ticket, person, call, rule, found)

    def sampled(self, begun: float, at: float, person: int, call: str, sample: ReadSample) -> None:
        """A reply in outline, asked at `begun` and read at `at` (loop time)."""
        zero = self._zero
        self.reads.sampled(round((begun - zero) * 1e6), round((at - zero) * 1e6), person, call, sample)

    def printed(self, begun: float, at: float, person: int, call: str, kept: KeptReply) -> None:
        """A reply in numbers, likewise."""
        zero = self._zero
        self.reads.keep_print(round((begun - zero) * 1e6), round((at - zero) * 1e6), person, call, kept)

    def problem(self, error: BaseException) -> None:
        """Our own code failed beside a session; not where a session's end, or that of its sign-in, was on its way."""
        if not isinstance(error, SessionClosed):
            self._failed("internal problem", error)

    def session_failed(self, error: BaseException, *, person: int, ticket: int, persona: str) -> None:
        """Our own code failed, and a session with it."""
        self._failed("session failed", error, person=person, ticket=ticket, persona=persona)

    def _failed(self, event: str, error: BaseException, **facts: object) -> None:
        self.failures += 1
        text = WORDS.text("".join(traceback.format_exception(error)))  # it may quote what the target said
        self.problems.append(text)
        self.log.error(event, **facts, error=f"{type(error).__name__}: {error}", traceback=text)

    def take(self) -> list[Taken]:
        """Everything recorded since the last take."""
        return [*self.recorder.take(), *self.ledger.take(), *self.facts.take(), *self.reads.take()]
