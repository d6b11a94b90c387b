"""Everything a run holds against the catch-all of its SLO file: no call fails, or takes long, unnamed. (pure)

One row for each operation (e2e) and each kind of attempt (server) in the measure phase, outside of faults that the
profile itself plans. A row has two claims: no more than the allowed share failed, and the percentile is within its
limit. A name that a latency SLO judges in that view has its latency left to it.

- held: shown, with 95 % confidence
- unshown: nothing speaks against it, and the samples are too few to show it
- doubt: a third or more failed, of too few to be sure; the run is inconclusive, and says how many would be a miss
- missed: for certain (99 %, three bad ones at least; two failures of moments apart), or by the figure of as many as
  could have shown the opposite

A reply of the server that is overdue (`reports.overdue`) counts like a failure, under the name of latency. So does,
under its own, a request that people left after waiting many times what it usually takes (`reports.let_go`).

What is nobody's fault here is not counted: what the phone gave up sooner (it would have come), what the SLO
file excludes, what people's own tunnels cost, and, of reads that the app tries again by itself, refusals by a limiter
(`reports.hidden` tells them) up to a tenth, with which one read in a thousand still fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.core.fault_record import excused
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.retried_calls import RETRIED_CALLS
from harness.core.slo import CatchAll, LatencySlo
from harness.core.tables import View
from reports import disturbance, endings, intervals, let_go, neighbours, overdue
from reports.access import SOCKET_END
from reports.frames import Frames
from reports.intervals import Evidence
from reports.let_go import LetGo
from reports.model import ReportModel
from reports.ranks import distinct, value_at_rank
from reports.samples import Places, among, part
from reports.text import count, ms, plural

RowStatus = Literal["held", "unshown", "doubt", "missed"]
WORST: tuple[RowStatus, ...] = ("missed", "doubt", "unshown", "held")
HIDDEN_SHARE = 0.1
"""Of reads that are tried again up to twice, so many may be refused by a limiter: one in a thousand fails then."""
NAMED = 5
"""Names in a sentence; the table has all."""


class CatchAllRow(ReportModel):
    """One name in one view. Latencies in milliseconds, shares as fractions of one."""

    name: str
    view: View
    samples: int
    failed: int
    outcomes: dict[str, int]  # of those that failed
    allowed_share: float
    at_most: float | None  # the share that fails is below that, with 95 % confidence; null without samples
    failures: RowStatus
    percentile: float
    value_ms: float | None  # null: nothing with a time, or the latency is not judged here
    limit_ms: float | None  # null: judged by a latency SLO, or excluded
    slow: int = 0
    overdue: int = 0  # of the server's replies: so late that they are as good as none
    overdue_ms: float | None = None  # from there on; null: not asked
    left: int = 0  # of those that failed: requests that people left after waiting far longer than usual
    left_ms: float | None = None  # as long at least; null: not sure, or not asked
    usual_ms: float | None = None  # the median reply beside them
    telling: int | None = None  # some failed, and so many calls like these would be a definite miss
    latency: RowStatus | None = None
    note: str = ""

    @property
    def status(self) -> RowStatus:
        """The graver of both claims."""
        return min((one for one in (self.failures, self.latency) if one is not None), key=WORST.index)

    @property
    def failures_text(self) -> str:
        """`3 of 3 good; too few to show`."""
        good = f"{count(self.samples - self.failed)} of {count(self.samples)} good"
        kinds = ", ".join(f"{name} {count(number)}" for name, number in self.outcomes.items())
        tail = f" ({kinds})" if kinds else ""
        if self.failures == "unshown":
            return f"{good}{tail}; too few to show"
        return f"{good}{tail}"

    @property
    def latency_text(self) -> str:
        """The percentile against its limit."""
        if self.limit_ms is None or self.value_ms is None:
            return ""
        late = f", {self.late_text}" if self.overdue else ""
        return f"p{self.percentile:g} {ms(self.value_ms)} of {ms(self.limit_ms)}{late}"

    @property
    def late_text(self) -> str:
        """`3 of 11 took 5,000 ms or more`."""
        return f"{count(self.overdue)} of {count(self.samples)} took {ms(self.overdue_ms or 0.0)} or more"

    @property
    def left_text(self) -> str:
        """`7 of 21 never answered: people left after 1,000 ms and more, where a reply takes 21.3 ms`."""
        after = f"people left after {ms(self.left_ms or 0.0)} and more, where a reply takes {ms(self.usual_ms or 0.0)}"
        return f"{count(self.left)} of {count(self.samples)} never answered: {after}"

    @property
    def faults(self) -> Iterator[str]:
        """What was missed, or is in doubt, by name and figure."""
        if self.failures in ("missed", "doubt"):
            kinds = ", ".join(self.outcomes)
            failed = f"{count(self.failed)} of {count(self.samples)} failed ({kinds})"
            told = self.left_text if self.left else failed
            if self.left and self.failed > self.left:
                told = f"{failed}; {self.left_text}"
            yield f"{self.name} ({self.view}): {told}"
        if self.latency in ("missed", "doubt") and self.limit_ms is not None:
            yield f"{self.name} ({self.view}): {self.latency_text}"

    @property
    def hint(self) -> str:
        """What went wrong too rarely to say anything, by name and figure; empty where nothing did, or it is judged."""
        if self.status != "unshown":
            return ""
        bad = f"{count(self.failed)} of {count(self.samples)} failed" if self.telling is not None else ""
        bad = bad or (self.late_text if self.overdue else "")
        many = f" ({self.telling} like these would be a miss)" if self.telling is not None else ""
        return f"{self.name} ({self.view}) {bad}{many}" if bad else ""


class CatchAllVerdict(ReportModel):
    """Every name of the run, the gravest first."""

    rows: tuple[CatchAllRow, ...]
    excluded: tuple[str, ...]  # what was not held against a name that the run has, with the reason

    def of(self, status: RowStatus) -> tuple[CatchAllRow, ...]:
        """Rows of one status."""
        return tuple(row for row in self.rows if row.status == status)

    @property
    def text(self) -> str:
        """How many of what."""
        words = {"held": "held", "unshown": "too few to show", "doubt": "in doubt", "missed": "missed"}
        parts = [f"{len(self.of(status))} {words[status]}" for status in reversed(WORST) if self.of(status)]
        excluded = f"; {plural(len(self.excluded), 'exclusion')}" if self.excluded else ""
        return f"{plural(len(self.rows), 'kind')} of calls and operations: {', '.join(parts) or 'none'}{excluded}"

    @property
    def brief(self) -> str:
        """Of a run in which nothing is missed, in one sentence."""
        unshown = len(self.of("unshown"))
        few = f", {count(unshown)} of them with too few samples to show it" if unshown else ""
        told = f"Nothing else fails or is slow: {plural(len(self.rows), 'kind')} of calls and operations{few}."
        hints = [row.hint for row in self.rows if row.hint]
        more = f"; and {count(len(hints) - NAMED)} more" if len(hints) > NAMED else ""
        return told + (f" Too rarely to be sure: {'; '.join(hints[:NAMED])}{more}." if hints else "")

    @property
    def failing(self) -> bool:
        """Whether more failed of something than may: no generator's delay explains that."""
        return any(row.failures == "missed" for row in self.rows)

    @property
    def misses(self) -> tuple[str, ...]:
        """What is missed for certain: a sentence about failures, one about latency."""
        failed = [row for row in self.rows if row.failures == "missed"]
        slow = [row for row in self.rows if row.latency == "missed"]
        return (
            *_sentence("failed more often than the catch-all allows", failed, "failed"),
            *_sentence("took longer than the catch-all allows", slow, "p"),
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """What nobody can tell for want of samples, or of a generator that kept up."""
        rows = [row for row in self.rows if "doubt" in (row.failures, row.latency)]
        return tuple(f"{fault}; {row.note or 'too few to be sure'}." for row in rows for fault in row.faults)


def judge(frames: Frames) -> CatchAllVerdict | None:
    """Everything in the measure phase; None for a run whose record has no catch-all."""
    catch_all = frames.manifest.catch_all
    if catch_all is None:
        return None
    samples = Places(_calm(frames))
    own = _own_outages(frames)
    named = {(slo.operation, str(slo.view)) for slo in frames.manifest.slos if isinstance(slo, LatencySlo)}
    rows, excluded = [], []
    for view, name in samples.pairs():
        if view not in (View.SERVER, View.E2E) or name == SOCKET_END:
            continue
        excluded += [one.text for one in catch_all.excluded(name, view)]
        if not any(one.whole for one in catch_all.excluded(name, view)):
            ends = view == View.SERVER and bool(endings.beginning(name))
            chosen = endings.with_begun(samples, name) if ends else samples.of(name, view)
            rows.append(_row(frames, catch_all, name, View(view), chosen, own, judged_by_slo=(name, view) in named))
    rows.sort(key=lambda row: (WORST.index(row.status), -row.failed, row.view, row.name))
    return CatchAllVerdict(rows=tuple(rows), excluded=tuple(dict.fromkeys(excluded)))


def _calm(frames: Frames) -> pd.DataFrame:
    """Samples of the measure phase without any fault of the profile's own, also one that SLOs count."""
    measured = frames.measured
    calm = pd.Series(True, index=measured.index)
    for start, end in excused([window.model_copy(update={"judged": False}) for window in frames.manifest.chaos]):
        calm &= (measured["second"] + 1 <= start) | (measured["second"] >= end)
    return part(measured, calm & (measured["count"] > 0))


def _own_outages(frames: Frames) -> dict[str, int] | None:
    """Failed attempts per call of people who go through tunnels; None where nobody does."""
    personas = {name for name, of in frames.manifest.profile.behaviour.items() if "tunnels" in of}
    if not personas or frames.arrivals.empty:
        return None
    tickets = frames.arrivals.loc[frames.arrivals["persona"].isin(personas), "ticket"]
    theirs = frames.traffic[frames.traffic["ticket"].isin(tickets)]
    return {str(call): int(failed) for call, failed in theirs.groupby("call")["failed"].sum().items()}


def _row(
    frames: Frames,
    catch_all: CatchAll,
    name: str,
    view: View,
    chosen: pd.DataFrame,
    own: dict[str, int] | None,
    *,
    judged_by_slo: bool,
) -> CatchAllRow:
    allowed = catch_all.allowed_share(name, view)
    expected = {outcome for one in catch_all.excluded(name, view) for outcome in one.outcomes}
    ask = view is View.SERVER and Outcome.GAVE_UP not in expected
    limit_ms = catch_all.limit_ms(name, view)
    left = let_go.judge(frames, chosen, limit_ms, allowed) if ask else LetGo()
    late = chosen["bucket_us"] >= limit_ms * 1000.0
    counts = ~(chosen["outcome"] == Outcome.GAVE_UP) | late
    chosen, late = part(chosen, counts), late[counts]
    if own is not None and (view is View.E2E or name.startswith("realtime_")):
        expected.add(Outcome.NETWORK)
    failures_of = [o for o in OUTCOMES if o.failed and o not in expected and o != Outcome.GAVE_UP]
    failed = pd.Series(among(chosen, "outcome", failures_of), index=chosen.index)
    failures, known, counted = _failures(frames, name, view, chosen, failed, allowed, own)
    counts = chosen[failed].groupby("outcome")["count"].sum().sort_values(ascending=False)
    row = CatchAllRow(
        name=name,
        view=view,
        samples=known.samples,
        failed=known.bad,
        outcomes={str(outcome): int(number) for outcome, number in counts.items()},
        allowed_share=allowed,
        at_most=known.upper if known.samples else None,
        failures=failures,
        percentile=catch_all.percentile,
        value_ms=None,
        limit_ms=None,
        telling=counted.telling if failures in ("unshown", "doubt") else None,
        note=overdue.told(counted) if failures == "doubt" else "",
    )
    if left.status != "held":
        row = _with_left(row, left)
    if endings.beginning(name):
        return row.model_copy(update={"note": "an end has no latency; the others are those that did not end"})
    if judged_by_slo:
        return row.model_copy(update={"note": row.note or "latency: its SLO"})
    if any(one.latency for one in catch_all.excluded(name, view)):
        return row.model_copy(update={"note": row.note or "latency: excluded"})
    good = among(chosen, "outcome", [o for o in OUTCOMES if o.good])
    timed = chosen[["second", "operation", "bucket_us", "count"]][good | late]
    timed = timed.assign(value_us=timed["bucket_us"].astype("float64"))
    found = _latency(frames, view, timed, limit_ms, catch_all.percentile)
    if view is View.SERVER and not timed.empty:
        found = _late(frames, timed, limit_ms * catch_all.overdue_times, allowed, found)
    return row.model_copy(update={**found, "note": found["note"] or row.note})


def _with_left(row: CatchAllRow, left: LetGo) -> CatchAllRow:
    """The row with the requests that people left in vain among those that failed."""
    samples = row.samples + left.count - left.late
    failed = row.failed + left.count
    status = min((row.failures, left.status), key=WORST.index)
    return row.model_copy(
        update={
            "samples": samples,
            "failed": failed,
            "outcomes": {**row.outcomes, str(Outcome.GAVE_UP): left.count},
            "at_most": Evidence(samples, failed, float(samples), row.allowed_share).upper,
            "failures": status,
            "left": left.count,
            "left_ms": left.bound_ms,
            "usual_ms": left.usual_ms,
            "telling": None if status == "missed" else row.telling,
            "note": left.note if status == "doubt" and left.note else "" if status == "missed" else row.note,
        }
    )


def _failures(
    frames: Frames,
    name: str,
    view: View,
    chosen: pd.DataFrame,
    failed: pd.Series[bool],
    allowed: float,
    own: dict[str, int] | None,
) -> tuple[RowStatus, Evidence, Evidence]:
    """Status; what was seen; and of that what counts, without what retries hide and people's own tunnels cost."""
    known = _evidence(frames, chosen, failed, allowed, ranked=False)
    counted = known
    if view is View.SERVER:
        if name in RETRIED_CALLS:
            limited = failed & (chosen["outcome"] == Outcome.RATE_LIMITED)
            share = int(chosen.loc[limited, "count"].sum()) / known.samples if known.samples else 0.0
            if 0 < share <= HIDDEN_SHARE:
                counted = _evidence(frames, chosen, failed & ~limited, allowed, ranked=False)
        if own is not None and counted.bad:
            lost = int(chosen.loc[failed & (chosen["outcome"] == Outcome.NETWORK), "count"].sum())
            bad = max(0, counted.bad - min(lost, own.get(name, 0)))
            if bad < counted.bad:  # nobody knows which of them were theirs
                counted = replace(counted, bad=bad, apart=False)
    status = _status(counted)
    if status == "unshown" and overdue.few(counted):
        status = "doubt"
    return status, known, counted


def _status(known: Evidence) -> RowStatus:
    by_figure = known.share > known.allowed
    if known.missed or (by_figure and known.enough):
        return "missed"
    return "held" if known.met else "unshown"


def _evidence(
    frames: Frames, chosen: pd.DataFrame, bad: pd.Series[bool], allowed: float, *, ranked: bool, limit_us: float = 0.0
) -> Evidence:
    if not bad.any():  # as most names of most runs: nothing depends on anything
        samples = int(chosen["count"].sum())
        return Evidence(samples, 0, float(samples), allowed)
    known = intervals.evidence(frames.window, chosen, bad, allowed, ranked=ranked, limit_us=limit_us)
    return known if ranked else replace(known, apart=intervals.apart(chosen, bad))


def _latency(frames: Frames, view: View, timed: pd.DataFrame, limit_ms: float, percentile: float) -> dict[str, object]:
    if timed.empty:
        return {"limit_ms": limit_ms, "latency": "unshown", "note": ""}
    value_us = value_at_rank(timed, math.ceil(percentile / 100.0 * int(timed["count"].sum()) - 1e-9))
    if value_us >= limit_ms * 1000.0 or (timed["value_us"] >= limit_ms * 1000.0).any():
        timed = timed.iloc[_by_value(timed)]
    slow = timed["value_us"] >= limit_ms * 1000.0
    known = _evidence(frames, timed, slow, 1.0 - percentile / 100.0, ranked=True, limit_us=limit_ms * 1000.0)
    status, note = _status(known), known.told
    if status == "missed":
        moved = disturbance.moved_ms(frames, timed, view, percentile, value_us)
        if moved is not None and value_us / 1000.0 - moved < limit_ms:
            status, note = "doubt", f"the generator's own delays could have added {ms(round(moved, 1))}"
        elif excuse := neighbours.excuse(frames.manifest, value_us / 1000.0 / limit_ms, 1.0 - percentile / 100.0):
            status, note = "doubt", excuse
    return {
        "value_ms": value_us / 1000.0,
        "limit_ms": limit_ms,
        "slow": known.bad,
        "latency": status,
        "note": note,
    }


def _by_value(timed: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The order of its rows by value, equal ones as they stand: values are few, and short numbers sort quickly."""
    values, place = distinct(timed["value_us"].to_numpy())
    narrow = np.int16 if len(values) < 2**15 else np.int64
    return np.argsort(place.astype(narrow), kind="stable")


def _late(
    frames: Frames, timed: pd.DataFrame, bound_ms: float, allowed: float, found: dict[str, object]
) -> dict[str, object]:
    """`found` with what overdue replies say: of both claims about latency the graver one counts."""
    late = overdue.judge(frames, timed, bound_ms, allowed)
    found = {**found, "overdue": late.count, "overdue_ms": bound_ms}
    if late.status == "held" or found["latency"] == "missed":
        return found
    if late.status == "doubt" and found["latency"] == "doubt":
        return found
    return {**found, "latency": late.status, "note": late.note}


def _sentence(what: str, rows: list[CatchAllRow], kind: Literal["failed", "p"]) -> tuple[str, ...]:
    if not rows:
        return ()
    rows = sorted(rows, key=lambda row: (-row.failed if kind == "failed" else -(row.value_ms or 0.0), row.name))
    named = []
    for row in rows[:NAMED]:
        faults = list(row.faults)
        named.append(faults[0] if kind == "failed" else faults[-1])
    more = f"; and {count(len(rows) - NAMED)} more" if len(rows) > NAMED else ""
    return (f"{plural(len(rows), 'call or operation', 'calls or operations')} {what}: {'; '.join(named)}{more}.",)
