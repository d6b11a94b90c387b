"""Sentences about what a day costs: asked by what sessions really sent, beside the plan's model of them. (pure)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.plan.beside import APART, BesideRow, modelled_session, totals
from harness.plan.measured import Share
from harness.record.manifest import Manifest
from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun
from reports.realtime import Realtime
from reports.text import count, figure, percent, plural
from reports.traffic import Traffic

FEWEST = 30
"""Sessions on record; fewer have another mean next time."""
BEYOND = 0.25
"""Above the model: more than what is rough about it. Between APART and this nobody can tell."""
FEWEST_CALLS, TIMED_OUT = 598, 0.005
"""None of so many calls shows that less than this share of them times out (see `reports.coverage.objectives`)."""

Figure = Literal["requests", "edge invocations", "rows written"]


def beside(manifest: Manifest, traffic: Traffic | None) -> tuple[int, tuple[BesideRow, ...]]:
    """(sessions on record, the mean one's totals beside those of the model at the profile's own quantities). Nothing
    where they cannot be compared: a persona of the mix has no session, or faults made phones send more."""
    if traffic is None or traffic.missing or manifest.profile.chaos:
        return 0, ()
    mean = traffic.personas[0]
    seen = {one.endpoint: Share(one.requests, one.rows, one.bytes_in) for one in mean.endpoints}
    return mean.sessions, tuple(totals(modelled_session(manifest.profile), seen))


@dataclass(frozen=True)
class AskSession(Ask):
    """A session costs no more of this than the plan counts with."""

    figure: Figure

    def of(self, run: JudgedRun) -> AskAnswer:
        row = next((row for row in run.session if row.name == self.figure), None)
        if row is None or not row.ratio:
            return not_asked("no session that can be put beside the plan's: personas without one, or faults")
        text = f"{self.figure} of a session: {figure(row.measured)}, {figure(row.modelled)} by model"
        if run.sessions < FEWEST:
            return not_asked(f"{text}, of {plural(run.sessions, 'session')} only")
        if row.ratio > 1 + BEYOND:
            return broken(text)
        if row.ratio > 1 + APART:
            return not_asked(f"{text}: more than {percent(APART, 0)} apart, and no more than the model may be wrong")
        return held(run, text)

    def words(self) -> str:
        return f"{self.figure} of the mean session, beside the plan's model"


@dataclass(frozen=True)
class AskTimeouts(Ask):
    """These calls do not run into their timeout."""

    calls: frozenset[str]

    def of(self, run: JudgedRun) -> AskAnswer:
        asked = _sum(number for (view, name), number in run.measured.items() if view == "server" and name in self.calls)
        out = _sum(number for name, number in run.timed_out.items() if name in self.calls)
        if out > TIMED_OUT * max(asked, 1):
            return broken(f"{plural(out, 'call')} of edge functions timed out, of {count(asked)}")
        if out or asked < FEWEST_CALLS:
            return not_asked(f"{count(out)} of {count(asked)} calls of edge functions timed out: too few calls to tell")
        return held(run, f"none of {count(asked)} calls of edge functions timed out")

    def words(self) -> str:
        return f"timeouts of calls to edge functions, at most {percent(TIMED_OUT, 1)}"


@dataclass(frozen=True)
class AskRealtimeLimits(Ask):
    """No measured figure of Realtime is over the published limit of the largest subscription."""

    def of(self, run: JudgedRun) -> AskAnswer:
        found = run.realtime
        if found is None or not found.stored:
            return not_asked("no phone used Realtime, or nobody wrote")
        rows = _rows(found)
        if not rows:
            return not_asked("nobody knows the limits of Realtime")
        over = [row for row in rows if row[1] > row[2]]
        if over:
            return broken("; ".join(f"{what}: {figure(measured)} of {figure(limit)}" for what, measured, limit in over))
        return held(run, f"{plural(len(rows), 'limit')} of Realtime, none reached")

    def words(self) -> str:
        return "Realtime: limits of the subscription"


def _rows(found: Realtime) -> list[tuple[str, float, float]]:
    return [(row.what, row.measured, max(row.limits.values())) for row in found.limits if row.limits]


def _sum(numbers: Iterable[int]) -> int:
    return sum(numbers)
