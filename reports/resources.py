"""What the generator's machine gave it during the measure phase, from the columns of `health.parquet`. (pure)

These rows inform, or make the generator suspect; none is a veto, because what a shortage did to a measurement shows in
loop lag and lateness, which are (`reports.health`). Bounds (docs/numbers.md):

- descriptors: a fifth of the limit stays free for phones that load a page just then;
- garbage collection: no pause longer than the loop lag that is a veto.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.health_row import HealthRow
from reports.samples import part
from reports.text import count, ms, percent, plural, size

DESCRIPTORS_USED = 0.8
GC_PAUSE_MS = 20.0
INFORMS = "informs only"


@dataclass(frozen=True, slots=True)
class _Resource:
    """One row, and what it is called where its columns were not recorded."""

    check: str
    of: str  # in the line of what was not recorded
    columns: Sequence[str]
    row: Callable[[str, pd.DataFrame], HealthRow]


def judge(rows: pd.DataFrame) -> tuple[HealthRow, ...]:
    """A row for each resource that was recorded. `rows`: the health table, of the measure phase."""
    recorded = ((one, _recorded(rows, one)) for one in _RESOURCES)
    return tuple(one.row(one.check, found) for one, found in recorded if not found.empty)


def not_checked(rows: pd.DataFrame) -> tuple[str, ...]:
    """What was not recorded in any second of the measure phase, in one line; empty when everything was."""
    missing = [one.of for one in _RESOURCES if _recorded(rows, one).empty]
    if not missing:
        return ()
    return (f"Of the generator's machine, not recorded in the measure phase: {', '.join(missing)}.",)


def _recorded(rows: pd.DataFrame, resource: _Resource) -> pd.DataFrame:
    return part(rows, rows[list(resource.columns)].notna().all(axis=1))


def _share(column: str, of: str) -> Callable[[str, pd.DataFrame], HealthRow]:
    """Mean and worst second of a share; where workers differ, of the worker with the highest mean."""

    def row(check: str, rows: pd.DataFrame) -> HealthRow:
        mean = rows.groupby("worker")[column].mean()
        means = dict(zip(mean.index.to_numpy().tolist(), mean.to_numpy().tolist(), strict=True))
        worker: int = max(means, key=lambda number: means[number])
        worst = float(rows[rows["worker"] == worker][column].max())
        said = f"mean {percent(means[worker], 1)} of {of}, worst second {percent(worst, 1)}"
        return HealthRow(check=check, level="valid", value=said + _whose(worker, rows), bound=INFORMS)

    return row


def _throttling(check: str, rows: pd.DataFrame) -> HealthRow:
    held = rows[rows["throttled_share"] > 0]
    value = "never held back by a CPU quota"
    if len(held):
        seconds = held["second"].nunique()
        worst = percent(float(held["throttled_share"].max()), 1)
        value = f"held back by a CPU quota in {plural(seconds, 'second')}, for {worst} of the worst one"
    return HealthRow(check=check, level="valid", value=value, bound=INFORMS)


def _collections(check: str, rows: pd.DataFrame) -> HealthRow:
    longest = _worst(rows, rows["gc_max_us"])
    pause = longest["gc_max_us"] / 1000.0
    share = float(rows.groupby("worker")["gc_us"].mean().max()) / 1e6
    said = f"longest pause {ms(round(pause, 1))}, {percent(share)} of the time" + _whose(longest["worker"], rows)
    suspect = pause > GC_PAUSE_MS
    return HealthRow(
        check=check,
        level="suspect" if suspect else "valid",
        value=said,
        bound=f"no pause over {ms(GC_PAUSE_MS)}",
        reason="for so long the worker read no answer and started no session" if suspect else "",
        remedy="use more worker processes, each of which then holds fewer phones" if suspect else "",
    )


def _descriptors(check: str, rows: pd.DataFrame) -> HealthRow:
    worst = _worst(rows, rows["descriptors"] / rows["descriptor_limit"])
    used, limit = round(worst["descriptors"]), round(worst["descriptor_limit"])
    suspect = used > DESCRIPTORS_USED * limit
    return HealthRow(
        check=check,
        level="suspect" if suspect else "valid",
        value=f"{count(used)} of {count(limit)} at most" + _whose(worst["worker"], rows),
        bound=f"at most {percent(DESCRIPTORS_USED)} of the limit",
        reason="phones that load a page may find no descriptor free, and their requests fail here" if suspect else "",
        remedy="use more worker processes, or raise the hard limit (ulimit -Hn)" if suspect else "",
    )


def _ports(check: str, rows: pd.DataFrame) -> HealthRow:
    worst = _worst(rows, rows["ports"] / rows["port_limit"])
    value = f"{count(round(worst['ports']))} of {count(round(worst['port_limit']))} at most"
    return HealthRow(check=check, level="valid", value=value, bound=INFORMS)


def _largest(column: str, what: str) -> Callable[[str, pd.DataFrame], HealthRow]:
    def row(check: str, rows: pd.DataFrame) -> HealthRow:
        worst = _worst(rows, rows[column])
        most = round(worst[column])
        told = size(most) if most >= 2**20 else plural(most, "byte")
        return HealthRow(
            check=check, level="valid", value=f"{told} {what}{_whose(worst['worker'], rows)}", bound=INFORMS
        )

    return row


def _worst(rows: pd.DataFrame, by: pd.Series[float]) -> dict[str, float]:
    """The row with the largest figure."""
    place = int(by.to_numpy().argmax())
    return {str(column): rows[column].to_numpy()[place] for column in rows.columns}


def _whose(worker: float, rows: pd.DataFrame) -> str:
    return f" (worker {worker:.0f})" if rows["worker"].nunique() > 1 else ""


_RESOURCES = (
    _Resource("CPU steal", "CPU steal", ["steal_share"], _share("steal_share", "the machine's CPU time")),
    _Resource("machine CPU", "CPU in use", ["machine_share"], _share("machine_share", "the machine's CPU time")),
    _Resource("waiting for a core", "waiting for a core", ["wait_share"], _share("wait_share", "the time")),
    _Resource("CPU quota", "CPU quota", ["throttled_share"], _throttling),
    _Resource("garbage collection", "garbage collection", ["gc_us", "gc_max_us"], _collections),
    _Resource("descriptors", "descriptors against their limit", ["descriptors", "descriptor_limit"], _descriptors),
    _Resource("local ports", "local ports against their range", ["ports", "port_limit"], _ports),
    _Resource("send backlog", "send backlog", ["backlog_bytes"], _largest("backlog_bytes", "unsent at most")),
    _Resource("memory", "memory", ["rss_bytes"], _largest("rss_bytes", "at most")),
)
