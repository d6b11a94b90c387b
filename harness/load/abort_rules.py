"""When to end a run early: the rules of one `[abort]`, over what the workers report. (pure)

Which rules hold when, in a run with chaos: `harness.load.abort_schedule`.

Every rule is a proportion over what became known in the last `window_s`: more than so many of so many samples are bad.

- error_share: attempts that ended in any failure, of all attempts.
- p95_multiple: for each latency SLO, its operation's samples that took its limit times the multiple or longer, or got
  no answer (as in a report); bad when they are more than its percentile leaves, which is then over the multiple.
- generator: lag samples above 20 ms, bad when they are more than 1 %: then its p99 is beyond what a verdict can bear.

Samples count when they arrive at the master, not by their own second: what hangs is known only when it ends. A rule
with fewer than `min_samples` in its window says nothing, and what it said before is forgotten: silence is no proof.
A rule fires when every look of the last `grace_s` found it bad. Memory is bounded by the window, not by the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.outcome import OUTCOMES, Outcome
from harness.core.profile import Abort
from harness.core.slo import LatencySlo, Slo
from harness.core.tables import View

LAG_BEYOND_US = 20_000
LAG_SHARE = 0.01

_ANY_FAILURE = tuple(outcome for outcome in OUTCOMES if outcome.failed)
_NO_ANSWER = (Outcome.TIMEOUT, Outcome.NETWORK, Outcome.SERVER_ERROR, Outcome.GAVE_UP)
Mask = npt.NDArray[np.bool_]


@dataclass
class _Rule:
    """One rule: which rows it reads, which of them are bad, and how many of them may be."""

    what: str  # completes "… for 30 s"
    view: View
    operation: str  # empty: all
    over_us: int  # bad from this value on; 0: at no value
    outcomes: tuple[Outcome, ...]  # bad whatever their value
    allowed: float
    seen: deque[tuple[float, int, int]] = field(default_factory=deque)  # instant, samples, bad
    since: float | None = None  # the first look of those that found it bad without a break


class AbortRules:
    """One set of rules at work. Give it every latency batch, and ask it about once a second.

    :param grace_s: of the rules; instants are seconds on any one clock.
    """

    def __init__(self, rules: Abort | None, slos: Sequence[Slo]) -> None:
        self._rules = list(_rules(rules, slos)) if rules is not None else []
        self._window_s = rules.window_s if rules is not None else 0.0
        self._grace_s = rules.grace_s if rules is not None else 0.0
        self._least = rules.min_samples if rules is not None else 1

    def absorb(self, batch: pa.RecordBatch, now: float) -> None:
        """Take in latency rows that arrived at `now`."""
        if not self._rules or batch.num_rows == 0:
            return
        unwanted = _where(pc.equal(batch.column("outcome"), str(Outcome.ABORTED)))
        count = np.where(unwanted, 0, batch.column("count").to_numpy())
        value = batch.column("bucket_us").to_numpy()
        for rule in self._rules:
            mine = _where(pc.equal(batch.column("view"), str(rule.view)))
            if rule.operation:
                mine &= _where(pc.equal(batch.column("operation"), rule.operation))
            bad = _where(pc.is_in(batch.column("outcome"), value_set=pa.array(map(str, rule.outcomes), pa.string())))
            if rule.over_us:
                bad |= value >= rule.over_us
            if samples := int(count[mine].sum()):
                rule.seen.append((now, samples, int(count[mine & bad].sum())))

    def forget(self) -> None:
        """What was seen so far no longer counts: the rules rested, and begin anew."""
        for rule in self._rules:
            rule.seen.clear()
            rule.since = None

    def reason(self, now: float) -> str:
        """Why the run should end now; empty while it may go on."""
        for rule in self._rules:
            while rule.seen and rule.seen[0][0] <= now - self._window_s:
                rule.seen.popleft()
            samples = sum(entry[1] for entry in rule.seen)
            bad = sum(entry[2] for entry in rule.seen)
            if samples < self._least or bad <= rule.allowed * samples:
                rule.since = None
                continue
            if rule.since is None:
                rule.since = now
            if now - rule.since >= self._grace_s:
                return (
                    f"abort rule: {rule.what} for {now - rule.since:.0f} s without a break; "
                    f"in the last {self._window_s:g} s {bad:,} of {samples:,} samples"
                )
        return ""


def _rules(rules: Abort, slos: Sequence[Slo]) -> list[_Rule]:
    made: list[_Rule] = []
    if rules.error_share is not None:
        what = f"more than {rules.error_share * 100:g} % of all requests failed"
        made.append(_Rule(what, View.SERVER, "", 0, _ANY_FAILURE, allowed=rules.error_share))
    if rules.p95_multiple is not None:
        for slo in (one for one in slos if isinstance(one, LatencySlo)):
            over_us = round(slo.limit_ms * rules.p95_multiple * 1000)
            outcomes = _ANY_FAILURE if slo.view is View.E2E else _NO_ANSWER
            what = f"{slo.name}: p{slo.percentile:g} was {rules.p95_multiple:g} times its limit or more"
            made.append(
                _Rule(what, slo.view, slo.operation, over_us, outcomes, allowed=1 - slo.percentile / 100 + 1e-9)
            )
    if rules.generator:
        what = f"the generator's own loop lag p99 was over {LAG_BEYOND_US // 1000} ms"
        made.append(_Rule(what, View.LAG, "", LAG_BEYOND_US + 1, (), allowed=LAG_SHARE))
    return made


def _where(mask: Any) -> Mask:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)
