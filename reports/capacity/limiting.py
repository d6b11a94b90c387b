"""Which resource gave way in a run that was too much for its target, from the run's record. (pure)

Asked in this order, because what comes later is often only the echo of what came before: limits of the platform that
the target named itself; locks that most of all connections at work wait for (whoever then finds no connection waits for
the lock, too); the pool and time limits that it named; waits for locks; the database's connections; Realtime dropping
changes; the CPU of the machine, or of the target's process, where the target is the generator's neighbour; the
database's own CPU or disk; the API's share of its connections; the CPU of the machine where other programs had most of
it. What none of them shows is said as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from harness.core.delivery_facts import DeliveryFate
from harness.core.target_guard import is_loopback
from harness.observe.tables import SECONDS, WAITS
from harness.record.manifest import Neighbours
from reports.database.stretch import Observation
from reports.frames import SAMPLED, Frames
from reports.limits import LimitMet
from reports.text import percent, plural, seconds

LIMIT_SHARE = 0.002
"""Of all attempts: a limit of the platform that refused fewer explains no failed step."""
LIMIT_TIMES = 5
QUEUED = 0.5
"""Of the connections at work, waiting for a lock: then it is the lock that uses them up."""
LOCKED = 0.3
"""Of the seconds, with somebody waiting for a lock of somebody else."""
CONNECTIONS = 0.95
BUSY = 0.9
"""Of the seconds, with every connection at work that ever was."""
FEWEST_BUSY = 2
"""Of one alone nobody can tell whether it is all that there are."""
ONE_CORE = 0.9
"""Of a core, by the process at the target's port: a server in one process has no more."""
SILENT = 0.1
"""Of all deliveries to phones whose channel was up the whole time: lost without a word."""
FEW_DELIVERIES = 20
MACHINE = 0.85
"""Of the machine's CPU time, mean of the measure phase."""
FEW_READINGS = 5

POOL_CODES = ("PGRST003", "53300", "PGRST000", "PGRST001")
ECHOES = (*POOL_CODES, "57014", "IDLE_TIMEOUT")
"""What a target also says while everything waits for a lock."""


@dataclass(frozen=True, slots=True)
class GaveWay:
    """What gave way, in words that complete "... gave way first", and the figure that says so."""

    resource: str
    evidence: str


NOT_KNOWN = "nothing that can be seen from outside"


def gave_way(frames: Frames, met: tuple[LimitMet, ...], observation: Observation) -> GaveWay:
    """Of a run that missed an objective."""
    seen = _Seen.of(frames, met, observation)
    looks = (
        _platform,
        _lock_queue,
        _pool_refused,
        _timeouts,
        _locks,
        _connections,
        _silence,
        _machine,
        _one_core,
        _database,
        _pool,
        _crowded,
    )
    for look in looks:
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
    others: float  # of the machine's CPU, what programs had that are not of the run, as far as that is known
    target_cores: float | None  # of the process at the target's port; None likewise
    deliveries: int  # by Realtime, that somebody was promised
    lost: int  # of them, with the channel up

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
            others=_others(frames.manifest.neighbours),
            target_cores=frames.manifest.target_cores if here else None,
            deliveries=sum(one.fate in PROMISED for one in frames.deliveries),
            lost=sum(one.fate is DeliveryFate.LOST for one in frames.deliveries),
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
    return _refused(seen, lambda code: code not in ECHOES)


def _timeouts(seen: _Seen) -> GaveWay | None:
    return _refused(seen, lambda code: code in ECHOES and code not in POOL_CODES)


def _lock_queue(seen: _Seen) -> GaveWay | None:
    """Most of those at work only wait for a lock: what they hold meanwhile, others are refused."""
    rows = seen.seconds
    if len(rows) < FEW_READINGS:
        return None
    waiting, busy = float(rows["lock_waits"].sum()), float((rows["active"] + rows["idle_in_transaction"]).sum())
    return _locks(seen) if waiting >= QUEUED * max(busy, 1.0) else None


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


def _others(found: Neighbours | None) -> float:
    return 0.0 if found is None or not found.seconds else found.share * found.crowded / found.seconds


def _machine(seen: _Seen) -> GaveWay | None:
    """Used up by the target and the generator themselves."""
    share = seen.machine_share
    if share is None or share < MACHINE or seen.others > share / 2:
        return None
    return GaveWay("the CPU of this machine, where the target runs too", f"{percent(share, 0)} of it was in use")


def _crowded(seen: _Seen) -> GaveWay | None:
    """Asked last: a run that gets little of a full machine, and has another end, shows that one first."""
    share = seen.machine_share
    if share is None or share < MACHINE:
        return None
    return GaveWay(
        "the CPU of this machine, most of which other programs had",
        f"{percent(share, 0)} of it was in use, {percent(seen.others, 0)} by other programs",
    )


def _one_core(seen: _Seen) -> GaveWay | None:
    cores = seen.target_cores
    if cores is None or cores < ONE_CORE:
        return None
    return GaveWay("the CPU of the target's process, which works on one core", f"it had {cores:.2f} of a core")


def _silence(seen: _Seen) -> GaveWay | None:
    """Over its limit of messages, and behind with its change feed, Realtime drops database changes and says nothing."""
    if seen.deliveries < FEW_DELIVERIES or seen.lost < SILENT * seen.deliveries:
        return None
    text = (
        f"{seen.lost:,} of {plural(seen.deliveries, 'delivery', 'deliveries')} never came although the channel was up"
    )
    return GaveWay("Realtime's limit on messages per second, or its change feed", text)


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
PROMISED = frozenset(SAMPLED)
"""Fates of a message that somebody was promised."""


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
