"""Did the target get slower while it ran? (pure)

Only where the load was level: sessions arrived at one rate, and attempts did not become more frequent as steadily as is
asked of the latency (and by a tenth from half to half), as they do while people still pile up. The measure phase is
cut into ten slices, each operation's median server time in each is taken, and the line through them is Theil's (median
of all pairwise slopes, Theil 1950; Sen 1968). It counts as a drift when the line rises by more than 15 % and 5 ms over
the phase, and Kendall's S of the medians is 35 or more of 45, which chance alone gives once in 2,000 runs (exact
distribution for ten values without ties).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median

import pandas as pd
from pydantic import BaseModel, ConfigDict

from harness.core.tables import View
from harness.record.manifest import Manifest
from reports.frames import Frames
from reports.ranks import grouped_percentiles
from reports.text import ms, percent

OPERATIONS = ("home_feed", "swipe_events", "message_send")
"""Operations whose cost does not grow by design (contract T66)."""
GROWING = ("swipe_deck", "background_deck")
"""Told and not judged: on a fresh target decks get slower in healthy runs too (docs/integrity.md)."""
SLICES, ENOUGH = 10, 5
RISE, FLOOR_MS, KENDALL = 0.15, 5.0, 35
GROWTH = 1.1
"""Attempts of the second half to those of the first: when they rise as steadily, slower is no wonder."""


class DriftRow(BaseModel):
    """One operation. Milliseconds: where the line begins, and by how much it rose until the end.

    drifts: it rises, and is judged. grows: it is told only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    begin_ms: float
    rise_ms: float
    kendall: int
    drifts: bool
    grows: bool = False

    @property
    def rises(self) -> bool:
        """More than chance and a hiccup explain."""
        return _rises(self.begin_ms, self.rise_ms, self.kendall)

    @property
    def sentence(self) -> str:
        """The row for people."""
        share = self.rise_ms / self.begin_ms if self.begin_ms > 0 else math.inf
        return (
            f"{self.operation} got slower during the run: from {ms(self.begin_ms)} by {ms(self.rise_ms)} "
            f"(+{percent(share, 0)}) under a level load{', as decks do on a fresh target' if self.grows else ''}."
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
    measured = frames.measured[(frames.measured["view"] == View.SERVER) & (frames.measured["value_us"] < math.inf)]
    chosen = _sliced(measured[measured["operation"].isin(OPERATIONS + GROWING)], start, end)
    rows = [_row(str(name), group) for name, group in chosen.groupby("operation")]
    return tuple(row for row in rows if row is not None)


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
    attempts = _sliced(frames.measured[frames.measured["view"] == View.SERVER], start, end)
    counts = attempts.groupby("slice")["count"].sum().reindex(range(SLICES), fill_value=0).to_list()
    half = SLICES // 2
    return sum(counts[half:]) > GROWTH * sum(counts[:half]) and _kendall(counts) >= KENDALL


def _kendall(values: Sequence[float]) -> int:
    """Kendall's S: pairs in rising order less pairs in falling order."""
    return sum((b > a) - (b < a) for a, b in itertools.combinations(values, 2))


def _row(operation: str, group: pd.DataFrame) -> DriftRow | None:
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
    drifts = not grows and _rises(begin, rise, kendall)
    return DriftRow(operation=operation, begin_ms=begin, rise_ms=rise, kendall=kendall, drifts=drifts, grows=grows)


def _rises(begin_ms: float, rise_ms: float, kendall: int) -> bool:
    return kendall >= KENDALL and rise_ms > FLOOR_MS and rise_ms > RISE * begin_ms
