"""Did the target get slower while it ran? (pure)

Only where the load was level: sessions arrived at one rate, and attempts did not become more frequent as steadily as is
asked of the latency (and by a tenth from half to half), as they do while people still pile up. The measure phase is
cut into ten slices, each operation's median server time in each is taken, and the line through them is Theil's (median
of all pairwise slopes, Theil 1950; Sen 1968). It counts as a drift when the line rises by more than 15 % and 5 ms over
the phase, and Kendall's S of the medians is 35 or more of 45, which chance alone gives once in 2,000 runs (exact
distribution for ten values without ties).

A step bends no line far, so the same samples are asked for a change of level as well (`reports.change_point`): in the
median and in the ninth decile of up to thirty slots of equal length, by more than 20 % and 5 ms, upwards, and by so
much more than the series does by itself as chance alone gives once in some hundreds of runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from harness.core.tables import View
from harness.record.manifest import Manifest
from reports import neighbours
from reports.change_point import change
from reports.frames import Frames
from reports.ranks import grouped_percentiles
from reports.samples import part, stretches
from reports.text import ms, percent

OPERATIONS = ("home_feed", "swipe_events", "message_send")
"""Operations whose cost does not grow by design (contract T66)."""
GROWING = ("swipe_deck", "background_deck")
"""Told and not judged: on a fresh target decks get slower in healthy runs too (docs/integrity.md)."""
SLICES, ENOUGH = 10, 5
RISE, FLOOR_MS, KENDALL = 0.15, 5.0, 35
STEP, STRENGTH = 0.20, 100.0
MOST_SLOTS, LEAST_SLOTS = 30, 10
ASKED: tuple[tuple[Literal["median", "tail"], float, int], ...] = (("median", 50.0, 8), ("tail", 90.0, 20))
"""Of each slot: what it is called, the percentile, and the samples that it takes on average."""
GROWTH = 1.1
"""Attempts of the second half to those of the first: when they rise as steadily, slower is no wonder."""


class Step(BaseModel):
    """A level that changed at once: when (seconds since zero), from and to how many milliseconds, of which figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    figure: Literal["median", "tail"]
    at_s: float
    before_ms: float
    after_ms: float
    strength: float


class DriftRow(BaseModel):
    """One operation. Milliseconds: where the line begins, and by how much it rose until the end.

    drifts: it rises, or stepped up, and is judged. grows: it is told only. excuse: who else may have made it so, which
    leaves it in doubt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    begin_ms: float
    rise_ms: float
    kendall: int
    drifts: bool
    grows: bool = False
    excuse: str = ""
    step: Step | None = None  # null: nothing stepped up

    @property
    def rises(self) -> bool:
        """More than chance and a hiccup explain."""
        return self.step is not None or _rises(self.begin_ms, self.rise_ms, self.kendall)

    @property
    def sentence(self) -> str:
        """The row for people."""
        why = ", as decks do on a fresh target" if self.grows else ""
        if self.excuse:
            why += f"; but {self.excuse}"
        if self.step is not None:
            one = self.step
            what = "its median" if one.figure == "median" else "its ninth decile"
            share = percent(one.after_ms / one.before_ms - 1 if one.before_ms > 0 else math.inf, 0)
            return (
                f"{self.operation} got slower during the run, at {one.at_s:.0f} s: {what} stepped from "
                f"{ms(round(one.before_ms, 1))} to {ms(round(one.after_ms, 1))} (+{share}) under a level load{why}."
            )
        share = percent(self.rise_ms / self.begin_ms if self.begin_ms > 0 else math.inf, 0)
        return (
            f"{self.operation} got slower during the run: from {ms(self.begin_ms)} by {ms(self.rise_ms)} "
            f"(+{share}) under a level load{why}."
        )


def drift(frames: Frames) -> tuple[DriftRow, ...]:
    """A row for each operation with samples in all slices; none when the load was not level."""
    if not level(frames.manifest):
        return ()
    start, end = frames.window
    if end - start < SLICES:
        return ()
    if _thickens(frames, start, end):
        return ()
    measured = frames.measured_of(OPERATIONS + GROWING, View.SERVER)
    chosen = _sliced(measured[measured["value_us"] < math.inf], start, end)
    rows = [_row(str(name), group, (start, end)) for name, group in chosen.groupby("operation")]
    return tuple(_excused(frames.manifest, row) for row in rows if row is not None)


def _excused(manifest: Manifest, row: DriftRow) -> DriftRow:
    """The row, in doubt where other programs explain how much slower it became."""
    if not row.drifts:
        return row
    before, after = row.begin_ms, row.begin_ms + row.rise_ms
    if row.step is not None:
        before, after = row.step.before_ms, row.step.after_ms
    excuse = neighbours.excuse(manifest, after / before if before > 0 else math.inf, 1.0 / SLICES)
    return row.model_copy(update={"drifts": False, "excuse": excuse}) if excuse else row


def step(samples: pd.DataFrame, window: tuple[float, float]) -> Step | None:
    """The most marked step up of one operation's `samples` (second, value_us, count); None without any."""
    start, end = window
    number = int(samples["count"].sum())
    found = []
    for figure, percentile, least in ASKED:
        slots = min(MOST_SLOTS, number // least, int(end - start))
        if slots < LEAST_SLOTS:
            continue
        place = ((samples["second"] - start) * slots / (end - start)).astype("int64").clip(0, slots - 1)
        table = grouped_percentiles(samples.assign(slot=place), ["slot"], (percentile,)).sort_values("slot")
        values = (table[f"p{percentile:g}"] / 1000.0).to_numpy(dtype="float64")
        changed = change(np.log(np.maximum(values, 1e-3)))
        if changed is None or changed.strength < STRENGTH:
            continue
        before, after = math.exp(changed.before), math.exp(changed.after)
        if after - before > FLOOR_MS and after > (1.0 + STEP) * before:
            at = start + int(table["slot"].iloc[changed.at]) * (end - start) / slots
            found.append(Step(figure=figure, at_s=at, before_ms=before, after_ms=after, strength=changed.strength))
    return max(found, key=lambda one: one.strength, default=None)


def level(manifest: Manifest) -> bool:
    """Whether sessions arrived at one rate all through the measure phase."""
    phases = manifest.profile.phases
    begin, end, at, rates = phases.warmup_s, phases.warmup_s + phases.measure_s, 0.0, set()
    for stage in manifest.profile.arrivals:
        if at < end and at + stage.seconds > begin:
            rates |= {stage.rate, stage.end_rate}
        at += stage.seconds
    return at >= end and len(rates) == 1


def _sliced(samples: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    place = ((samples["second"] - start) * SLICES / (end - start)).astype("int64").clip(0, SLICES - 1)
    return samples.assign(slice=place)


def _thickens(frames: Frames, start: float, end: float) -> bool:
    """Whether attempts became more and more frequent. Sessions arrive at random: a fuller half alone says little."""
    attempts = part(frames.measured, frames.measured["view"] == View.SERVER)
    second, number, found = attempts["second"].to_numpy(), attempts["count"].to_numpy(), np.zeros(SLICES)
    for at in stretches(len(second)):
        place = ((second[at] - start) * SLICES / (end - start)).astype("int64").clip(0, SLICES - 1)
        found += np.bincount(place, weights=number[at], minlength=SLICES)
    counts = found.astype("int64").tolist()
    half = SLICES // 2
    return sum(counts[half:]) > GROWTH * sum(counts[:half]) and _kendall(counts) >= KENDALL


def _kendall(values: Sequence[float]) -> int:
    """Kendall's S: pairs in rising order less pairs in falling order."""
    return sum((b > a) - (b < a) for a, b in itertools.combinations(values, 2))


def _row(operation: str, group: pd.DataFrame, window: tuple[float, float]) -> DriftRow | None:
    counts = group.groupby("slice")["count"].sum()
    if len(counts) < SLICES or int(counts.min()) < ENOUGH:
        return None
    medians = grouped_percentiles(group, ["slice"], (50.0,)).sort_values("slice")["p50"].to_list()
    values = [float(value) / 1000.0 for value in medians]
    pairs = list(itertools.combinations(range(SLICES), 2))
    slope = median((values[b] - values[a]) / (b - a) for a, b in pairs)
    begin = median(value - slope * place for place, value in enumerate(values))
    rise = slope * (SLICES - 1)
    kendall, grows = _kendall(values), operation in GROWING
    line = _rises(begin, rise, kendall)
    stepped = step(group, window)
    return DriftRow(
        operation=operation,
        begin_ms=begin,
        rise_ms=rise,
        kendall=kendall,
        drifts=not grows and (line or stepped is not None),
        grows=grows,
        step=stepped,
    )


def _rises(begin_ms: float, rise_ms: float, kendall: int) -> bool:
    return kendall >= KENDALL and rise_ms > FLOOR_MS and rise_ms > RISE * begin_ms
