"""The target's clock against the run's, and rows that neither clock explains. (pure)

The database dates events and messages itself. Its clock may be minutes away from the generator's without anything being
wrong, so it is measured (`harness.record.manifest.TargetClock`). Where it was not, in records of earlier versions, the
rows tell: a row was made between its request and the answer to it. An offset that large that no clock would have it is
no clock's: the rows are misdated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.record.manifest import TargetClock
from reports.integrity.columns import Flags, Integers
from reports.integrity.writes import Writes

TOLERANCE_US = 5_000_000
"""So far off its request and its answer a row is nobody's concern: work that waits in the server, a slow commit."""
PLAUSIBLE_US = 600_000_000
"""An offset that was not measured and is larger is taken for misdated rows, not for a clock."""
WORTH_TELLING_S = 2.0
ENOUGH = 5
"""Rows that tell an offset."""


@dataclass(frozen=True, slots=True)
class Offset:
    """By how many microseconds the target's clock is ahead, give or take `unsure`; text: how it is known."""

    us: int = 0
    unsure: int = 0
    text: str = ""


NO_OFFSET = Offset()


def measured(clock: TargetClock) -> Offset:
    """As it was measured after the run."""
    unsure = f"{clock.uncertainty_s:.1f} s" if clock.uncertainty_s >= 0.05 else "less than 0.1 s"
    text = f"the clock of {clock.of} is {clock.offset_s:+.1f} s from the generator's (measured, give or take {unsure})"
    known = abs(clock.offset_s) < WORTH_TELLING_S
    return Offset(round(clock.offset_s * 1e6), round(clock.uncertainty_s * 1e6), "" if known else text)


def told_by_rows(writes: Writes, row_write: Integers, created: Integers, zero_epoch_us: int) -> Offset:
    """As acknowledged writes and their rows tell it; none where they are few, or tell more than any clock would."""
    known = np.flatnonzero(row_write >= 0)
    write = row_write[known]
    sure = writes.acknowledged[write] & ~writes.unheard[write] & (writes.sent[write] == 1)
    write, instant = write[sure], created[known][sure] - zero_epoch_us
    if len(write) < ENOUGH:
        return Offset()
    offset = int(np.median(instant - (writes.first_sent[write] + writes.first_acknowledged[write]) // 2))
    if abs(offset) > PLAUSIBLE_US or abs(offset) <= TOLERANCE_US:
        return Offset()
    text = f"the target's clock was not measured; by its rows it is {offset / 1e6:+.1f} s from the generator's"
    return Offset(offset, TOLERANCE_US, text)


def misdated(writes: Writes, row_write: Integers, created: Integers, zero_epoch_us: int, offset: Offset) -> Flags:
    """Rows from before their first request, or from after the last word about a write whose every try was answered."""
    found = np.zeros(len(row_write), np.bool_)
    known = np.flatnonzero((row_write >= 0) & (created != np.iinfo(np.int64).min))
    write = row_write[known]
    instant = created[known] - zero_epoch_us - offset.us
    margin = TOLERANCE_US + offset.unsure
    early = (writes.sent[write] > 0) & (instant < writes.first_sent[write] - margin)
    settled = writes.acknowledged[write] & ~writes.unheard[write]
    found[known] = early | (settled & (instant > writes.last_said[write] + margin))
    return found


def distance_s(writes: Writes, write: int, created: int, zero_epoch_us: int, offset: Offset) -> float:
    """Seconds from a write's first request to the instant its row carries, on the target's clock."""
    return (created - zero_epoch_us - offset.us - int(writes.first_sent[write])) / 1e6


def apart(by_s: float) -> str:
    """So far before or after: "5.0 h before"."""
    size, unit = abs(by_s), "s"
    if size >= 5400:
        size, unit = size / 3600, "h"
    elif size >= 120:
        size, unit = size / 60, "min"
    return f"{size:.1f} {unit} {'before' if by_s < 0 else 'after'}"
