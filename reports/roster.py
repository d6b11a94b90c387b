"""Did every worker make its part of the load until the end, and did all it measured arrive? (pure)

Reads the manifest's roster, which the master wrote (`harness.record.roster`), and beside it the health table: a worker
may report and yet have a loop that stands still. A run whose master died has no roster; the table answers alone then.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.tables import View
from harness.record.roster import LOST_S, WorkerRecord
from reports.frames import Frames, recorded_in
from reports.text import count, percent, plural

TELL_APART_S = 1.0
"""Machines that are set by NTP are closer."""


@dataclass(frozen=True)
class RosterAnswer:
    """What is so; and when it makes the run inconclusive, why, and what to do."""

    value: str
    reason: str = ""
    remedy: str = ""


def workers(frames: Frames) -> RosterAnswer:
    """Who was there until the end, and the share of the load that went with those who were not."""
    roster = frames.manifest.roster
    gone = {record.worker: _absence(record, ended=frames.manifest.status == "complete") for record in roster}
    troubles = {worker: what for worker, what in gone.items() if what}
    for worker, what in _silent_in_health(frames).items():
        troubles.setdefault(worker, what)
    expected = max(frames.manifest.workers, len(roster))
    unknown = 0 if roster else expected - frames.health["worker"].nunique()
    parts = [f"{what}{_share_lost(frames, worker)}" for worker, what in sorted(troubles.items())]
    parts += [f"{plural(unknown, 'worker')} never reported"] if unknown > 0 else []
    if not parts:
        return RosterAnswer("; ".join((f"{expected} of {plural(expected, 'worker')} to the end", *_clocks(frames))))
    there = f"{expected - len(troubles) - max(0, unknown)} of {plural(expected, 'worker')} to the end"
    return RosterAnswer(
        "; ".join((there, *parts, *_clocks(frames))),
        "part of the load was not made",
        "look for a killed worker (out of memory, signal) or a broken network, then run again; with --rebalance the "
        "others take over what a lost worker has not begun",
    )


def _clocks(frames: Frames) -> list[str]:
    """Machines whose time of day was far from the master's; phones on them went by the master's all the same."""
    return [
        f"worker {clock.worker}'s clock was {abs(clock.apart_us) / 1e6:,.0f} s "
        f"{'behind' if clock.apart_us > 0 else 'ahead'}, which was allowed for"
        for clock in frames.manifest.clocks
        if abs(clock.apart_us) / 1e6 > TELL_APART_S
    ]


def channel(frames: Frames) -> RosterAnswer:
    """What the workers say they sent, what the master wrote down, what the tables hold."""
    said, stored = frames.manifest.recorded_attempts, recorded_in(frames, View.SERVER)
    parts = []
    for record in frames.manifest.roster:
        short = record.sent.samples - record.received.samples
        if record.apart:
            parts.append(
                f"{record.name}: {plural(record.missing, 'report')} missing, {count(abs(short))} samples apart"
            )
    repeated = sum(record.repeated for record in frames.manifest.roster)
    again = f"; {plural(repeated, 'report')} came twice and counted once" if repeated else ""
    value = f"{count(stored)} in the tables" if said is None else f"{count(said)} sent, {count(stored)} in the tables"
    value += again + "".join(f"; {part}" for part in parts)
    if not parts and said in (None, stored):
        return RosterAnswer(value)
    apart = 0 if said is None else abs(said - stored)
    return RosterAnswer(
        value,
        f"{plural(apart, 'attempt')} went missing or was counted twice" if apart else "reports went missing",
        "look for a worker that died or lost its master, or a full disk, in the log; each worker's own files are named "
        "in the manifest's roster",
    )


def _absence(record: WorkerRecord, *, ended: bool) -> str:
    """How a worker failed to be there; empty when it did not. A run that `ended` by itself had every farewell."""
    if record.last_report_s is None:
        return f"{record.name} never reported"
    if record.lost_at_s is not None and not record.final:
        return f"{record.name} lost after {record.last_report_s:.1f} s"
    if record.longest_silence_s > LOST_S:
        return f"{record.name} silent for {record.longest_silence_s:.1f} s"
    if ended and not record.final:
        return f"{record.name} gone without a farewell after {record.last_report_s:.1f} s"
    return ""


def _silent_in_health(frames: Frames) -> dict[int, str]:
    """Workers whose loop last spoke well before the measure phase's end."""
    start, end = frames.window
    if end <= start:
        return {}
    last = frames.health.groupby("worker")["second"].max()
    return {
        int(str(worker)): f"worker {worker} silent after {int(second)} s"
        for worker, second in last.items()
        if second < end - LOST_S
    }


def _share_lost(frames: Frames, worker: int) -> str:
    """Sessions that went with a worker, in words."""
    planned = max(frames.manifest.planned_sessions, 1)
    own = frames.arrivals[frames.arrivals["worker"] == worker]
    unserved = int((own["late_cause"].eq("worker_lost") & own["started_us"].isna()).sum())
    broken = int((own["started_us"].notna() & own["ended_us"].isna()).sum())
    taken = sum(record.taken_over for record in frames.manifest.roster if record.worker == worker)
    if not unserved + broken + taken:
        return ""
    words = f": {percent((unserved + broken) / planned)} of the load lost ({count(unserved)} of {count(planned)} "
    words += f"sessions never begun, {count(broken)} broken off"
    return words + (f", {count(taken)} taken over by others)" if taken else ")")
