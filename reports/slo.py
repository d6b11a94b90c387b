"""Service level objectives judged on frames. (pure)

A latency objective is a proportion: "p95 < 400 ms" is "at least 95 % of the samples of the measure phase under 400 ms".
The percentile reported is the nearest-rank percentile of the same samples, so value and status cannot contradict each
other (see `reports.ranks`). A failure counts as over every limit (see `reports.frames`). A bucket counts as over the
limit when its representative value is at or over it; that value lies within 0.5 % of every sample in the bucket.

What a pass takes is the objective's `claim` (a profile's own outranks the file's):

- `shown`: the share of bad samples is at most the allowed one with 95 % confidence (`reports.intervals`). A figure
  within the limit that the samples cannot show is inconclusive, and the note says how long the run would have to be.
- `clean`: for runs that are too short to show much. As `shown`, where enough samples came; with fewer than could show
  it, a pass takes that not one of them is bad. The note says that it is not shown.
- `point`: the figure decides, as it does for runs of seconds whose defects are known.

A miss is one by the figure and by enough samples to have shown the opposite; with fewer, or against `min_samples`, only
what is sure (99 %, three bad samples at least; of latencies that grow all along, or are far over their limit nearly
throughout, however correlated they are). A limit inside the 95 % interval is marked as too close to call.

An objective cannot be answered (inconclusive) with too few samples, or when a miss may be the doing of the generator's
own delays (`reports.disturbance`; they only ever add, so what is within its limit is so without them as well), or of
other programs on the sandbox's machine (`reports.neighbours`): that row alone, not the whole run. Sliding windows
(`reports.windows`) turn a pass into a fail only where the SLO has `sustained_s`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal, TypedDict

import numpy as np
import pandas as pd

from harness.core.outcome import OUTCOMES
from harness.core.slo import Claim, LatencySlo, ShareSlo, Slo
from harness.core.tables import View
from harness.record.manifest import Manifest
from reports import disturbance, intervals, neighbours
from reports.frames import Frames
from reports.intervals import Evidence, Interval
from reports.model import ReportModel
from reports.ranks import percentiles_of, rank_of, share_of
from reports.samples import Integers, among
from reports.text import DASH, MINUS, count, ms, percent, plural, seconds
from reports.windows import Sliding, Stretch, incident, slide

Status = Literal["pass", "fail", "inconclusive"]


class WindowRow(ReportModel):
    """The objective over sliding windows. Instants and lengths in seconds, instants since the run's zero."""

    window_s: float
    sustained_s: float | None  # over the limit for this long is a miss; null: windows inform only
    worst_start_s: float
    worst_value: float | None  # in the row's unit; null: the percentile falls on a failure
    worst_text: str
    worst_samples: int
    worst_over: bool
    over_start_s: float | None  # longest stretch over the limit; null: there was none
    over_s: float
    trace: tuple[float | None, ...]  # bad samples over allowed ones, evenly spaced; 1 is the limit

    @property
    def text(self) -> str:
        """The worst window in words."""
        end = self.worst_start_s + self.window_s
        return f"{self.worst_text} at {self.worst_start_s:.0f}{DASH}{end:.0f} s"

    @property
    def over_text(self) -> str:
        """The longest stretch over the limit in words; empty without one."""
        if self.over_start_s is None:
            return ""
        return f"over the limit for {seconds(self.over_s)} from {self.over_start_s:.0f} s on"


class SloRow(ReportModel):
    """One objective and how it was answered. Latencies in milliseconds, shares as fractions of one."""

    name: str
    kind: Literal["latency", "share"]
    operations: tuple[str, ...]
    view: View
    objective: str  # in words: "p95 < 400 ms"
    unit: Literal["ms", "share"]
    value: float | None  # null: no samples, or the percentile falls on a failure
    value_text: str
    limit: float
    margin: float | None  # limit - value; negative when missed
    margin_share: float | None  # margin / limit
    samples: int
    min_samples: int
    failed: int  # latency: samples that count as over the limit because they failed; share: samples that are bad
    share_under: float | None = None  # latency: share of samples under the limit
    interval: Interval | None = None
    close: bool = False  # the limit lies inside the interval: too close to call
    claim: Claim = Claim.POINT  # what a pass took
    shown: bool = False  # the samples show that the objective is met
    needed_samples: int | None = None  # how many like these would show it; null: shown, or no number would
    needed_s: float | None = None  # how long the measure phase would have to be for that
    moved: float | None = None  # latency: by how many ms, at most, the generator's delays could have raised the value
    windows: WindowRow | None = None  # null: the measure phase is no longer than one window
    status: Status
    note: str = ""

    @property
    def limit_text(self) -> str:
        return ms(self.limit) if self.unit == "ms" else percent(self.limit, 3)

    @property
    def margin_text(self) -> str:
        if self.margin is None:
            return DASH
        sign = "+" if self.margin >= 0 else MINUS
        size = ms(round(abs(self.margin), 1)) if self.unit == "ms" else percent(abs(self.margin), 3)
        part = "" if self.margin_share is None else f" ({sign}{abs(self.margin_share) * 100:,.0f} %)"
        return f"{sign}{size}{part}"

    @property
    def proof_text(self) -> str:
        """What the samples say about the objective, beside its status."""
        if not self.samples or self.status == "fail":
            return DASH
        if self.shown:
            return "shown"
        needed = "" if self.needed_s is None else f", takes {seconds(math.ceil(self.needed_s))}"
        return f"not shown{needed}" if self.status == "pass" else f"{self.claim} asked, not shown{needed}"

    @property
    def interval_text(self) -> str:
        if self.interval is None:
            return DASH
        show = ms if self.unit == "ms" else _percent3
        if self.interval.high is None:
            return f"at least {show(self.interval.low)}"
        return f"{show(self.interval.low)} {DASH} {show(self.interval.high)}"


def _percent3(share: float) -> str:
    return percent(share, 3)


def judge(frames: Frames, slos: Iterable[Slo]) -> tuple[SloRow, ...]:
    """One row per objective, in the order of the SLO file, over the measure phase only."""
    return tuple(
        judge_latency(frames, slo) if isinstance(slo, LatencySlo) else judge_share(frames, slo) for slo in slos
    )


def out_of_reach(manifest: Manifest) -> tuple[Slo, ...]:
    """Objectives that the run's profile cannot answer, whatever the target does: deliveries without Realtime."""
    if manifest.profile.realtime:
        return ()
    return tuple(slo for slo in manifest.slos if slo.view == View.DELIVERY)


def judge_latency(frames: Frames, slo: LatencySlo) -> SloRow:
    chosen = frames.measured_of(slo.operation, slo.view)
    samples = int(chosen["count"].sum())
    value_us = _percentile_us(chosen, slo.percentile)
    value = value_us / 1000.0 if math.isfinite(value_us) else None
    bad = chosen["value_us"] >= slo.limit_ms * 1000.0
    under = samples - int(chosen.loc[bad, "count"].sum())
    failed = int(chosen.loc[np.isinf(chosen["value_us"]), "count"].sum())
    slow = bad | (chosen["value_us"] > value_us)
    sliding = slide(frames.window, chosen, bad, float(1 - share_of(slo.percentile)), slo.window_s, slow=slow)
    missed = incident(frames.window, chosen, bad, float(1 - share_of(slo.percentile)), slo.sustained_s)
    moved = disturbance.moved_ms(frames, chosen, slo.view, slo.percentile, value_us) if samples else None
    met = samples > 0 and under >= rank_of(slo.percentile, samples)
    timed = intervals.timed_in(frames.window, chosen)
    known = intervals.evidence(
        frames.window,
        chosen,
        bad,
        float(1 - share_of(slo.percentile)),
        ranked=True,
        timed=timed,
        limit_us=slo.limit_ms * 1000.0,
    )
    status, note = _status(frames, slo, slo.operation, known, met=met, missed=missed is not None)
    close = known.close and status != "inconclusive"
    if status != "inconclusive":
        decisive, missing_us = moved or 0.0, value_us
        if met and missed is not None:
            part = missed.inside(chosen)
            missing_us = _percentile_us(part, slo.percentile)
            decisive = disturbance.moved_ms(frames, part, slo.view, slo.percentile, missing_us)
        if status == "fail" and math.isfinite(missing_us) and missing_us / 1000.0 - decisive < slo.limit_ms:
            status, note = "inconclusive", _moved_note(slo, decisive)
        elif status == "fail" and (excuse := _excuse(frames, slo, chosen, value_us, missed if met else None)):
            status, note = "inconclusive", excuse
    if not note:
        note = _stretch_note(slo, missed) if met and missed else _latency_note(slo, value, close, failed, samples)
    unshown = _unshown_note(frames, known) if status == "pass" else ""
    note = _joined(note, unshown and f"met, but {unshown}", known.told if status == "fail" else "")
    margin = None if value is None else slo.limit_ms - value
    return SloRow(
        name=slo.name,
        kind="latency",
        operations=(slo.operation,),
        view=slo.view,
        objective=f"p{slo.percentile:g} < {ms(slo.limit_ms)}",
        unit="ms",
        value=value,
        value_text="no samples" if samples == 0 else ms(value),
        limit=slo.limit_ms,
        margin=margin,
        margin_share=None if margin is None else margin / slo.limit_ms,
        samples=samples,
        min_samples=slo.min_samples,
        failed=failed,
        share_under=under / samples if samples else None,
        interval=intervals.of_percentile(timed, slo.percentile, value_us),
        close=close and status != "inconclusive",
        moved=moved,
        **_proof(frames, slo, known),
        windows=_latency_windows(slo, chosen, sliding),
        status=status,
        note=note,
    )


def judge_share(frames: Frames, slo: ShareSlo) -> SloRow:
    chosen, counted = _by_second(frames, slo)
    samples = int(chosen["count"].sum())
    bad = int(chosen.loc[counted, "count"].sum())
    value = bad / samples if samples else None
    interval = intervals.of_share(frames.window, chosen, counted)
    sliding = slide(frames.window, chosen, counted, slo.max_share, slo.window_s)
    missed = incident(frames.window, chosen, counted, slo.max_share, slo.sustained_s)
    met = bad <= Fraction(str(slo.max_share)) * samples
    known = intervals.evidence(frames.window, chosen, counted, slo.max_share, ranked=False)
    status, note = _status(frames, slo, ", ".join(slo.operations), known, met=met, missed=missed is not None)
    close = known.close and status != "inconclusive"
    if not note and met and missed is not None:
        note = _stretch_note(slo, missed)
    elif not note and close and status == "fail":
        note = "close: the limit lies inside the interval"
    unshown = _unshown_note(frames, known) if status == "pass" else ""
    note = _joined(note, unshown and f"met, but {unshown}")
    margin = None if value is None else slo.max_share - value
    return SloRow(
        name=slo.name,
        kind="share",
        operations=slo.operations,
        view=slo.view,
        objective=f"{_outcomes_text(slo)} ≤ {percent(slo.max_share, 3)}",
        unit="share",
        value=value,
        value_text="no samples" if value is None else f"{percent(value, 3)} ({count(bad)})",
        limit=slo.max_share,
        margin=margin,
        margin_share=None if margin is None or slo.max_share == 0 else margin / slo.max_share,
        samples=samples,
        min_samples=slo.min_samples,
        failed=bad,
        interval=interval,
        close=close,
        **_proof(frames, slo, known),
        windows=_share_windows(slo, sliding),
        status=status,
        note=note,
    )


def _by_second(frames: Frames, slo: ShareSlo) -> tuple[pd.DataFrame, pd.Series[bool]]:
    """How many samples each second has (columns second, count), and which rows are of those that are counted: of
    millions of rows of many operations a share needs no more."""
    rows = [frames.measured_of(name, slo.view) for name in dict.fromkeys(slo.operations)]
    each = [one for one in rows if len(one)]
    if not each:
        none: Integers = np.zeros(0, np.int64)
        return pd.DataFrame({"second": none, "count": none}), pd.Series(none, dtype="bool")
    low = min(int(one["second"].min()) for one in each)
    length = max(int(one["second"].max()) for one in each) - low + 1
    number = np.zeros((2, length))
    for one in each:
        cell = one["second"].to_numpy(dtype="int64") - low
        cell += length * among(one, "outcome", slo.outcomes)
        number += np.bincount(cell, weights=one["count"].to_numpy(), minlength=2 * length).reshape(2, length)
    which, at = np.nonzero(number)
    found = pd.DataFrame({"second": at + low, "count": number[which, at].astype(np.int64)})
    return found, pd.Series(which, dtype="bool")


def _percentile_us(chosen: pd.DataFrame, percentile: float) -> float:
    """Infinite when it falls on a failure, NaN without samples."""
    if chosen.empty:
        return math.nan
    return percentiles_of(chosen, (percentile,))[1][0]


def _outcomes_text(slo: ShareSlo) -> str:
    every_failure = {outcome for outcome in OUTCOMES if outcome.failed}
    return "any failure" if set(slo.outcomes) == every_failure else " + ".join(slo.outcomes)


def _status(
    frames: Frames, slo: Slo, operations: str, known: Evidence, *, met: bool, missed: bool
) -> tuple[Status, str]:
    """:param met: by the figure itself. :param missed: a stretch of windows misses it."""
    samples = known.samples
    if samples == 0:
        seen = frames.operations(slo.view)
        has = f"; this view has {', '.join(seen)}" if seen else ""
        return "inconclusive", f"no sample of {operations} in the measure phase{has}"
    if missed or (not met and known.missed):
        return "fail", ""
    if samples < slo.min_samples:
        return "inconclusive", f"too few samples: {count(samples)} of at least {count(slo.min_samples)}"
    claim = claim_of(frames.manifest, slo)
    if claim is Claim.POINT:
        return ("pass" if met else "fail"), ""
    if known.met or (claim is Claim.CLEAN and known.bad == 0 and not known.enough):
        return "pass", ""
    if not met and known.enough:
        return "fail", ""
    return "inconclusive", f"{'met' if met else 'missed'}, but {_unshown_note(frames, known)}"


def claim_of(manifest: Manifest, slo: Slo) -> Claim:
    """What a pass of the objective takes in this run."""
    return manifest.profile.claim or slo.claim


def _proof(frames: Frames, slo: Slo, known: Evidence) -> _Proof:
    needed = None if known.met or not known.samples else known.needed
    return {
        "claim": claim_of(frames.manifest, slo),
        "shown": known.met,
        "needed_samples": needed,
        "needed_s": None if needed is None else _length_for(frames, known, needed),
    }


class _Proof(TypedDict):
    claim: Claim
    shown: bool
    needed_samples: int | None
    needed_s: float | None


def _length_for(frames: Frames, known: Evidence, needed: int) -> float:
    start, end = frames.window
    return (end - start) * needed / known.samples


def _unshown_note(frames: Frames, known: Evidence) -> str:
    """Why the samples do not show the objective, and how long the run would have to be; empty where they do."""
    if known.met or not known.samples:
        return ""
    worth = (
        f" (worth {count(round(known.worth))}: they depend on each other)" if known.worth < 0.9 * known.samples else ""
    )
    many = "is" if known.samples == 1 else "are"
    what = (
        f"{plural(known.samples, 'sample')}{worth} {many} too few: "
        f"the true rate could be {percent(known.upper)}, {percent(known.allowed, 3)} allowed"
    )
    needed = known.needed
    if needed is None:
        return f"{what}; it was {percent(known.share, 3)}, which no length of run would show to be within it"
    length = seconds(math.ceil(_length_for(frames, known, needed)))
    return f"{what}; {count(needed)} like these would show it, a measure phase of {length} at this rate"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _latency_note(slo: LatencySlo, value: float | None, close: bool, failed: int, samples: int) -> str:
    if value is None:
        return f"{percent(failed / samples)} of the samples failed: p{slo.percentile:g} falls on a failure"
    if close:
        return "close: the limit lies inside the interval, a repeat may answer differently"
    return f"{count(failed)} failed, counted as over the limit" if failed else ""


def _excuse(frames: Frames, slo: LatencySlo, chosen: pd.DataFrame, value_us: float, stretch: Stretch | None) -> str:
    """Why a miss may be other programs' doing, in words. stretch: the one that misses, of a phase that does not."""
    worst_us = value_us if stretch is None else _percentile_us(stretch.inside(chosen), slo.percentile)
    excuse = neighbours.excuse(frames.manifest, worst_us / 1000.0 / slo.limit_ms, float(1 - share_of(slo.percentile)))
    return excuse and f"missed ({ms(worst_us / 1000.0)} of {ms(slo.limit_ms)}), but {excuse}"


def _moved_note(slo: LatencySlo, moved: float) -> str:
    return (
        f"missed, but the generator's own delays could have added up to {ms(round(moved, 1))} to p{slo.percentile:g}, "
        "which may be within its limit without them"
    )


# ---- windows --------------------------------------------------------------------------------------------------


def _stretch_note(slo: Slo, missed: Stretch) -> str:
    allowed = float(1 - share_of(slo.percentile)) if isinstance(slo, LatencySlo) else slo.max_share
    return (
        f"met over the whole phase, but {percent(missed.bad / missed.samples)} of {count(missed.samples)} samples were "
        f"over the limit in the {seconds(missed.length_s)} from {missed.start_s:.0f} to {missed.end_s:.0f} s: "
        f"more than {percent(allowed, 3)} for {seconds(slo.sustained_s or 0.0)} is a miss"
    )


def _latency_windows(slo: LatencySlo, chosen: pd.DataFrame, sliding: Sliding | None) -> WindowRow | None:
    if sliding is None:
        return None
    value_us = _percentile_us(sliding.worst.inside(chosen), slo.percentile)
    value = value_us / 1000.0 if math.isfinite(value_us) else None
    return _windows(slo, sliding, value, ms(value), float(1 - share_of(slo.percentile)))


def _share_windows(slo: ShareSlo, sliding: Sliding | None) -> WindowRow | None:
    if sliding is None:
        return None
    worst = sliding.worst
    value = worst.bad / worst.samples if worst.samples else 0.0
    return _windows(slo, sliding, value, percent(value, 3), slo.max_share)


def _windows(slo: Slo, sliding: Sliding, value: float | None, text: str, allowed: float) -> WindowRow:
    worst, longest = sliding.worst, sliding.longest
    return WindowRow(
        window_s=worst.length_s,
        sustained_s=slo.sustained_s,
        worst_start_s=worst.start_s,
        worst_value=value,
        worst_text=text,
        worst_samples=worst.samples,
        worst_over=worst.bad > allowed * worst.samples + 1e-9,
        over_start_s=None if longest is None else longest.start_s,
        over_s=0.0 if longest is None else longest.length_s,
        trace=sliding.trace,
    )
