"""A run, or several, against earlier runs of the same load: p95 per operation and view. (pure)

The unit of replication is the run: the baseline of an operation is the median of the baseline runs' p95s, so one noisy
night does not move it. More than 15 % slower is a warning. More than 25 % and more than 5 ms slower is a regression,
if it can be told from noise; otherwise it stays a warning that says why.

Enough runs of one build and of the baseline (three against seven, say) are told from noise by `reports.shift`: the
exact rank-sum test on the runs' p95s, chance below 0.01. With fewer each run has to be told from a noisy night alone:

- it would still be a warning without what the generator's delays could have added (`reports.disturbance`), and
- the median moved as well, to more than 15 % and 2 ms above that of every baseline run. Where it did not, and the tail
  alone is longer, p95 has to be twice that of every baseline run.

`benchmarks/false_alarms.py` counts, on runs of yours, how often healthy ones accuse each other and how often slower
ones are found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.core.errors import UsageError
from harness.core.tables import View
from harness.record.manifest import Manifest
from reports.disturbance import moved_ms
from reports.frames import Frames, latency_table
from reports.shift import chance, least_chance
from reports.shift import ratio as shift
from reports.text import DASH, MINUS, ms, percent, plural

WARN, REGRESSED, FASTER = 1.15, 1.25, 0.85
FLOOR_MS = 5.0
BODY, BODY_FLOOR_MS = 1.15, 2.0
"""How far the median has to be above that of every baseline run."""
TAIL = 2.0
"""How far a tail has to be above that of every baseline run where the median is not."""
MIN_SAMPLES = 100
CHANCE = 0.01
"""Of several runs: how often groups of one kind may come out as far apart."""

Change = Literal["regressed", "slower", "ok", "faster", "not enough samples"]
ORDER: tuple[Change, ...] = ("regressed", "slower", "not enough samples", "ok", "faster")


class CompareRow(BaseModel):
    """One operation in one view. Latencies in milliseconds; null: no samples, or the p95 falls on a failure. Of several
    runs: the median of their p95s, and the shift as the ratio."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    view: str
    p95: float | None
    baseline_p95: float | None
    ratio: float | None
    samples: int
    baseline_samples: int  # of all usable baseline runs together
    change: Change
    note: str = ""

    @property
    def ratio_text(self) -> str:
        return DASH if self.ratio is None else f"{'+' if self.ratio >= 1 else MINUS}{percent(abs(self.ratio - 1), 1)}"

    @property
    def value_text(self) -> str:
        return ms(self.p95) if self.samples else "no samples"

    @property
    def baseline_text(self) -> str:
        return ms(self.baseline_p95) if self.baseline_samples else "no samples"


class Comparison(BaseModel):
    """Rows sorted by how bad they are, then by operation."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    run_id: str
    also: tuple[str, ...] = ()  # further runs of the same build
    baselines: tuple[str, ...]
    rows: tuple[CompareRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def regressed(self) -> tuple[CompareRow, ...]:
        return tuple(row for row in self.rows if row.change == "regressed")

    @property
    def explained(self) -> tuple[CompareRow, ...]:
        """Slower rows that say why they are, or are not, a regression."""
        return tuple(row for row in self.rows if row.note and row.change in ("regressed", "slower"))

    @property
    def sentence(self) -> str:
        """What the comparison found, in one sentence."""
        against = self.baselines[0] if len(self.baselines) == 1 else f"the median of {len(self.baselines)} runs"
        if not self.regressed:
            slower = sum(row.change == "slower" for row in self.rows)
            beside = f"; {plural(slower, 'operation')} slower than +15 %" if slower else ""
            return f"No regression against {against}{beside}."
        worst = self.regressed[0]
        more = f" and {len(self.regressed) - 1} more" if len(self.regressed) > 1 else ""
        here = f" in the median of {1 + len(self.also)} runs" if self.also else ""
        return (
            f"{worst.operation} ({worst.view}) regressed{more}: p95 {worst.value_text}{here}, "
            f"{worst.baseline_text} in {against}."
        )


def compare(
    run: Frames, baselines: Sequence[Frames], *, also: Sequence[Frames] = (), force: bool = False
) -> Comparison:
    """Compare the measure phases of `run`, and of further runs of the same build, with those of the baselines.

    :raises UsageError: without a baseline, or when the runs are not alike, unless `force`.
    """
    if not baselines:
        raise UsageError("no baseline given", where="harness compare", remedy="name at least one earlier run")
    notes = tuple(difference for other in (*also, *baselines) for difference in _differences(run, other))
    if notes and not force:
        raise UsageError(
            "these runs cannot be compared: " + "; ".join(notes),
            where=run.manifest.run_id,
            remedy="choose baselines of the same profile and target environment, or insist with --force",
        )
    runs = (run, *also)
    now = [_figures(one) for one in runs]
    earlier = [_figures(baseline) for baseline in baselines]
    rows = []
    for key in sorted({key for one in (*now, *earlier) for key in one}):
        mine = [_Run(one, figures.get(key, NOTHING)) for one, figures in zip(runs, now, strict=True)]
        rows.append(_row(key, mine, [figures[key] for figures in earlier if key in figures]))
    rows.sort(key=lambda row: (ORDER.index(row.change), -(row.ratio or math.inf), row.operation, row.view))
    return Comparison(
        run_id=run.manifest.run_id,
        also=tuple(one.manifest.run_id for one in also),
        baselines=tuple(baseline.manifest.run_id for baseline in baselines),
        rows=tuple(rows),
        notes=notes,
    )


class _Figure(NamedTuple):
    """One operation in one view of one run. Milliseconds."""

    p50: float
    p95: float
    samples: int


class _Run(NamedTuple):
    frames: Frames
    figure: _Figure


NOTHING = _Figure(math.nan, math.nan, 0)
Key = tuple[str, str]
"""operation, view"""


def _figures(frames: Frames) -> dict[Key, _Figure]:
    table = latency_table(frames)
    return {
        (str(operation), str(view)): _Figure(float(p50), float(p95), int(samples))
        for operation, view, p50, p95, samples in zip(
            table["operation"], table["view"], table["p50"], table["p95"], table["samples"], strict=True
        )
    }


def _row(key: Key, now: Sequence[_Run], earlier: Sequence[_Figure]) -> CompareRow:
    mine = [one for one in now if one.figure.samples >= MIN_SAMPLES]
    usable = [one for one in earlier if one.samples >= MIN_SAMPLES]
    p95 = median(one.figure.p95 for one in mine or now)
    before = [one.p95 for one in usable]
    baseline = median(before) if usable else math.nan
    samples = sum(one.figure.samples for one in mine or now)
    baseline_samples = sum(one.samples for one in usable or earlier)
    ratio = shift(_p95s(mine), before) if len(mine) > 1 and usable else shift([p95], [baseline])
    if not mine or not usable:
        change: Change = "not enough samples"
        note = f"{samples} now, {baseline_samples} before; at least {MIN_SAMPLES} each"
    else:
        change, note = _change(p95, baseline, ratio)
        if change == "regressed" and math.isfinite(p95):
            change, note = _told(key, mine, usable, baseline)
    finite = math.isfinite(p95) and math.isfinite(baseline)
    return CompareRow(
        operation=key[0],
        view=key[1],
        p95=p95 if math.isfinite(p95) else None,
        baseline_p95=baseline if math.isfinite(baseline) else None,
        ratio=ratio if finite else None,
        samples=samples,
        baseline_samples=baseline_samples,
        change=change,
        note=note,
    )


def _p95s(runs: Sequence[_Run]) -> list[float]:
    return [one.figure.p95 for one in runs]


def _change(p95: float, baseline: float, ratio: float) -> tuple[Change, str]:
    """By size alone."""
    if math.isinf(baseline):
        return ("ok", "failed before, too") if math.isinf(p95) else ("faster", "failed before")
    if math.isinf(p95):
        return "regressed", "more than 5 % of the samples fail now"
    if ratio > REGRESSED and p95 - baseline > FLOOR_MS:
        return "regressed", ""
    if ratio > WARN:
        return "slower", ""
    return ("faster" if ratio < FASTER else "ok"), ""


def _told(key: Key, now: Sequence[_Run], earlier: Sequence[_Figure], baseline: float) -> tuple[Change, str]:
    """A regression by size: can it be told from noise?"""
    if least_chance(len(now), len(earlier)) < CHANCE:
        p = chance(_p95s(now), [one.p95 for one in earlier])
        return ("regressed" if p < CHANCE else "slower"), f"p = {p:.2g} in {len(now)} against {len(earlier)} runs"
    doubt = next(filter(None, (_doubt(key, one, earlier, baseline) for one in now)), "")
    return ("slower" if doubt else "regressed"), doubt


def _doubt(key: Key, now: _Run, earlier: Sequence[_Figure], baseline: float) -> str:
    """Why one run cannot tell this from a noisy night; empty when it can."""
    measured = now.frames.measured
    chosen = measured[(measured["operation"] == key[0]) & (measured["view"] == key[1])]
    p50, p95, _ = now.figure
    moved = moved_ms(now.frames, chosen, View(key[1]), 95.0, p95 * 1000)
    if p95 - moved <= WARN * baseline:
        return f"the generator's own delays could have added {ms(moved)}"
    body, tail = max(one.p50 for one in earlier), max(one.p95 for one in earlier)
    if (p50 > BODY * body and p50 - body > BODY_FLOOR_MS) or p95 - moved > TAIL * tail:
        return ""
    return f"a longer tail alone, the median is {ms(p50)}, {ms(body)} before: more runs can tell"


def _differences(run: Frames, baseline: Frames) -> list[str]:
    """What makes a baseline unlike the run, in words. Seeds and descriptions may differ."""
    mine, theirs = run.manifest, baseline.manifest
    found = []
    if theirs.run_id == mine.run_id:
        found.append(f"{theirs.run_id} is the run itself")
    if mine.profile.name != theirs.profile.name:
        found.append(f"{theirs.run_id} ran profile {theirs.profile.name!r}, this run {mine.profile.name!r}")
    elif changed := _changed_keys(mine, theirs):
        found.append(f"{theirs.run_id} ran another version of profile {mine.profile.name!r} ({', '.join(changed)})")
    if mine.target_environment != theirs.target_environment:
        found.append(f"{theirs.run_id} ran against {theirs.target_environment}, this run {mine.target_environment}")
    if not baseline.complete or theirs.status != "complete":
        found.append(f"{theirs.run_id} is not a complete run")
    return found


def _changed_keys(mine: Manifest, theirs: Manifest) -> list[str]:
    def load(manifest: Manifest) -> Mapping[str, Any]:
        return manifest.profile.model_dump(exclude={"seed", "description"})

    ours, others = load(mine), load(theirs)
    return sorted(key for key in ours if ours[key] != others[key])
