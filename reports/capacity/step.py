"""A run of a capacity search as a step: did it meet every objective, could it tell at all? (pure)

- inconclusive: the generator is in doubt, the run was cut short, or no latency objective could be judged.
- fail: an objective was missed, the catch-all was, an abort rule ended it for the target's sake, or answers still got
  slower at its end than at its begin: what queues on and on is not carried, however good the mean still is.
- pass: everything else. Objectives with too few samples are listed.

Lost or doubled data does not decide a step, which asks for load alone; it is told with it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.capacity.step import Figure, Step, Word
from harness.core.errors import ExitCode
from harness.core.outcome import Outcome
from harness.core.slo import LatencySlo
from harness.core.tables import View
from reports.capacity.limiting import gave_way
from reports.database.stretch import Observation
from reports.frames import Frames
from reports.ranks import value_at_share
from reports.slo import SloRow
from reports.text import ms
from reports.verdict import Verdict

GENERATOR = "generator"
RISES_TIMES = 2.0
UPPER_RISES_TIMES = 1.5
RISES_MS = 100.0
THIRD = 3
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
        if reason.startswith("abort rule:") and GENERATOR not in reason:
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
    """Whether requests wait longer and longer; empty when they do not. Medians of the first and the last third of the
    measure phase, and their upper quartiles; failures count as slower than every answer."""
    rows = frames.measured
    rows = rows[rows["view"] == View.SERVER]
    start, end = frames.window
    third = (end - start) / THIRD
    first, last = rows[rows["second"] < start + third], rows[rows["second"] >= end - third]
    if first["count"].sum() < 100 or last["count"].sum() < 100:
        return ""
    before, after = (value_at_share(part, 0.5) / 1000 for part in (first, last))
    upper_before, upper_after = (value_at_share(part, 0.75) / 1000 for part in (first, last))
    if not np.isfinite(before) or after < before * RISES_TIMES or after < before + RISES_MS:
        return ""
    if upper_after < upper_before * UPPER_RISES_TIMES:  # of fast and slow calls, a few more slow ones move a median
        return ""
    grown = "no answer" if not np.isfinite(after) else ms(after)
    return f"requests waited longer and longer: median {ms(before)} in the first third, {grown} in the last"


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
