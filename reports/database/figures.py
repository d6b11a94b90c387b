"""The database over the measure phase, from what was observed and from the run's own counts. (pure)"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.core.slo import DatabaseLimits
from harness.core.tables import Phase
from harness.observe.questions import OURS
from harness.observe.server import STANDS, meaning
from harness.observe.tables import SECONDS, SERVER
from harness.record.manifest import Manifest
from reports.database import before, gates, plans
from reports.database.before import Earlier
from reports.database.endpoints import costs
from reports.database.model import DatabaseView, RelationRow, ServerRow, StatementRow, WaitRow
from reports.database.stretch import Observation, Record, Stretch, cut, name_of, records
from reports.frames import Frames

_PAIR = ("relation", "mode", "waiting", "blocking", "blocker_state")
SHOWN_STATEMENTS, SHOWN_ENDPOINTS, SHOWN_RELATIONS, SHOWN_WAITS = 12, 12, 10, 10


def view(
    frames: Frames,
    observation: Observation,
    limits: DatabaseLimits | None = None,
    planned: Mapping[str, float] | None = None,
    planned_events: float | None = None,
    earlier: Sequence[Earlier] = (),
) -> DatabaseView | None:
    """None where nobody observed the database and nobody asked for it.

    :param planned: calls a second at the planned peak, by endpoint.
    :param planned_events: rows of swipe events a session of the plan.
    :param earlier: the database in each run of the baseline.
    """
    manifest = frames.manifest
    told = manifest.observed
    if told is None:
        if limits is None:
            return None
        return DatabaseView(
            problem="the target has no connection string, or --no-observe was given", gates=gates.judge(None, limits)
        )
    stretch = _measured(manifest, observation)
    if stretch is None:
        why = told.problem or "the run has no measure phase between two readings"
        return DatabaseView(problem=why, missing=told.missing, gates=gates.judge(None, limits))
    total = float(stretch.statements["total_ms"].sum()) if len(stretch.statements) else None
    statements = _statements(stretch, total or 0.0)
    endpoints, unmatched = costs(manifest, observation, frames, planned or {})
    cores = [one.cores for one in endpoints if one.cores is not None]
    sessions = _begun(frames)
    counters: dict[str, Any] = {
        name: _counter(stretch, name) for name in ("temp_bytes", "wal_bytes", "commits", "rollbacks", "deadlocks")
    }
    seconds = stretch.seconds
    hit, read = _counter(stretch, "blocks_hit"), _counter(stretch, "blocks_read")
    found = plans.rows(plans.explained(observation), stretch, [one.plans for one in earlier])
    statements = before.beside(statements, earlier)
    compared = {
        "event_ratio": before.events(stretch, sessions, planned_events),
        "statement_ratio": before.slower(statements, earlier),
        "plan_changes": before.changes(found, earlier),
    }
    return DatabaseView(
        problem=told.problem,
        missing=told.missing,
        cost_ms_per_s=_cost(manifest, observation),
        length_s=round(stretch.length_s, 1),
        busy_cores=None if total is None else total / 1000 / stretch.length_s,
        statement_ms=total,
        ms_per_session=total / sessions if total is not None and sessions else None,
        statements=statements,
        endpoints=endpoints[:SHOWN_ENDPOINTS],
        unmatched_share=unmatched,
        planned_cores=sum(cores) if cores else None,
        others_share=max(0.0, 1.0 - sum(row.share for row in statements)) if total else 0.0,
        relations=_relations(stretch),
        waits=_waits(stretch),
        server=_server(observation.frame(SERVER), stretch),
        connections=int(seconds["connections"].max()) if len(seconds) else None,
        connection_limit=int(seconds["connection_limit"].max()) if len(seconds) else None,
        hit_share=hit / (hit + read) if hit is not None and read is not None and hit + read else None,
        plans=found,
        clients=gates.clients(stretch),
        gates=gates.judge(stretch, limits, compared),
        notes=("statistics were reset while the run went on: what was counted before is missing",)
        if stretch.reset
        else (),
        **counters,
    )


def earlier_of(manifest: Manifest, observation: Observation) -> Earlier | None:
    """The database in a run of the baseline; None where nobody observed it."""
    stretch = _measured(manifest, observation)
    return None if stretch is None else Earlier(before.calls(stretch), tuple(plans.explained(observation)))


def _begun(frames: Frames) -> int:
    """Sessions that began in the measure phase."""
    start, end = frames.window
    begun = frames.arrivals["started_us"].dropna() / 1e6
    return int(((begun >= start) & (begun < end)).sum())


def _measured(manifest: Manifest, observation: Observation) -> Stretch | None:
    zero = manifest.zero_epoch_s
    windows = [window for window in manifest.windows if window.phase is Phase.MEASURE]
    if zero is None or not windows or observation.empty:
        return None
    return cut(observation, round((zero + windows[0].start_s) * 1e6), round((zero + windows[0].end_s) * 1e6))


def _cost(manifest: Manifest, observation: Observation) -> float | None:
    """Over the whole time of observing."""
    told = manifest.observed
    rows = observation.frame(SECONDS)
    if told is None or len(rows) < 2:
        return None
    length_s = (int(rows["at_us"].max()) - int(rows["at_us"].min())) / 1e6
    return told.took_s * 1000 / length_s if length_s > 0 else None


def _statements(stretch: Stretch, total: float) -> tuple[StatementRow, ...]:
    """The dearest, our own questions left out, each with all who sent it."""
    sent: defaultdict[int, list[Record]] = defaultdict(list)
    for row in records(stretch.statements):
        if row["calls"] > 0 and not OURS.search(row["text"]):
            sent[row["query_id"]].append(row)
    found = [_statement(rows, total) for rows in sent.values()] if total else []
    return tuple(sorted(found, key=lambda row: -row.total_ms)[:SHOWN_STATEMENTS])


def _statement(rows: list[Record], total: float) -> StatementRow:
    def of(name: str) -> float:
        return float(sum(row[name] for row in rows))

    blocks = of("shared_hit") + of("shared_read")
    return StatementRow(
        text=rows[0]["text"],
        roles=tuple(sorted({row["role"] for row in rows})),
        calls=int(of("calls")),
        total_ms=round(of("total_ms"), 1),
        mean_ms=round(of("total_ms") / of("calls"), 3),
        share=of("total_ms") / total,
        rows=int(of("rows")),
        hit_share=of("shared_hit") / blocks if blocks else None,
        temp_blocks=int(of("temp_written")),
        wal_bytes=int(of("wal_bytes")),
    )


def _relations(stretch: Stretch) -> tuple[RelationRow, ...]:
    rows = [row for row in records(stretch.relations) if _written(row) > 0]
    indexes = Counter(name_of(row) for row in records(stretch.indexes))
    found = []
    for row in sorted(rows, key=_written, reverse=True)[:SHOWN_RELATIONS]:
        live, dead, scans = int(row["live_rows"]), int(row["dead_rows"]), int(row["sequential_scans"])
        found.append(
            RelationRow(
                name=name_of(row),
                inserted=int(row["inserted"]),
                updated=int(row["updated"]),
                deleted=int(row["deleted"]),
                sequential_scans=scans,
                rows_a_scan=float(row["sequential_rows"]) / scans if scans else None,
                live_rows=live,
                dead_share=dead / (live + dead) if live + dead else 0.0,
                bytes=int(row["bytes"]),
                index_entries=indexes[name_of(row)] * int(row["inserted"] + row["updated"]),
            )
        )
    return tuple(found)


def _server(readings: pd.DataFrame, stretch: Stretch) -> tuple[ServerRow, ...]:
    """What grew, and what stands; what stayed at zero says nothing."""
    within = readings[readings["at_us"].between(stretch.start_us, stretch.end_us)] if len(readings) else readings
    found = []
    for name, values in within.groupby("name", sort=True)["value"] if len(within) else ():
        stands = str(name).split(" ")[0] in STANDS
        value = float(values.iloc[-1]) if stands else float(values.iloc[-1] - values.iloc[0])
        if value > 0:
            found.append(ServerRow(name=str(name), meaning=meaning(str(name)), value=round(value, 3)))
    return tuple(found)


def _written(row: Record) -> int:
    return int(row["inserted"] + row["updated"] + row["deleted"])


def _waits(stretch: Stretch) -> tuple[WaitRow, ...]:
    """The longest, each pair of statements once."""
    seen: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in records(stretch.waits):
        seen[tuple(str(row[name]) for name in _PAIR)].append(float(row["waited_s"]))
    found = [
        WaitRow(**dict(zip(_PAIR, pair, strict=True)), times=len(waited), longest_s=round(max(waited), 3))
        for pair, waited in seen.items()
    ]
    return tuple(sorted(found, key=lambda row: -row.longest_s)[:SHOWN_WAITS])


def _counter(stretch: Stretch, name: str) -> int | None:
    values = stretch.seconds[name].dropna() if len(stretch.seconds) else pd.Series(dtype=float)
    if len(values) < 2:
        return None
    grown = float(values.iloc[-1]) - float(values.iloc[0])
    return int(grown) if grown >= 0 else None
