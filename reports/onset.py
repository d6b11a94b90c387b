"""Since when in a run an objective is missed. (pure)

The measure phase is cut into ten slices. A slice is over the limit when more than the allowed share of its samples is
bad. The miss lasts from the first slice after which all that have samples are over it; a miss that comes and goes is
said as how many slices are over.
"""

from __future__ import annotations

import numpy as np

from harness.core.slo import LatencySlo
from reports.frames import Frames
from reports.ranks import share_of
from reports.slo import SloRow
from reports.text import seconds

SLICES = 10


def since(row: SloRow, frames: Frames) -> str:
    """In words; empty where the record holds no sample of it, or nothing to judge it by."""
    slo = next((one for one in frames.manifest.slos if one.name == row.name), None)
    start, end = frames.window
    if slo is None or end <= start:
        return ""
    chosen = frames.measured_of(row.operations, row.view)
    if chosen.empty:
        return ""
    if isinstance(slo, LatencySlo):
        bad = chosen["value_us"] >= slo.limit_ms * 1000.0
        allowed = float(1 - share_of(slo.percentile))
    else:
        bad = chosen["outcome"].isin([str(outcome) for outcome in slo.outcomes])
        allowed = slo.max_share
    place = np.clip((chosen["second"].to_numpy() - start) / (end - start) * SLICES, 0, SLICES - 1).astype(int)
    number = chosen["count"].to_numpy()
    samples = np.bincount(place, number, SLICES)
    over = np.bincount(place, number * bad.to_numpy(), SLICES) > allowed * samples
    return _words([bool(one) for one in over], [bool(one) for one in samples > 0], start, end)


def _words(over: list[bool], present: list[bool], start: float, end: float) -> str:
    seen = [place for place in range(SLICES) if present[place]]
    bad = [place for place in seen if over[place]]
    if not bad:
        return ""
    length = (end - start) / SLICES
    if bad == seen:
        return "the beginning of the measure phase, and all through it"
    tail = [place for place in seen if place >= bad[0]]
    at = seconds(start + bad[0] * length)
    if bad == tail:
        return f"{at} into the run, until its end"
    if bad == list(range(bad[0], bad[-1] + 1)):
        return f"{at} into the run, for {seconds(len(bad) * length)}"
    return f"{at} into the run, now and then: {len(bad)} of {len(seen)} tenths of the measure phase"
