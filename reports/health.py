"""May this run be believed? The generator judged before the target. (pure)

Levels: `valid`; `suspect` (reported, does not change the verdict); `invalid` (a veto: the run is inconclusive and can
never pass). Bounds, with their source in DESIGN decision 5:

- loop lag p99, measure phase, all workers: valid under 5 ms, suspect above, invalid above 20 ms. What less lag does to
  a single answer is judged with that answer (`reports.disturbance`).
- CPU of the busiest worker process, median over the measure phase: valid up to 50 % of a core, invalid above 80 %.
- starts: at least 99 % of the sessions planned in the measure phase must have started, or have found every phone busy.
  Busy phones are the target being slow (or the profile having too few phones), not the generator.
- lateness: at most 1 % of those sessions may have started late because of the generator.
- the target's limits, which the generator keeps: at most 1 % of the requests had to wait (`reports.held_back`).
- own faults: no session broke off by a fault of the harness itself.
- counters: what the workers say they sent is what the master wrote down and what stands in the tables.
- roster: every worker reports until the end, with no silence over 5 s (`reports.roster`).
- the machine: steal, quota, collections, descriptors, ports; none of them is a veto (`reports.resources`).
- other programs on the machine, where the target is the run's own sandbox there (`reports.neighbours`); no veto either.
"""

from __future__ import annotations

import pandas as pd

from harness.core.tables import Phase, View
from reports import held_back, neighbours, resources, roster
from reports.frames import Frames, recorded_in
from reports.health_row import HealthRow, Level
from reports.ranks import value_at_share
from reports.samples import own_values, part
from reports.text import count, ms, percent, plural

LAG_VALID_MS, LAG_INVALID_MS = 5.0, 20.0
CPU_VALID, CPU_INVALID = 0.5, 0.8
MIN_STARTED, MAX_LATE = 0.99, 0.01


def judge(frames: Frames) -> tuple[HealthRow, ...]:
    return (
        _record(frames),
        *_parts(frames),
        _lag(frames),
        _cpu(frames),
        *_starts(frames),
        *held_back.judge(frames),
        _faults(frames),
        _counters(frames),
        _roster(frames),
        *resources.judge(_health_in_window(frames)),
        *neighbours.judge(frames.manifest),
    )


def not_checked(frames: Frames) -> tuple[str, ...]:
    """What the record does not tell of the generator, in lines."""
    return resources.not_checked(_health_in_window(frames))


def _record(frames: Frames) -> HealthRow:
    status = frames.manifest.status
    bound = "closed by the run itself"
    if frames.complete or status == "aborted":
        return HealthRow(check="record", level="valid", value=status, bound=bound)
    if frames.manifest.parts is not None and status == "running":
        return HealthRow(
            check="record",
            level="invalid",
            value="not complete",
            bound=bound,
            reason="the harness was ended while it read what the target stored, so nothing is known of the data",
            remedy="read it with `harness check RUN --target FILE` (or --url), then judge it again",
        )
    return HealthRow(
        check="record",
        level="invalid",
        value="incomplete",
        bound=bound,
        reason="the run died before it closed its record; what it had written until then is shown",
        remedy="look at the run's log for the cause (killed, out of memory, disk full), then run again",
    )


def _parts(frames: Frames) -> tuple[HealthRow, ...]:
    """A row for each part of the record that is not what was written; of the data check's, the verdict speaks."""
    return tuple(
        HealthRow(
            check="record",
            level="invalid",
            value=f"{fault.part} {fault.what}",
            bound="every part as it was written",
            reason="what it held cannot be judged",
            remedy="restore the run directory from where it was copied, or run again",
        )
        for fault in frames.faults
        if not fault.of_data
    )


def _lag(frames: Frames) -> HealthRow:
    rows = frames.generator
    rows = part(rows, (rows["view"] == View.LAG) & (rows["phase"] == Phase.MEASURE))
    bound = f"p99 under {ms(LAG_VALID_MS)}; veto above {ms(LAG_INVALID_MS)}"
    if rows.empty:
        return HealthRow(
            check="loop lag",
            level="invalid",
            value="not recorded",
            bound=bound,
            reason="the generator's own delay was not recorded in the measure phase, so no latency can be believed",
            remedy="let it run into its measure phase"
            if frames.manifest.status == "aborted"
            else "run again; a worker that records samples but no lag is a defect of the harness",
        )
    lag = value_at_share(own_values(rows), 0.99) / 1000.0
    level: Level = "valid" if lag < LAG_VALID_MS else "invalid" if lag > LAG_INVALID_MS else "suspect"
    return HealthRow(
        check="loop lag",
        level=level,
        value=f"p99 {ms(round(lag, 1))}",
        bound=bound,
        reason="" if level == "valid" else "the generator woke late, and what it measured includes that delay",
        remedy="" if level == "valid" else "use more worker processes or cores, or move the sandbox to another machine",
    )


def _cpu(frames: Frames) -> HealthRow:
    bound = f"median up to {percent(CPU_VALID)} of a core; veto above {percent(CPU_INVALID)}"
    rows = _health_in_window(frames)
    if rows.empty:
        return HealthRow(
            check="worker CPU",
            level="suspect",
            value="not recorded",
            bound=bound,
            reason="no worker recorded its CPU in the measure phase",
            remedy="the loop lag above still tells whether the generator kept up",
        )
    medians = rows.groupby("worker")["cpu_share"].median()
    worst = float(medians.max())
    level: Level = "valid" if worst <= CPU_VALID else "invalid" if worst > CPU_INVALID else "suspect"
    return HealthRow(
        check="worker CPU",
        level=level,
        value=f"{percent(worst, 0)} of a core (worker {medians.idxmax()})",
        bound=bound,
        reason="" if level == "valid" else "a worker this busy queues its own work and measures the queue",
        remedy="" if level == "valid" else "spread the load over more worker processes",
    )


def _starts(frames: Frames) -> tuple[HealthRow, HealthRow]:
    start, end = frames.window
    arrivals = frames.arrivals
    planned = arrivals[(arrivals["planned_us"] >= start * 1e6) & (arrivals["planned_us"] < end * 1e6)]
    unrecorded = 0
    if frames.complete:
        unrecorded = max(0, frames.manifest.planned_sessions - len(arrivals))
    due = len(planned) + unrecorded
    missing = planned[planned["started_us"].isna()]
    busy = int((missing["late_cause"] == "phone_busy").sum())
    unreached = int((missing["late_cause"] == "run_ended").sum()) if frames.manifest.status == "aborted" else 0
    due -= unreached
    lost = len(missing) - busy - unreached + unrecorded
    late = int((planned["late_cause"] == "generator").sum())
    return _started_row(due, lost, busy), _late_row(len(planned), late)


def _started_row(due: int, lost: int, busy: int) -> HealthRow:
    share = 1.0 - lost / due if due else 1.0
    invalid = share < MIN_STARTED
    beside = f"; {count(busy)} found every phone busy" if busy else ""
    return HealthRow(
        check="planned starts",
        level="invalid" if invalid else "valid",
        value=f"{count(lost)} of {count(due)} lost by the generator{beside}" if due else "none planned",
        bound=f"at most {percent(1 - MIN_STARTED)} lost by the generator",
        reason="the target saw less load than planned, and not because it was slow" if invalid else "",
        remedy="use more worker processes; see the worker roster and the log for workers that died" if invalid else "",
    )


def _late_row(planned: int, late: int) -> HealthRow:
    invalid = late > MAX_LATE * planned
    return HealthRow(
        check="start lateness",
        level="invalid" if invalid else "valid",
        value=f"{count(late)} of {plural(planned, 'session')} late by the generator",
        bound=f"at most {percent(MAX_LATE)}",
        reason="sessions began late although a phone was free: the arrivals were not the planned ones"
        if invalid
        else "",
        remedy="use more worker processes or a quieter machine" if invalid else "",
    )


def _faults(frames: Frames) -> HealthRow:
    failed = int((frames.arrivals["end"] == "failed").sum())
    return HealthRow(
        check="own faults",
        level="invalid" if failed else "valid",
        value=f"{plural(failed, 'session')} broke off by a fault of the harness",
        bound="none",
        reason="what those people would have done was not done" if failed else "",
        remedy="the tracebacks are in the run's locust.log; please report them" if failed else "",
    )


def _counters(frames: Frames) -> HealthRow:
    said, stored = frames.manifest.recorded_attempts, recorded_in(frames, View.SERVER)
    bound = "the workers' counters and the tables agree"
    if said is None:
        return HealthRow(
            check="counters",
            level="suspect",
            value=f"{count(stored)} in the tables",
            bound=bound,
            reason="the workers did not report how many attempts they recorded",
            remedy="nothing to do when the run died or was aborted; otherwise a defect of the harness",
        )
    return _row("counters", bound, roster.channel(frames))


def _roster(frames: Frames) -> HealthRow:
    return _row("worker roster", "every worker reports until the end", roster.workers(frames))


def _row(check: str, bound: str, answer: roster.RosterAnswer) -> HealthRow:
    level: Level = "invalid" if answer.reason else "valid"
    return HealthRow(
        check=check, level=level, value=answer.value, bound=bound, reason=answer.reason, remedy=answer.remedy
    )


def _health_in_window(frames: Frames) -> pd.DataFrame:
    start, end = frames.window
    return part(frames.health, (frames.health["second"] >= start) & (frames.health["second"] < end))
