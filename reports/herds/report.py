"""From a run's record to its herds: the busiest second against the mean, and what jitter would do. (pure)

Counted are requests in the second in which they left: calls, what a browser asks before them, and of Realtime the
connecting and joining. The mean is that of the measure phase before the first herd, less its last 5 s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.core.fault_record import FaultLine
from harness.core.tables import View
from reports.frames import NOT_AN_ANSWER, Frames
from reports.herds.causes import triggers
from reports.herds.model import HerdReport, HerdRow, Herds
from reports.herds.spread import busiest, dispersion_of, expected_peak, jitter_for
from reports.recovery.faults import happened
from reports.recovery.steady import GUARD_S

ENOUGH_S = 20.0
LONGEST_S = 90.0
"""How long after its cause a herd is looked at, and the jitter of the run beyond that."""
SHOWN = 12
LEAST = 10.0
"""Requests beyond the mean that make an operation a part of the herd."""
_FAILED = [str(one) for one in NOT_AN_ANSWER[View.SERVER]]
_SOCKETS = ("realtime_connect", "realtime_join")

Reals = npt.NDArray[np.float64]


def herds(frames: Frames, log: Sequence[FaultLine] = ()) -> Herds | None:
    """None for a run whose profile has none. :param log: its `chaos.jsonl`; without it the plan is believed."""
    profile = frames.manifest.profile
    start, end = frames.window
    faults = happened(frames.manifest.chaos, log, end)
    found = [one for one in triggers(profile, faults) if start <= one.at_s < end]
    if not found:
        return None
    begun = [one.start_s for one in faults if one.start_s > start and not one.missing] + [one.calm_s for one in found]
    calm = (math.ceil(start), max(math.ceil(start), math.floor(min(begun) - GUARD_S)))
    length = calm[1] - calm[0]
    if length < ENOUGH_S:
        note = f"{length:.0f} s of calm were measured before the first herd, {ENOUGH_S:.0f} s are needed for a mean"
        return Herds(calm_s=length, dispersion=1.0, herds=(), note=note)
    sent = _sent(frames, math.ceil(end))
    counts = _per_second(sent, math.ceil(end))
    whole = counts.sum(axis=1).to_numpy(np.float64)
    calm_part = slice(*calm)
    dispersion = dispersion_of(whole[calm_part])
    told = []
    for place, trigger in enumerate(found):
        after = found[place + 1].calm_s if place + 1 < len(found) else end
        until = min(after, trigger.at_s + LONGEST_S + profile.herds.jitter_s, end)
        part = slice(math.floor(trigger.at_s), max(math.floor(trigger.at_s) + 1, math.floor(until)))
        peak = part.start + int(whole[part].argmax())
        total = _row("", whole, calm_part, part, peak, profile.herds.ratio, dispersion)
        rows = [
            _row(str(name), counts[name].to_numpy(np.float64), calm_part, part, peak, profile.herds.ratio, None)
            for name in counts.columns
        ]
        theirs = (one for one in rows if one.extra >= LEAST or one.in_peak - one.mean_per_s >= LEAST / 2)
        shown = sorted(theirs, key=lambda one: -one.in_peak)[:SHOWN]
        told.append(
            HerdReport(
                name=trigger.name,
                cause=trigger.cause,
                at_s=trigger.at_s,
                until_s=float(part.stop),
                ratio=profile.herds.ratio,
                tried_s=profile.herds.jitter_s,
                failed_share=_failed(sent, part),
                whole=total,
                rows=tuple(shown),
            )
        )
    return Herds(calm_s=length, dispersion=dispersion, herds=tuple(told))


def _sent(frames: Frames, size: int) -> pd.DataFrame:
    """Requests of the seconds before `size`."""
    told = frames.told
    sent = told[(told["view"] == View.SERVER) & (told["second"] >= 0) & (told["second"] < size)]
    names = sent["operation"].astype(str)
    return sent[~names.str.startswith("realtime_") | names.str.startswith(_SOCKETS)]


def _failed(sent: pd.DataFrame, part: slice) -> float:
    herd = sent[(sent["second"] >= part.start) & (sent["second"] < part.stop)]
    failed = herd.loc[herd["outcome"].isin(_FAILED), "count"].sum()
    return float(failed) / max(1.0, float(herd["count"].sum()))


def _per_second(sent: pd.DataFrame, size: int) -> pd.DataFrame:
    """Requests by second (rows, from 0 on) and operation."""
    table = sent.groupby(["second", "operation"], observed=True)["count"].sum().unstack("operation")
    return table.reindex(range(size)).fillna(0.0)


def _row(
    operation: str, counts: Reals, calm: slice, part: slice, peak: int, ratio: float, dispersion: float | None
) -> HerdRow:
    """peak: the busiest second of all requests.
    dispersion: of the calm's seconds; None: nothing is said of a run's busiest second."""
    usual, herd = counts[calm], counts[part]
    mean = float(usual.mean())
    place = int(herd.argmax())
    needed = jitter_for(herd, mean, ratio) if mean > 0 else None
    expected = expected_peak(herd, mean, needed) if needed else None
    return HerdRow(
        operation=operation,
        mean_per_s=mean,
        calm_peak_per_s=float(usual.max()),
        peak_per_s=float(herd[place]),
        peak_at_s=float(part.start + place),
        in_peak=float(counts[peak]),
        extra=max(0.0, float(_whole_wave(herd - mean))),
        jitter_s=needed,
        expected_per_s=expected,
        busiest_per_s=busiest(expected, needed or 0.0, dispersion) if expected and dispersion is not None else None,
    )


def _whole_wave(excess: Reals) -> float:
    """The most that any stretch from the cause on holds beyond the mean: afterwards noise goes up and down."""
    return float(np.cumsum(excess).max())
