"""What phones found wrong with replies: examples, bounded, and complete counts of what was asked. (pure)

A broken target answers every request wrongly, thousands a second. So of each rule only the first few violations of a
second are written down with their names; all of them are counted.
"""

from __future__ import annotations

from enum import StrEnum

from harness.core.rows import Notes, Rows
from harness.core.tables import READ_CHECKS, VIOLATIONS

EXAMPLES_A_SECOND = 20
"""Violations of one rule that are written down in one second of the run."""


class ReadSeverity(StrEnum):
    """How grave a violation is."""

    FOREIGN = "foreign"  # somebody was shown what belongs to somebody else
    LOST = "lost"  # what was written, or shown before, is missing or changed
    WRONG = "wrong"  # not what was asked for: id, filter, order, count
    NOTED = "noted"  # worth knowing, and no verdict


class ReadLog:
    """One worker's. Owned by its event loop; not thread-safe."""

    def __init__(self, worker: int = 0) -> None:
        self._worker = worker
        self._violations = Notes(VIOLATIONS)
        self._asked: dict[tuple[str, str], int] = {}
        self._broken: dict[tuple[str, str], int] = {}
        self._second = -1
        self._written: dict[str, int] = {}  # by rule, within that second

    def checked(self, call: str, rule: str, asked: int) -> None:
        """A rule was asked of so many rows or replies of a call."""
        pair = (call, rule)
        self._asked[pair] = self._asked.get(pair, 0) + asked

    def violated(
        self,
        at_us: int,
        ticket: int,
        person: int,
        call: str,
        rule: str,
        severity: ReadSeverity,
        subject: str,
        detail: str,
    ) -> None:
        """And was broken by one of them. `at_us`: run time."""
        pair = (call, rule)
        self._broken[pair] = self._broken.get(pair, 0) + 1
        second = at_us // 1_000_000
        if second != self._second:
            self._second, self._written = second, {}
        written = self._written.get(rule, 0)
        if written < EXAMPLES_A_SECOND:
            self._written[rule] = written + 1
            self._violations.add((at_us, self._worker, ticket, person, call, rule, str(severity), subject, detail))

    def take(self) -> list[Rows]:
        """What was noted since the last take; empty when nothing was."""
        counted = [
            (self._worker, call, rule, self._asked.get((call, rule), 0), self._broken.get((call, rule), 0))
            for call, rule in {**self._asked, **self._broken}
        ]
        self._asked, self._broken = {}, {}
        return [*self._violations.take(), *([Rows(READ_CHECKS, counted)] if counted else [])]
