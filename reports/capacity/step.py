"""A run of a capacity search as a step: did it meet every objective, could it tell at all? (pure)

- inconclusive: the generator is in doubt, the run was cut short, or no latency objective could be judged.
- fail: an objective was missed, the catch-all was, an abort rule ended it for the target's sake, or answers still got
  slower at its end than at its begin: what queues on and on is not carried, however good the mean still is.
- pass: everything else. Objectives with too few samples are listed.

Lost or doubled data does not decide a step, which asks for load alone; it is told with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.capacity.step import Figure, Step, Word
from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.core.slo import LatencySlo
from harness.core.tables import View
from reports.capacity.limiting import gave_way
from reports.database.stretch import Observation
from reports.frames import Frames
from reports.given_up import by_a_rule, for_the_generator
from reports.ranks import value_at_share
from reports.slo import SloRow
from reports.text import ms
from reports.verdict import Verdict

BLOCK_S, FEWEST_BLOCKS, ENOUGH = 3.0, 6, 25
"""Of the measure phase, each with a median: seconds, and at least so many, of so many replies on average."""
QUARTERS = 4
UNANSWERED = 2
"""Last blocks of whose requests most had no answer."""
RISES_SHARE, RISES_MS, SURE = 0.5, 100.0, 3.0
"""From begin to end, of the mean; at least; in standard errors. Simulated (tests/capacity/service.py): 5 % beyond the
service rate is seen, 5 % below it is not."""
PILED_SHARE = 0.01
GOOD = (str(Outcome.OK), str(Outcome.CONFLICT))


def step_of(verdict: Verdict, frames: Frames, observation: Observation, rate: float, side: str = "") -> Step:
    """The step that this run was."""
    word, reason = _answer(verdict, frames)
    start, end = frames.window
    length = max(end - start, 1e-9)
    good, ended = _work(frames)
    gave = gave_way(frames, verdict.limits, observation) if word == "fail" else None
    return Step(
        rate=rate,
        word=word,
        reason=reason,
        side=side,
        run=verdict.facts.run_id,
        began=_begun(frames) / length,
        requests=verdict.facts.attempts_per_s,
        good=good / length,
        operations=ended / length,
        error_share=1 - _well(frames) / ended if ended else None,
        figures=tuple(_figure(row) for row in verdict.slos),
        resource=gave.resource if gave else "",
        evidence=gave.evidence if gave else "",
        also=tuple(f"{row.name}: too few samples" for row in verdict.slos if _unknown(row)),
        data_broken=_broken(verdict),
    )


def _answer(verdict: Verdict, frames: Frames) -> tuple[Word, str]:
    if verdict.facts.status != "complete":
        reason = frames.manifest.abort_reason
        if by_a_rule(frames.manifest) and not for_the_generator(frames.manifest):
            return "fail", reason
        return "inconclusive", reason or "the run did not come to its end"
    if verdict.vetoes:
        row = verdict.vetoes[0]
        return "inconclusive", f"{row.check} {row.value}"
    missed = [row.name for row in verdict.slos if row.status == "fail"]
    rest = verdict.catch_all.misses if verdict.catch_all is not None else ()
    access = [row.sentence for row in verdict.access if row.status == "missed"]
    if missed or rest or access:
        return "fail", "; ".join([*(f"{name} missed" for name in missed), *rest, *access])
    if piled := _piled(verdict):
        return "fail", piled
    doubtful = [row for row in verdict.slos if row.status == "inconclusive" and not _unknown(row)]
    if doubtful:
        return "inconclusive", f"{doubtful[0].name}: {doubtful[0].note}"
    if not any(row.kind == "latency" and row.status == "pass" for row in verdict.slos):
        return "inconclusive", "no latency objective had enough samples; make steps longer (--measure)"
    if risen := rising(frames):
        return "fail", risen
    return "pass", ""


def _piled(verdict: Verdict) -> str:
    """Whether sessions took so long that new ones found no free phone; phones are meant to be enough by far."""
    found = verdict.facts.sessions
    kept = found.late_phone_busy + found.never_started
    if not found.planned or kept <= PILED_SHARE * found.planned:
        return ""
    return f"sessions piled up: {kept:,} of {found.planned:,} found no free phone when they were due"


def rising(frames: Frames) -> str:
    """Whether requests waited longer and longer over the measure phase; empty when they did not."""
    rows = frames.measured
    rows = rows[rows["view"] == View.SERVER]
    return grown(rows, *frames.window)


def grown(rows: pd.DataFrame, start: float, end: float) -> str:
    """Whether the medians of some seconds each, and their upper quartiles, rise by a line that is no accident.

    A queue behind a service that is 5 % too slow grows in a minute by no more than short bursts move it, so all of the
    phase is used, not its two ends. Failures count as slower than every answer. What is asked changes while sessions
    grow older: each reply counts in relation to others of its operation. (Least squares; the line's rise is held
    against its standard error, as in W. G. Cochran, G. W. Snedecor, Statistical Methods, chapter on regression.)

    :param rows: replies: `second`, `operation`, `value_us`, `count`.
    """
    rows = _alike(rows, start, end)
    blocks = min(int((end - start) / BLOCK_S), int(rows["count"].sum() / ENOUGH))
    if blocks < FEWEST_BLOCKS:
        return ""
    edges = start + (end - start) * np.arange(blocks + 1) / blocks
    number = np.searchsorted(edges, rows["second"].to_numpy(), side="right") - 1
    parts = [rows[number == block] for block in range(blocks)]
    medians, uppers = (
        np.array([value_at_share(part, share) / 1000 for part in parts if len(part)]) for share in (0.5, 0.75)
    )
    if len(medians) < FEWEST_BLOCKS:
        return ""
    if np.isfinite(medians[0]) and not np.isfinite(medians[-UNANSWERED:]).any():
        return f"requests waited longer and longer: median {ms(float(medians[0]))} first, no answer in the end"
    median, upper = _line(medians), _line(uppers)
    # Of fast and slow answers, a few more slow ones move a median: then the upper quartile stays.
    if median.rise < max(RISES_MS, RISES_SHARE * median.mean) or not median.sure or upper.rise < median.rise / 2:
        return ""
    return (
        "requests waited longer and longer: median "
        f"{ms(max(0.0, median.mean - median.rise / 2))} at the begin, {ms(median.mean + median.rise / 2)} at the end"
    )


def _alike(rows: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """With times as if every operation were as fast as all together; without those that mostly had no answer.

    How fast one is, is the mean of its medians in quarters of the phase: then it does not matter when it was asked."""
    whole = value_at_share(rows, 0.5)
    if not np.isfinite(whole) or not whole:
        return rows
    quarter = ((rows["second"] - start) / (end - start) * QUARTERS).astype("int64").clip(0, QUARTERS - 1)
    medians: dict[str, list[float]] = {}
    for (name, _), mine in rows.groupby(["operation", quarter], observed=True):
        medians.setdefault(str(name), []).append(value_at_share(mine, 0.5))
    known = {name: [one for one in found if np.isfinite(one) and one > 0] for name, found in medians.items()}
    factors = {name: whole * len(found) / sum(found) for name, found in known.items() if found}
    rows = rows[rows["operation"].isin(list(factors))]
    factor = rows["operation"].map(factors).astype("float64")
    return rows.assign(value_us=rows["value_us"] * factor)


@dataclass(frozen=True, slots=True)
class _Line:
    mean: float  # ms
    rise: float  # from the first to the last
    error: float  # of the rise, one standard error

    @property
    def sure(self) -> bool:
        return self.rise > SURE * self.error


def _line(values: npt.NDArray[np.float64]) -> _Line:
    """Through values in equal distances; those without an answer count as much as the slowest that had one."""
    known = values[np.isfinite(values)]
    filled = np.where(np.isfinite(values), values, known.max(initial=0.0))
    at = np.arange(len(filled)) / (len(filled) - 1) - 0.5
    mean, spread = float(filled.mean()), float((at**2).sum())
    rise = float((at * filled).sum()) / spread
    off = filled - mean - rise * at
    return _Line(mean, rise, math.sqrt(float((off**2).sum()) / (len(filled) - 2) / spread))


def _unknown(row: SloRow) -> bool:
    return row.status == "inconclusive" and row.samples < row.min_samples


def _figure(row: SloRow) -> Figure:
    return Figure(
        name=row.name,
        value=row.value if row.value is not None and np.isfinite(row.value) else None,
        text=row.value_text,
        limit=row.limit,
        limit_text=row.limit_text,
        met={"pass": True, "fail": False}.get(row.status),
    )


def _operations(frames: Frames) -> pd.DataFrame:
    rows = frames.measured
    return rows[rows["view"] == View.E2E]


def _well(frames: Frames) -> int:
    rows = _operations(frames)
    return int(rows.loc[rows["outcome"].isin(GOOD), "count"].sum())


def _work(frames: Frames) -> tuple[int, int]:
    """Operations that ended well within their bound, and all."""
    rows = _operations(frames)
    manifest, good = frames.manifest, 0
    bounds = {
        slo.operation: slo.limit_ms for slo in manifest.slos if isinstance(slo, LatencySlo) and slo.view is View.E2E
    }
    for operation, mine in rows[rows["outcome"].isin(GOOD)].groupby("operation"):
        name = str(operation)
        bound = bounds.get(name)
        if bound is None and manifest.catch_all is not None:
            untimed = any(one.latency for one in manifest.catch_all.excluded(name, View.E2E))
            bound = float("inf") if untimed else manifest.catch_all.limit_ms(name, View.E2E)
        within = mine["value_us"] < (bound if bound is not None else float("inf")) * 1000
        good += int(mine.loc[within, "count"].sum())
    return good, int(rows["count"].sum())


def _begun(frames: Frames) -> int:
    start, end = frames.window
    begun = frames.arrivals["started_us"].dropna() / 1e6 if len(frames.arrivals) else pd.Series(dtype="float64")
    return int(((begun >= start) & (begun < end)).sum())


def _broken(verdict: Verdict) -> str:
    if int(ExitCode.DATA) not in verdict.exit_codes:
        return ""
    return verdict.integrity.text
