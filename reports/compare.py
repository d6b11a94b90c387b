"""A run against earlier runs of the same load: p95 per operation and view. (pure)

The unit of replication is the run: the baseline of an operation is the median of the baseline runs' p95s, so one noisy
night does not move it. Bounds (DESIGN decision 8): more than 15 % slower is a warning, more than 25 % and more than
5 ms slower is a regression. A rule on one run finds a true +25 % shift about half of the time; repeat what matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.errors import UsageError
from harness.record.manifest import Manifest
from reports.frames import Frames, latency_table
from reports.text import DASH, MINUS, ms, percent, plural

WARN, REGRESSED, FASTER = 1.15, 1.25, 0.85
FLOOR_MS = 5.0
MIN_SAMPLES = 100

Change = Literal["regressed", "slower", "ok", "faster", "not enough samples"]
ORDER: tuple[Change, ...] = ("regressed", "slower", "not enough samples", "ok", "faster")


class CompareRow(BaseModel):
    """One operation in one view. Latencies in milliseconds; null: no samples, or the p95 falls on a failure."""

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
    baselines: tuple[str, ...]
    rows: tuple[CompareRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def regressed(self) -> tuple[CompareRow, ...]:
        return tuple(row for row in self.rows if row.change == "regressed")

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
        return (
            f"{worst.operation} ({worst.view}) regressed{more}: p95 {worst.value_text}, "
            f"{worst.baseline_text} in {against}."
        )


def compare(run: Frames, baselines: Sequence[Frames], *, force: bool = False) -> Comparison:
    """Compare the measure phases. UsageError when the runs are not alike, unless `force`."""
    if not baselines:
        raise UsageError("no baseline given", where="harness compare", remedy="name at least one earlier run")
    notes = tuple(difference for baseline in baselines for difference in _differences(run, baseline))
    if notes and not force:
        raise UsageError(
            "these runs cannot be compared: " + "; ".join(notes),
            where=run.manifest.run_id,
            remedy="choose baselines of the same profile and target environment, or insist with --force",
        )
    figures = _figures(run)
    earlier = [_figures(baseline) for baseline in baselines]
    keys = sorted({*figures, *(key for one in earlier for key in one)})
    rows = [_row(key, figures.get(key, (math.nan, 0)), [one[key] for one in earlier if key in one]) for key in keys]
    rows.sort(key=lambda row: (ORDER.index(row.change), -(row.ratio or math.inf), row.operation, row.view))
    return Comparison(
        run_id=run.manifest.run_id,
        baselines=tuple(baseline.manifest.run_id for baseline in baselines),
        rows=tuple(rows),
        notes=notes,
    )


def _figures(frames: Frames) -> dict[tuple[str, str], tuple[float, int]]:
    table = latency_table(frames)
    return {
        (str(operation), str(view)): (float(p95), int(samples))
        for operation, view, p95, samples in zip(
            table["operation"], table["view"], table["p95"], table["samples"], strict=True
        )
    }


def _row(key: tuple[str, str], now: tuple[float, int], earlier: Sequence[tuple[float, int]]) -> CompareRow:
    p95, samples = now
    usable = [(value, number) for value, number in earlier if number >= MIN_SAMPLES]
    baseline = median(value for value, _ in usable) if usable else math.nan
    baseline_samples = sum(number for _, number in usable) or sum(number for _, number in earlier)
    ratio = p95 / baseline if math.isfinite(p95) and math.isfinite(baseline) and baseline > 0 else None
    change, note = _change(p95, samples, baseline, bool(usable), baseline_samples)
    return CompareRow(
        operation=key[0],
        view=key[1],
        p95=p95 if math.isfinite(p95) else None,
        baseline_p95=baseline if math.isfinite(baseline) else None,
        ratio=ratio,
        samples=samples,
        baseline_samples=baseline_samples,
        change=change,
        note=note,
    )


def _change(p95: float, samples: int, baseline: float, usable: bool, baseline_samples: int) -> tuple[Change, str]:
    if samples < MIN_SAMPLES or not usable:
        return "not enough samples", f"{samples} now, {baseline_samples} before; at least {MIN_SAMPLES} each"
    if math.isinf(baseline):
        return ("ok", "failed before, too") if math.isinf(p95) else ("faster", "failed before")
    if math.isinf(p95):
        return "regressed", "more than 5 % of the samples fail now"
    ratio = p95 / max(baseline, 0.001)  # a microsecond, the record's resolution
    if ratio > REGRESSED and p95 - baseline > FLOOR_MS:
        return "regressed", ""
    if ratio > WARN:
        return "slower", ""
    return ("faster" if ratio < FASTER else "ok"), ""


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
