"""The samples of two deployments that were loaded at the same time, cut into slices of time. (pure)"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.core.tables import View
from reports.ab.paired import Samples, pooled
from reports.frames import Frames
from reports.samples import own_values

SLICE_S = 6.0
"""What lasts longer mostly hits both; a session's requests mostly fit in."""
LEAST_OVERLAP_S = 20.0

Key = tuple[str, str]
"""operation, view"""


@dataclass(frozen=True)
class Round:
    """The record of each deployment, made at the same time."""

    base: Frames
    head: Frames

    @property
    def problem(self) -> str:
        """Why it says nothing; empty where it does."""
        for name, one in (("base", self.base), ("head", self.head)):
            if not one.complete:
                why = one.manifest.abort_reason or one.manifest.status
                return f"the {name}'s run {one.manifest.run_id} did not come to its end: {why}"
        if self.span is None or self.span[1] - self.span[0] < LEAST_OVERLAP_S:
            return f"its two runs were measured together for less than {LEAST_OVERLAP_S:.0f} s"
        return ""

    @property
    def span(self) -> tuple[float, float] | None:
        """When both were measured: seconds since 1970. None where one never began."""
        zeros = [one.manifest.zero_epoch_s for one in (self.base, self.head)]
        if zeros[0] is None or zeros[1] is None:
            return None
        windows = [
            (zero + one.window[0], zero + one.window[1])
            for zero, one in zip((zeros[0], zeros[1]), (self.base, self.head), strict=True)
        ]
        return max(start for start, _ in windows), min(end for _, end in windows)

    @property
    def slices(self) -> int:
        span = self.span
        return max(1, math.floor((span[1] - span[0]) / SLICE_S)) if span is not None else 0


@dataclass(frozen=True)
class Sides:
    """Each operation's samples at both deployments, over all rounds."""

    base: dict[Key, Samples]
    head: dict[Key, Samples]
    slices: int


def sides(rounds: Sequence[Round]) -> Sides:
    """Of rounds without a problem."""
    found: tuple[dict[Key, list[Samples]], dict[Key, list[Samples]]] = ({}, {})
    first = 0
    for one in rounds:
        for place, frames in enumerate((one.base, one.head)):
            for key, samples in _sliced(frames, one, first):
                found[place].setdefault(key, []).append(samples)
        first += one.slices
    base, head = ({key: pooled(parts) for key, parts in side.items()} for side in found)
    return Sides(base, head, first)


def _sliced(frames: Frames, round_: Round, first: int) -> Iterable[tuple[Key, Samples]]:
    """A sample belongs to the slice in which it began. The generator's own lag is an operation as well."""
    span, zero = round_.span, frames.manifest.zero_epoch_s
    assert span is not None
    assert zero is not None
    lag = own_values(frames.generator[frames.generator["view"] == View.LAG])
    rows = pd.concat([frames.measured, lag], ignore_index=True)
    at = zero + rows["second"].to_numpy(dtype="float64") + 0.5
    inside = (at >= span[0]) & (at < span[1])
    rows, at = rows[inside], at[inside]
    place = np.minimum(((at - span[0]) / (span[1] - span[0]) * round_.slices).astype("int64"), round_.slices - 1)
    rows = rows.assign(slice=first + place)
    for (operation, view), group in rows.groupby(["operation", "view"], sort=True):
        yield (
            (str(operation), str(view)),
            Samples(
                group["slice"].to_numpy(dtype="int64"),
                group["value_us"].to_numpy(dtype="float64"),
                group["count"].to_numpy(dtype="int64"),
            ),
        )
