"""The plays: what opens each, and its steps. Add one here; nothing else has to know. (pure)

From the operational manual, chapter 11; where that is silent, from the chapters that it names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.client.api.endpoints import ENDPOINTS
from harness.core.operation_names import DELIVERY_NAMES
from reports.playbook import evidence as seen
from reports.playbook.evidence import Tell
from reports.playbook.openers import Kind, Opener

DECK = "POST functions/media-swipe-deck"
EVENTS = "POST functions/media-swipe-event"
DECKS = frozenset(name for name, endpoint in ENDPOINTS.items() if endpoint == DECK)
EVENT_WRITES = frozenset(name for name, endpoint in ENDPOINTS.items() if endpoint == EVENTS) | {"swipe_batch"}
OWN_PLAYS = (DECKS, EVENT_WRITES, DELIVERY_NAMES)


@dataclass(frozen=True, slots=True)
class Row:
    """One step: what to do, what tells of it, and where the manual says so."""

    action: str
    tell: Tell
    manual: str = "11"


@dataclass(frozen=True, slots=True)
class Play:
    """opens: whether this opener is about it."""

    title: str
    opens: Callable[[Opener], bool]
    rows: tuple[Row, ...]


def _about(kind: Kind, names: frozenset[str]) -> Callable[[Opener], bool]:
    """Everything that it names is one of these."""
    return lambda one: one.kind == kind and names.issuperset(one.names)


def _limit(*keys: str) -> Callable[[Opener], bool]:
    return lambda one: one.kind == "gate" and one.names[0] in keys


def _either(*asked: Callable[[Opener], bool]) -> Callable[[Opener], bool]:
    return lambda one: any(ask(one) for ask in asked)


PLAYS: tuple[Play, ...] = (
    Play(
        "Swipe deck latency",
        _about("slow", DECKS),
        (
            Row("Look at the deck's statement in pg_stat_statements", seen.top_statement),
            Row("Look at what its functions run", seen.children),
            Row("EXPLAIN the top call", seen.plan),
            Row("Look for an index that is not used", seen.index),
            Row("Look for more candidates than the deck needs", seen.explosion),
            Row("Look for sorts and hashes of large sets", seen.spills),
            Row("For now, ask for smaller decks and keep them longer on the client", seen.deck_size),
            Row("If that is not enough, switch the rerank step off in app_settings", seen.rerank),
        ),
    ),
    Play(
        "Realtime's list_changes",
        _either(_limit("list_changes_share"), _about("slow", DELIVERY_NAMES), lambda one: one.kind == "delivery"),
        (
            Row("Count the active subscriptions, and look for leaks", seen.subscriptions),
            Row("Move presence and typing from Postgres Changes to Broadcast", seen.changes_share),
            Row("Narrow filters, and unsubscribe in the background", seen.frames),
        ),
    ),
    Play(
        "Database writes",
        _either(_limit("event_ratio"), _about("slow", EVENT_WRITES), _about("failing", EVENT_WRITES)),
        (
            Row("See that clients still send events in batches", seen.batching),
            Row("See that the keys against doubles are there, and how often they refuse", seen.conflicts),
            Row("For now, log fewer types of events", seen.written),
        ),
    ),
    Play(
        "A slow call",
        lambda one: one.kind == "slow" and not any(names.issuperset(one.names) for names in OWN_PLAYS),
        (
            Row("See whether the time is the server's, or waiting in front of it", seen.server_or_client, "9.1"),
            Row("See what a call costs the database", seen.endpoint_cost, "4.4"),
            Row("Look at its statement in pg_stat_statements", seen.top_statement, "4.4"),
            Row("EXPLAIN it", seen.plan, "4.4"),
            Row("Align an index with its filter and order", seen.index, "4.1"),
            Row("Look for locks that it waits for", seen.waits, "9.1"),
            Row("Read fewer rows, and call no function for each of them", seen.explosion, "4.4"),
        ),
    ),
    Play(
        "Statements and plans",
        _limit("sequential_rows", "temp_bytes_per_s", "statement_ratio", "plan_changes", "miss_share"),
        (
            Row("Take the statement or table that is named", seen.statement_of_gate, "4.4"),
            Row("Look at what takes the most time", seen.top_statement, "4.4"),
            Row("EXPLAIN (ANALYZE, BUFFERS) it", seen.plan, "4.4"),
            Row("Align an index with its filter and order", seen.index, "4.1"),
            Row("Keep sorts and hashes within memory", seen.spills, "4.4"),
            Row("Reset the statistics and measure again", seen.nothing, "4.4"),
        ),
    ),
    Play(
        "Locks",
        _limit("lock_wait_s", "deadlocks"),
        (
            Row("Find who holds the lock", seen.waits, "9.1"),
            Row("End transactions that stay open without doing anything", seen.open_transactions, "9.1"),
            Row("Take locks late, in one order, and for short", seen.nothing, "9.1"),
        ),
    ),
    Play(
        "Connections",
        _limit("connection_share"),
        (
            Row("Find who holds them", seen.connections, "9.2"),
            Row("End transactions that stay open without doing anything", seen.open_transactions, "9.1"),
            Row("See what was refused for want of one", seen.platform, "9.2"),
            Row("Pool what opens its own", seen.nothing, "9.2"),
        ),
    ),
    Play(
        "Dead rows",
        _limit("dead_share"),
        (
            Row("Take the table that is named", seen.bloat, "4.3"),
            Row("VACUUM (ANALYZE) it, and let autovacuum come sooner there", seen.nothing, "4.3"),
            Row("Find what writes to it", seen.written, "4.3"),
            Row("End transactions that keep old rows alive", seen.open_transactions, "4.3"),
        ),
    ),
    Play(
        "Failing calls",
        lambda one: one.kind == "failing" and not EVENT_WRITES.issuperset(one.names),
        (
            Row("See how they end", seen.outcomes, "9.2"),
            Row("See whether a limit of the platform refuses them", seen.platform, "9.2"),
            Row("See whether the database had connections left", seen.connections, "9.2"),
            Row("See whether they waited for somebody's lock", seen.waits, "9.1"),
        ),
    ),
    Play(
        "No recovery from a fault",
        lambda one: one.kind == "fault",
        (
            Row("See whether retries keep the target down", seen.amplification, "5.2"),
            Row("See which of them were for nothing", seen.needless, "5.2"),
            Row("See whether what was held back meanwhile is sent by now", seen.queue, "5.3"),
            Row("See which operations stay slow", seen.after, "9.2"),
            Row("See what the database is busy with", seen.top_statement, "4.4"),
            Row("See whether connections came back", seen.connections, "9.2"),
        ),
    ),
)
