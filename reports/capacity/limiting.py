"""Which resource gave way in a run that was too much for its target, from the run's record. (pure)

Asked in this order, because what comes later is often only the echo of what came before: limits that the target named
itself, waits for locks, the database's connections, the CPU of the machine where the target is the generator's
neighbour, the database's own CPU or disk, the API's share of its connections. What none of them shows is said as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from harness.core.target_guard import is_loopback
from harness.observe.tables import SECONDS, WAITS
from reports.database.stretch import Observation
from reports.frames import Frames
from reports.limits import LimitMet
from reports.text import percent, plural, seconds

LIMIT_SHARE = 0.002
"""Of all attempts: a limit of the platform that refused fewer explains no failed step."""
LIMIT_TIMES = 5
LOCKED = 0.3
"""Of the seconds, with somebody waiting for a lock of somebody else."""
CONNECTIONS = 0.95
BUSY = 0.9
"""Of the seconds, with every connection at work that ever was."""
FEWEST_BUSY = 2
"""Of one alone nobody can tell whether it is all that there are."""
MACHINE = 0.85
"""Of the machine's CPU time, mean of the measure phase."""
FEW_READINGS = 5

POOL_CODES = ("PGRST003", "53300", "PGRST000", "PGRST001")


@dataclass(frozen=True, slots=True)
class GaveWay:
    """What gave way, in words that complete "... gave way first", and the figure that says so."""

    resource: str
    evidence: str


NOT_KNOWN = "nothing that can be seen from outside"


def gave_way(frames: Frames, met: tuple[LimitMet, ...], observation: Observation) -> GaveWay:
    """Of a run that missed an objective."""
    seen = _Seen.of(frames, met, observation)
    for look in (_pool_refused, _platform, _locks, _connections, _machine, _database, _pool):
        if (found := look(seen)) is not None:
            return found
    return GaveWay(NOT_KNOWN, _unknown(seen))


@dataclass(frozen=True)
class _Seen:
    attempts: int
    met: tuple[LimitMet, ...]
    seconds: pd.DataFrame  # of the observer, in the measure phase
    waits: pd.DataFrame
    machine_share: float | None  # mean CPU of the generator's machine; None: the target is elsewhere

    @classmethod
    def of(cls, frames: Frames, met: tuple[LimitMet, ...], observation: Observation) -> _Seen:
        zero = frames.manifest.zero_epoch_s or 0.0
        start, end = frames.window
        window = ((zero + start) * 1e6, (zero + end) * 1e6)
        health = frames.health
        if len(health):
            health = health[(health["second"] >= start) & (health["second"] < end)]
        here = is_loopback(_host(frames.manifest.target_url))
        share = float(health["machine_share"].mean()) if here and len(health) else float("nan")
        return cls(
            attempts=int(frames.counts.loc[frames.counts["view"] == "server", "count"].sum()),
            met=met,
            seconds=_within(observation.frame(SECONDS), window),
            waits=_within(observation.frame(WAITS), window),
            machine_share=None if pd.isna(share) else share,
        )


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rsplit(":", 1)[0].strip("[]")


def _within(frame: pd.DataFrame, window: tuple[float, float]) -> pd.DataFrame:
    return frame[(frame["at_us"] >= window[0]) & (frame["at_us"] <= window[1])] if len(frame) else frame


def _refused(seen: _Seen, wanted: Callable[[str], bool]) -> GaveWay | None:
    for one in seen.met:
        if wanted(one.code) and one.times >= max(LIMIT_TIMES, LIMIT_SHARE * seen.attempts):
            return GaveWay(one.meaning, one.text)
    return None


def _pool_refused(seen: _Seen) -> GaveWay | None:
    found = _refused(seen, lambda code: code in POOL_CODES)
    return None if found is None else GaveWay("the API's pool of database connections", found.evidence)


def _platform(seen: _Seen) -> GaveWay | None:
    return _refused(seen, lambda code: code not in POOL_CODES)


def _locks(seen: _Seen) -> GaveWay | None:
    rows = seen.seconds
    if len(rows) < FEW_READINGS:
        return None
    share = float((rows["lock_waits"] > 0).mean())
    if share < LOCKED:
        return None
    named = ""
    if len(seen.waits):
        waits = seen.waits
        relation = str(waits["relation"].mode().iloc[0]) or "an advisory or transaction lock"
        named = f", most of them for {relation}, the longest {seconds(float(waits['waited_s'].max()))}"
    text = f"somebody waited for a lock in {percent(share, 0)} of the seconds, {rows['lock_waits'].mean():.1f} at once"
    return GaveWay("locks in the database", text + named)


def _connections(seen: _Seen) -> GaveWay | None:
    rows = seen.seconds
    if len(rows) < FEW_READINGS:
        return None
    most, limit = int(rows["connections"].max()), int(rows["connection_limit"].max())
    if not limit or most < CONNECTIONS * limit:
        return None
    return GaveWay("the database's connections", f"{most:,} of {limit:,} were open")


def _machine(seen: _Seen) -> GaveWay | None:
    share = seen.machine_share
    if share is None or share < MACHINE:
        return None
    return GaveWay("the CPU of this machine, where the target runs too", f"{percent(share, 0)} of it was in use")


def _pool(seen: _Seen) -> GaveWay | None:
    """As many at work as ever are, nearly always: whoever comes then waits in front of the database, where nobody
    sees it from inside."""
    rows = seen.seconds
    if len(rows) < FEW_READINGS:
        return None
    busy = rows["active"] + rows["idle_in_transaction"]
    most = int(busy.max())
    share = float((busy >= most).mean()) if most else 0.0
    if most < FEWEST_BUSY or share < BUSY:
        return None
    text = f"{plural(most, 'connection')} were at work in {percent(share, 0)} of the seconds, and never one more"
    return GaveWay("the API's pool of database connections", text)


def _database(seen: _Seen) -> GaveWay | None:
    rows = seen.seconds
    if len(rows) < FEW_READINGS:
        return None
    active = float(rows["active"].median())
    slow = float(rows["took_ms"].median())
    if active < 2 or slow < SLOW_ANSWER_MS:
        return None
    return GaveWay(
        "the database's CPU or disk",
        f"{active:.0f} statements were at work at once, and its own figures took {slow:.0f} ms to read",
    )


SLOW_ANSWER_MS = 100.0


def _unknown(seen: _Seen) -> str:
    parts = []
    if seen.machine_share is not None:
        parts.append(f"{percent(seen.machine_share, 0)} of this machine's CPU in use")
    rows = seen.seconds
    if len(rows):
        parts.append(f"{rows['active'].mean():.1f} statements at work in the database at once, no waits for locks")
    else:
        parts.append("the database was not observed: name keys.dsn_env in the target file")
    return "; ".join(parts) + "; what queues in front of it (functions, gateway) shows in its own dashboard"


__all__ = ["NOT_KNOWN", "GaveWay", "gave_way"]
