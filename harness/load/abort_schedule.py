"""Which abort rules hold when: the profile's own, and while chaos runs what its entries allow. (pure)

In a chaos window that is not judged, and the recovery that it allows, the profile's rules rest: what happens then was
asked for. The entry's own `allow.error_share` and `allow.p95_multiple` hold instead, if it has any; when the real world
gets worse than that, the run ends, and chaos with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from harness.core.fault_record import FaultWindow, excused
from harness.core.profile import Abort
from harness.core.slo import Slo
from harness.load.abort_rules import AbortRules

GRACE_S = 5.0
"""A limit of an entry has to be broken for so long: chaos windows are short."""


class AbortSchedule:
    """When which `AbortRules` hold; used as one of them is. Instants are seconds since the run's zero."""

    def __init__(self, rules: Abort | None, slos: Sequence[Slo], windows: Sequence[FaultWindow]) -> None:
        self._usual = AbortRules(rules, slos)
        self._windows = tuple(windows)
        self._refused: frozenset[str] = frozenset()
        self._excused = excused(windows)
        self._looked = 0.0  # at the usual rules, the last time
        self._meanwhile = [
            (window, AbortRules(_limits(window), slos))
            for window in windows
            if window.kind == "chaos" and (window.allow.error_share or window.allow.p95_multiple)
        ]

    def refused(self, entries: frozenset[str]) -> None:
        """These faults never came to be: nothing is excused by them."""
        if entries != self._refused:
            self._refused = entries
            self._excused = excused([window for window in self._windows if window.entry not in entries])

    def absorb(self, batch: pa.RecordBatch, now: float) -> None:
        """Take in latency rows that arrived at `now`."""
        self._forget_what_was_before_a_rest(now)
        if not self._resting(now):
            self._usual.absorb(batch, now)
        for window, rules in self._meanwhile:
            if self._holds(window, now):
                rules.absorb(batch, now)

    def reason(self, now: float) -> str:
        """Why the run has to end now; empty while it has not."""
        self._forget_what_was_before_a_rest(now)
        for window, rules in self._meanwhile:
            if self._holds(window, now) and (reason := rules.reason(now)):
                return f"{window.name} was worse than allowed: {reason}"
        return "" if self._resting(now) else self._usual.reason(now)

    def _holds(self, window: FaultWindow, now: float) -> bool:
        return window.start_s <= now < window.end_s and window.entry not in self._refused

    def _resting(self, now: float) -> bool:
        return any(start <= now < end for start, end in self._excused)

    def _forget_what_was_before_a_rest(self, now: float) -> None:
        """A rule that was broken before a rest and is again after it was not broken without a break."""
        if any(start <= now and self._looked < end for start, end in self._excused):
            self._usual.forget()
        self._looked = max(self._looked, now)


def _limits(window: FaultWindow) -> Abort:
    allow = window.allow
    return Abort(grace_s=GRACE_S, error_share=allow.error_share or None, p95_multiple=allow.p95_multiple)
