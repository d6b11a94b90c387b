"""Sentences about latency, errors and load: asked by objectives, comparisons, trends. (pure)

An objective of the SLO file answers a sentence only if it is at least as strict as the manual, or breaks it if it is no
stricter. A pass counts where the samples show it (`SloRow.shown`), or where not one is bad among so many that this
would do so if they were independent: (1 - s)^n < 0.05 for an allowed share s, which is 59 samples for a p95, 598 for
0.5 % and 2,995 for 0.1 %. A profile or an SLO file may let shorter runs pass; that is no answer here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.core.outcome import Outcome
from harness.core.slo import LatencySlo, ShareSlo
from harness.core.tables import View
from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun
from reports.slo import SloRow
from reports.text import count, ms, percent, seconds


def fewest(share: float) -> int:
    """Independent samples, none of them bad, that show with 95 % confidence that less than `share` are."""
    return math.ceil(math.log(0.05) / math.log1p(-share) - 1e-9)


@dataclass(frozen=True)
class AskLatency(Ask):
    """A latency objective of this operation and view, no looser than this."""

    operation: str
    view: View
    limit_ms: float
    percentile: float = 95.0
    sustained_s: float | None = None  # the objective has to look at stretches of this length too, or of less

    @property
    def claim(self) -> str:
        return f"p{self.percentile:g} < {ms(self.limit_ms)}"

    def of(self, run: JudgedRun) -> AskAnswer:
        where = f"{self.operation} ({self.view})"
        reasons = []
        for slo, row in run.objectives():
            if not isinstance(slo, LatencySlo) or (slo.operation, slo.view) != (self.operation, self.view):
                continue
            if row is None:
                return not_asked(f"{slo.name} was not judged in this run")
            if _blind_to_stretches(slo.sustained_s, self.sustained_s):
                reasons.append(f"{slo.name} does not look at stretches of {seconds(self.sustained_s or 0)}")
                continue
            found = self._answer(run, slo, row)
            if found.state != "not asked":
                return found
            reasons.append(found.text)
        return not_asked("; ".join(reasons) or f"the SLO file has no latency objective for {where}")

    def words(self) -> str:
        return f"SLO of `{self.operation}`, {self.view}, {self.claim}"

    def _answer(self, run: JudgedRun, slo: LatencySlo, row: SloRow) -> AskAnswer:
        text = f"{row.name}: {row.value_text}, {count(row.samples)} samples"
        if row.status == "inconclusive":
            return not_asked(f"{row.name}: {row.note}")
        if row.status == "fail" and slo.percentile <= self.percentile and slo.limit_ms >= self.limit_ms:
            return not_asked(f"{text}, but {run.generator_doubt}") if run.generator_doubt else broken(text)
        if row.status == "pass" and slo.percentile >= self.percentile and slo.limit_ms <= self.limit_ms:
            return _passed(run, row, text, fewest(1 - self.percentile / 100), timed=True)
        return not_asked(f"{row.name} asks {row.objective}, not {self.claim}")


@dataclass(frozen=True)
class AskShare(Ask):
    """A share objective that counts this outcome of all these operations, no looser than this."""

    operations: tuple[str, ...]
    view: View
    outcome: Outcome
    max_share: float
    sustained_s: float | None = None
    among: frozenset[str] | None = None  # operations that the objective may pool; None: any

    def of(self, run: JudgedRun) -> AskAnswer:
        reasons = []
        for slo, row in run.objectives():
            if not isinstance(slo, ShareSlo) or slo.view != self.view or self.outcome not in slo.outcomes:
                continue
            pooled = set(slo.operations)
            if row is None or not set(self.operations) <= pooled or not pooled <= (self.among or pooled):
                continue
            if _blind_to_stretches(slo.sustained_s, self.sustained_s):
                reasons.append(f"{slo.name} does not look at stretches of {seconds(self.sustained_s or 0)}")
                continue
            found = self._answer(run, slo, row)
            if found.state != "not asked":
                return found
            reasons.append(found.text)
        none = f"the SLO file limits no share of {self.outcome} of {', '.join(self.operations)} ({self.view})"
        return not_asked("; ".join(reasons) or none)

    def words(self) -> str:
        names = ", ".join(f"`{name}`" for name in self.operations)
        return f"SLO of {self.outcome} of {names}, {self.view}, at most {percent(self.max_share, 3)}"

    def _answer(self, run: JudgedRun, slo: ShareSlo, row: SloRow) -> AskAnswer:
        text = f"{row.name}: {row.value_text}, {count(row.samples)} samples"
        if row.status == "inconclusive" or row.value is None:
            return not_asked(f"{row.name}: {row.note}")
        if row.status == "fail" and slo.max_share >= self.max_share:
            return broken(text)
        if row.status == "fail" or slo.max_share > self.max_share:
            return not_asked(f"{row.name} allows {percent(slo.max_share, 3)}, not {percent(self.max_share, 3)}")
        if unseen := [name for name in self.operations if not run.measured.get((self.view, name))]:
            return not_asked(f"{text}, none of {', '.join(unseen)}")
        return _passed(run, row, text, fewest(self.max_share), timed=False)


def _passed(run: JudgedRun, row: SloRow, text: str, least: int, *, timed: bool) -> AskAnswer:
    clean = row.share_under == 1.0 if row.kind == "latency" else not row.failed
    if row.shown:
        return held(run, text, timed=timed)
    if not clean:
        return not_asked(f"{text}, too close to the limit for so few")
    if row.samples < least:
        return not_asked(f"{text}, {count(least)} are the fewest that can show it")
    return held(run, f"{text}, none of them over the limit", timed=timed)


def _blind_to_stretches(has: float | None, wanted: float | None) -> bool:
    return wanted is not None and (has is None or has > wanted)


@dataclass(frozen=True)
class AskLength(Ask):
    """A condition: the measure phase lasted at least so long."""

    at_least_s: float

    def of(self, run: JudgedRun) -> AskAnswer:
        text = f"{seconds(run.measured_s)} were measured"
        if run.measured_s < self.at_least_s:
            return not_asked(f"{text}, it takes {seconds(self.at_least_s)}")
        return AskAnswer("held", text)

    def words(self) -> str:
        return f"at least {seconds(self.at_least_s)} measured"


@dataclass(frozen=True)
class AskLoad(Ask):
    """A condition: so many sessions a second started in the measure phase."""

    sessions_per_s: float

    def of(self, run: JudgedRun) -> AskAnswer:
        text = f"{run.started_per_s:.1f} sessions/s started"
        if run.started_per_s < self.sessions_per_s:
            return not_asked(f"{text}, it takes {self.sessions_per_s:.1f}")
        return held(run, text)

    def words(self) -> str:
        return f"at least {self.sessions_per_s:.1f} sessions/s"


@dataclass(frozen=True)
class AskBaseline(Ask):
    """A comparison with earlier runs that could tell all of these operations (server view)."""

    operations: tuple[str, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        found = run.comparison
        if found is None:
            return not_asked("compared with no earlier run")
        if found.regressed:
            if run.generator_doubt:
                return not_asked(f"{found.sentence.rstrip('.')}, but {run.generator_doubt}")
            return broken(found.sentence.rstrip("."))
        if found.notes:
            return not_asked(f"compared although {'; '.join(found.notes)}")
        told = {row.operation for row in found.rows if row.view == View.SERVER and row.change != "not enough samples"}
        if missing := [name for name in self.operations if name not in told]:
            return not_asked(f"too few samples to compare {', '.join(missing)}")
        return held(run, found.sentence.rstrip("."), timed=True)

    def words(self) -> str:
        return f"comparison of {', '.join(f'`{name}`' for name in self.operations)} with earlier runs"


@dataclass(frozen=True)
class AskDrift(Ask):
    """No trend in the server time of these operations under a level load."""

    operations: tuple[str, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        rows = {row.operation: row for row in run.drift}
        if drifting := [row for row in run.drift if row.drifts]:
            if run.generator_doubt:
                return not_asked(f"{drifting[0].sentence.rstrip('.')}, but {run.generator_doubt}")
            return broken(drifting[0].sentence.rstrip("."))
        if doubted := [row for row in run.drift if row.excuse]:
            return not_asked(doubted[0].sentence.rstrip("."))
        if missing := [name for name in self.operations if name not in rows]:
            return not_asked(f"no trend can be told of {', '.join(missing)}: the load was not level, or too little")
        return held(run, f"no trend in {', '.join(self.operations)}", timed=True)

    def words(self) -> str:
        return f"trend of {', '.join(f'`{name}`' for name in self.operations)} under a level load"
