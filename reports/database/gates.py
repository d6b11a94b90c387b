"""The manual's limits for the database, each with a figure of this run (manual, 4.3, 4.4, 9.2). (pure)

Where the SLO file has `[database]`, what is beyond a limit that it names is a miss (exit 10), and a limit that could
not be asked is a doubt. The others are told beside the manual's defaults, and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from harness.core.slo import DatabaseLimits
from reports.database.model import LARGE_ROWS, ClientsRow, GateRow, GateStatus, shortened, subject_of
from reports.database.stretch import Record, Stretch, name_of, records
from reports.text import count, percent, plural, seconds

BLOCK = 8192
DEFAULTS = DatabaseLimits(
    connection_share=0.8,
    lock_wait_s=1.0,
    deadlocks=0,
    temp_bytes_per_s=1_000_000,
    dead_share=0.2,
    sequential_rows=LARGE_ROWS,
    miss_share=0.05,
    list_changes_share=0.2,
    event_ratio=2.0,
    statement_ratio=1.5,
    plan_changes=0,
)
"""What the manual calls healthy, with figures where it gives none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """value None: this run cannot say."""

    value: float | None
    text: str
    evidence: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class _Gate:
    key: str  # in [database]
    name: str
    manual: str
    seen: Callable[[Stretch], Seen] | None  # None: told by whoever judges
    shown: Callable[[float], str]
    remedy: str


def judge(
    stretch: Stretch | None, limits: DatabaseLimits | None, told: Mapping[str, Seen] | None = None
) -> tuple[GateRow, ...]:
    """A row for each limit. `told`: what takes more than the stretch, by key."""
    return tuple(_row(gate, stretch, limits, told or {}) for gate in _GATES)


def _row(gate: _Gate, stretch: Stretch | None, limits: DatabaseLimits | None, told: Mapping[str, Seen]) -> GateRow:
    asked = getattr(limits, gate.key) if limits is not None else None
    limit = float(asked if asked is not None else getattr(DEFAULTS, gate.key))
    if stretch is None:
        seen = Seen(None, "nothing was observed")
    else:
        seen = (
            gate.seen(stretch) if gate.seen is not None else told.get(gate.key, Seen(None, "nothing to compare with"))
        )
    status: GateStatus
    if seen.value is None:
        status = "not asked"
    elif seen.value <= limit:
        status = "held"
    else:
        status = "told" if asked is None else "over"
    bad = status in ("over", "told")
    return GateRow(
        id=gate.key,
        name=gate.name,
        status=status,
        value_text=seen.text,
        limit_text=gate.shown(limit),
        evidence=seen.evidence if bad else "",
        subject=seen.subject if bad else "",
        asked=asked is not None,
        comparative=gate.seen is None,
        remedy=gate.remedy if bad else "",
        manual=gate.manual,
    )


def _connections(stretch: Stretch) -> Seen:
    rows = stretch.seconds
    if not len(rows):
        return Seen(None, "not counted")
    most, limit = int(rows["connections"].max()), int(rows["connection_limit"].max())
    evidence, subject = "", ""
    if len(stretch.clients) and (held := clients(stretch)):
        first = held[0]
        subject = first.application or first.role
        evidence = ", ".join(
            f"{count(one.connections)} {one.state or 'without a state'} of {one.application or 'an unnamed program'} "
            f"as {one.role}"
            for one in held[:3]
        )
    return Seen(most / limit if limit else None, f"{count(most)} of {count(limit)} at most", evidence, subject)


def clients(stretch: Stretch) -> tuple[ClientsRow, ...]:
    """Whose the connections were at the reading with the most of them, the most first."""
    rows = stretch.clients
    if not len(rows):
        return ()
    by_instant = rows.groupby("at_us")["connections"].sum()
    chosen = rows[rows["at_us"] == by_instant.idxmax()]
    found = [
        ClientsRow(
            application=str(row["application"]),
            role=str(row["role"]),
            state=str(row["state"]),
            connections=int(row["connections"]),
            longest_s=round(float(row["longest_s"]), 1),
        )
        for row in records(chosen)
    ]
    return tuple(sorted(found, key=lambda one: -one.connections))


def _lock_waits(stretch: Stretch) -> Seen:
    if not len(stretch.seconds):
        return Seen(None, "not counted")
    waits = records(stretch.waits)
    if not waits:
        return Seen(0.0, "nobody was seen waiting")
    worst = max(waits, key=lambda row: float(row["waited_s"]))
    where = f" on {worst['relation']}" if worst["relation"] else ""
    holder = shortened(str(worst["blocking"])) or "a transaction that said nothing yet"
    state = f", {worst['blocker_state']}" if worst["blocker_state"] else ""
    evidence = f"`{shortened(str(worst['waiting']))}` waited{where} for `{holder}`{state}"
    subject = str(worst["relation"]) or subject_of(str(worst["waiting"]))
    return Seen(float(worst["waited_s"]), f"longest wait {seconds(float(worst['waited_s']))}", evidence, subject)


def _grown(rows: pd.DataFrame, column: str) -> float | None:
    """By how much a counter of the whole database grew; None: it went back or was not counted."""
    values = rows[column].dropna() if len(rows) else pd.Series(dtype=float)
    if len(values) < 2:
        return None
    grown = float(values.iloc[-1]) - float(values.iloc[0])
    return grown if grown >= 0 else None


def _deadlocks(stretch: Stretch) -> Seen:
    grown = _grown(stretch.seconds, "deadlocks")
    return Seen(grown, "not counted" if grown is None else plural(int(grown), "deadlock"))


def _temp(stretch: Stretch) -> Seen:
    grown = _grown(stretch.seconds, "temp_bytes")
    if grown is None or stretch.length_s <= 0:
        return Seen(None, "not counted")
    rate = grown / stretch.length_s
    evidence, subject = "", ""
    if statements := records(stretch.statements):
        worst = max(statements, key=lambda row: int(row["temp_written"]))
        if worst["temp_written"]:
            subject = subject_of(str(worst["text"]))
            evidence = f"`{shortened(str(worst['text']))}` wrote {count(int(worst['temp_written']))} temporary blocks"
    return Seen(rate, f"{rate / 1e6:,.2f} MB/s", evidence, subject)


def _dead(stretch: Stretch) -> Seen:
    shares = {
        name_of(row): float(row["dead_rows"] / (row["live_rows"] + row["dead_rows"]))
        for row in records(stretch.relations)
        if row["live_rows"] + row["dead_rows"] >= LARGE_ROWS
    }
    if not shares:
        return Seen(0.0, f"no table has {count(LARGE_ROWS)} rows")
    worst = max(shares, key=lambda name: shares[name])
    return Seen(shares[worst], f"{percent(shares[worst], 1)} at most", worst, worst)


def _sequential(stretch: Stretch) -> Seen:
    """Rows that sequential scans of a large table read at a time, where there is more than one a minute."""
    often = max(2.0, stretch.length_s / 60)
    hot = [
        row for row in records(stretch.relations) if row["sequential_scans"] >= often and row["live_rows"] >= LARGE_ROWS
    ]
    if not hot:
        return Seen(0.0, "no large table is read whole")
    worst = max(hot, key=_rows_a_scan)
    scans = plural(int(worst["sequential_scans"]), "sequential scan")
    name = name_of(worst)
    return Seen(_rows_a_scan(worst), f"{count(int(_rows_a_scan(worst)))} rows a scan", f"{name}, {scans}", name)


def _rows_a_scan(row: Record) -> float:
    return float(row["sequential_rows"] / row["sequential_scans"])


def _misses(stretch: Stretch) -> Seen:
    hit, read = _grown(stretch.seconds, "blocks_hit"), _grown(stretch.seconds, "blocks_read")
    if hit is None or read is None or hit + read == 0:
        return Seen(None, "not counted")
    return Seen(read / (hit + read), f"{percent(read / (hit + read))} read from outside shared buffers")


def _list_changes(stretch: Stretch) -> Seen:
    """As a share of the time of all statements; none where no such statement was seen."""
    rows = records(stretch.statements)
    chosen = [row for row in rows if "list_changes" in row["text"]]
    total = sum(float(row["total_ms"]) for row in rows)
    if not total or not chosen:
        return Seen(None, "no such statement was seen")
    share = sum(float(row["total_ms"]) for row in chosen) / total
    evidence = shortened(str(chosen[0]["text"]))
    return Seen(share, f"{percent(share, 1)} of the statements' time", evidence, "list_changes")


def _share(value: float) -> str:
    return percent(value, 1)


_GATES = (
    _Gate(
        "connection_share",
        "connections",
        "9.2",
        _connections,
        lambda limit: f"{percent(limit, 0)} of the limit",
        "pool connections, or find who keeps them (pg_stat_activity by application_name)",
    ),
    _Gate(
        "lock_wait_s",
        "lock waits",
        "9.1",
        _lock_waits,
        seconds,
        "end or shorten the transaction that holds the lock; do not leave transactions idle",
    ),
    _Gate(
        "deadlocks",
        "deadlocks",
        "9.1",
        _deadlocks,
        lambda limit: plural(int(limit), "deadlock"),
        "take locks in one order everywhere",
    ),
    _Gate(
        "temp_bytes_per_s",
        "temporary files",
        "4.4",
        _temp,
        lambda limit: f"{limit / 1e6:g} MB/s",
        "an index that gives the order, fewer rows before the sort, or more work_mem for that role",
    ),
    _Gate(
        "dead_share",
        "dead rows",
        "4.3",
        _dead,
        _share,
        "vacuum it, and let autovacuum come sooner: autovacuum_vacuum_scale_factor of that table",
    ),
    _Gate(
        "sequential_rows",
        "sequential scans of large tables",
        "4.4",
        _sequential,
        lambda limit: f"{count(int(limit))} rows a scan",
        "EXPLAIN (ANALYZE, BUFFERS) the statements on it, and align an index with their filter and order",
    ),
    _Gate(
        "miss_share",
        "buffer misses",
        "4.4",
        _misses,
        _share,
        "more memory for shared_buffers, or less to read: the statements with the most blocks are listed",
    ),
    _Gate(
        "list_changes_share",
        "list_changes",
        "9.2",
        _list_changes,
        _share,
        "fewer Postgres Changes subscriptions; Broadcast for what is not state (manual, 6)",
    ),
    _Gate(
        "event_ratio",
        "event writes against the plan",
        "9.2",
        None,
        lambda limit: f"{limit:g} times the plan's",
        "look whether clients still collect events, and whether the keys that refuse doubles hold",
    ),
    _Gate(
        "statement_ratio",
        "statements slower than the baseline's",
        "4.4",
        None,
        lambda limit: f"{limit:g} times the baseline's",
        "compare its plan and its rows with the baseline's",
    ),
    _Gate(
        "plan_changes",
        "changed plans",
        "4.4",
        None,
        lambda limit: plural(int(limit), "changed plan"),
        "ANALYZE the tables that it reads, and look for an index or a setting that changed",
    ),
)
