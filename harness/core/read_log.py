"""What phones found wrong with replies, and some of the replies themselves. (pure)

A broken target answers every request wrongly, thousands a second. So of each rule only the first few violations of a
second are written down with their names; all of them are counted.

What only the target's own state can answer (is everybody in this feed followed, is this list complete) is asked after
the run, of a sample of replies in outline: who asked, when, and the ids that came. Of each call the first few hundred
and then one a second are kept, so that a short run is looked at as a whole. A row costs 32 bytes: pages of forty
messages that are polled all day 100 MB a worker.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from harness.core.reply_print import ReplyPrint
from harness.core.rows import Notes, Rows
from harness.core.tables import READ_CHECKS, READ_PRINTS, READ_SAMPLES, VIOLATIONS

EXAMPLES_A_SECOND = 20
"""Violations of one rule that are written down in one second of the run."""


class ReadSeverity(StrEnum):
    """How grave a violation is."""

    FOREIGN = "foreign"  # somebody was shown what belongs to somebody else
    LOST = "lost"  # what was written, or shown before, is missing or changed
    WRONG = "wrong"  # not what was asked for: id, filter, order, count
    NOTED = "noted"  # worth knowing, and no verdict


SAMPLES_AT_ONCE = 300
"""Replies of one call that a worker keeps in outline before it keeps one a second."""


class ReadSample(NamedTuple):
    """One reply in outline.

    account: who asked, 16 bytes, as all ids here. subject: what was asked about. whole: there was nothing behind the
    last row. oldest_us: that row's time, epoch. ids, owners: of the rows and of whose they are, one behind the other;
    of a list of conversations owners are its last messages. detail, first, second: what else the call's rule compares.
    """

    account: bytes
    subject: bytes | None = None
    whole: bool = True
    oldest_us: int | None = None
    ids: bytes = b""
    owners: bytes = b""
    detail: str = ""
    first: int | None = None
    second: int | None = None


PRINTS_AT_ONCE, PRINTS_APART_S, PRINTS_APART = 3, 2.0, 0.15
"""Replies of one call that a worker keeps in numbers: the first three, then one each two seconds, or as far apart as
15 % of the time since the first one: some sixty in a day."""


class ReadViolation(NamedTuple):
    """What is wrong with a reply. subject: id of the row or person that it is about; detail: what was found, in words
    that name whose it is."""

    severity: ReadSeverity
    subject: str
    detail: str


class KeptReply(NamedTuple):
    """A question that is asked again after the run, and what was answered. arguments: of the call's path, a list as
    JSON. body: as JSON, `null` where there was none."""

    account: bytes
    arguments: str
    body: str
    shown: ReplyPrint


class ReadLog:
    """One worker's. Owned by its event loop; not thread-safe."""

    def __init__(self, worker: int = 0) -> None:
        self._worker = worker
        self._violations = Notes(VIOLATIONS)
        self._asked: dict[tuple[str, str], int] = {}
        self._broken: dict[tuple[str, str], int] = {}
        self._second = -1
        self._written: dict[str, int] = {}  # by rule, within that second
        self._samples = Notes(READ_SAMPLES)
        self._allowed: dict[str, tuple[float, float]] = {}  # call -> samples that it may have now, and when that was
        self._prints = Notes(READ_PRINTS)
        self._printed: dict[tuple[str, bool], tuple[int, float, float]] = {}  # how many, the first and the last instant

    def checked(self, call: str, rule: str, asked: int) -> None:
        """A rule was asked of so many rows or replies of a call."""
        pair = (call, rule)
        self._asked[pair] = self._asked.get(pair, 0) + asked

    def violated(self, at_us: int, ticket: int, person: int, call: str, rule: str, found: ReadViolation) -> None:
        """And was broken by one of them. `at_us`: run time."""
        pair = (call, rule)
        self._broken[pair] = self._broken.get(pair, 0) + 1
        second = at_us // 1_000_000
        if second != self._second:
            self._second, self._written = second, {}
        written = self._written.get(rule, 0)
        if written < EXAMPLES_A_SECOND:
            self._written[rule] = written + 1
            severity, subject, detail = found
            self._violations.add((at_us, self._worker, ticket, person, call, rule, str(severity), subject, detail))

    def wants(self, call: str, at: float) -> bool:
        """Whether a reply of that call is to be kept, `at` seconds on any clock; each yes counts."""
        left, before = self._allowed.get(call, (float(SAMPLES_AT_ONCE), at))
        left = min(left + max(at - before, 0.0), float(SAMPLES_AT_ONCE))
        if left < 1.0:
            self._allowed[call] = (left, at)
            return False
        self._allowed[call] = (left - 1.0, at)
        return True

    def sampled(self, begun_us: int, at_us: int, person: int, call: str, sample: ReadSample) -> None:
        """A reply in outline: asked and read then, run time."""
        account, *rest = sample
        self._samples.add((begun_us, at_us, self._worker, person, account, call, *rest))

    def wants_print(self, call: str, empty: bool, at: float) -> bool:
        """Whether a reply of that call is to be kept in numbers, `at` seconds on any clock; each yes counts. empty: it
        has no rows; these are counted for themselves."""
        number, first, last = self._printed.get((call, empty), (0, at, at))
        if number >= PRINTS_AT_ONCE and at - last < max(PRINTS_APART_S, (at - first) * PRINTS_APART):
            return False
        self._printed[call, empty] = number + 1, first, at
        return True

    def keep_print(self, begun_us: int, at_us: int, person: int, call: str, kept: KeptReply) -> None:
        """A reply in numbers: asked and read then, run time."""
        account, arguments, body, shown = kept
        self._prints.add((begun_us, at_us, self._worker, person, account, call, arguments, body, *shown))

    def take(self) -> list[Rows]:
        """What was noted since the last take; empty when nothing was."""
        counted = [
            (self._worker, call, rule, self._asked.get((call, rule), 0), self._broken.get((call, rule), 0))
            for call, rule in {**self._asked, **self._broken}
        ]
        self._asked, self._broken = {}, {}
        checks = [Rows(READ_CHECKS, counted)] if counted else []
        return [*self._violations.take(), *checks, *self._samples.take(), *self._prints.take()]
