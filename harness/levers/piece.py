"""One piece: a short run of one side, and what it counted. Reads the run's record. (pure but for the record)"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harness.client.api.endpoints import ENDPOINTS
from harness.client.events.event_key import STATUS
from harness.core.call_names import PREFLIGHT
from harness.core.client_settings import ClientSettings
from harness.core.delivery_facts import FactKind
from harness.core.frozen_model import FrozenModel
from harness.core.ledger import WriteKind
from harness.core.tables import LEDGER_WRITES, View
from harness.levers import arithmetic, swiping
from harness.observe.keep import kept
from harness.observe.tables import STATEMENTS
from harness.record import buckets
from harness.record.store import RunFiles, open_run

EDGE = " functions/"
RATED = frozenset(
    (
        "background_deck", "landing_deck", "home_deck", "swipe_deck", "onboarding_deck", "swipe_events", "title_event",
        "media_search", "tmdb_configuration", "tmdb_search", "tmdb_external_ids", "assistant_suggestions",
        "suggestion_shown",
    )
)  # fmt: skip
"""Calls that cost a row of `rate_limits` (contract 7.3)."""
LEAST_SAMPLES = 20
"""For a p95."""
GOOD = ("ok", "conflict")


class Piece(FrozenModel):
    """lever: "" for the baseline of its group. totals and endpoints: counts of the whole piece. p95: milliseconds, by
    operation. people: what they see. expected: by arithmetic. closed: sessions that the piece's end cut short."""

    group: str
    lever: str
    round: int
    seed: int
    run: str
    took_s: float
    sessions: int
    closed: int
    swipes: int
    messages: int
    totals: dict[str, float]
    endpoints: dict[str, float]
    tables: dict[str, int]
    p95: dict[str, float]
    people: dict[str, float]
    expected: dict[str, float]
    problem: str = ""


def read_piece(
    folder: Path,
    *,
    group: str,
    lever: str,
    round_: int,
    took_s: float,
    tables: Mapping[str, int],
    new_events: int,
) -> Piece:
    """Of a closed run. tables: rows that the database wrote meanwhile; empty where nobody could look. new_events: how
    many of its `recorded_events` the database did not have before.

    :raises UsageError: the record cannot be read.
    """
    run = open_run(folder)
    settings = run.manifest.profile.settings
    arrivals = run.arrivals().to_pandas()
    begun = arrivals[arrivals.started_us.notna()]
    sessions = _sessions(run)
    facts = _facts(run)
    traffic = run.traffic().to_pandas()
    calls = traffic.groupby("call").requests.sum()
    endpoints: defaultdict[str, float] = defaultdict(float)
    for call, number in calls.items():
        endpoints[ENDPOINTS.get(str(call), str(call))] += float(number)
    return Piece(
        group=group,
        lever=lever,
        round=round_,
        seed=run.manifest.seed,
        run=folder.name,
        took_s=round(took_s, 1),
        sessions=len(begun),
        closed=int((begun.end == "closed").sum()),
        swipes=sum(action == "gesture" for moments in sessions.values() for _, action, *_ in moments),
        messages=sum(fact.kind == FactKind.STORED for fact in facts),
        totals=_totals(run, traffic, calls, facts, settings, tables),
        endpoints=dict(sorted(endpoints.items())),
        tables=dict(tables),
        p95=_p95(run),
        people=_people(sessions, facts),
        expected=_expected(new_events, _swiped(run, sessions, traffic, settings), calls, facts, settings),
        problem=run.manifest.abort_reason or "",
    )


def recorded_events(run: RunFiles) -> set[int]:
    """Keys of the rows that its events become. Everything with one key is one row a day, whoever sends it how often:
    the same people open the same titles in each piece."""
    found: set[int] = set()
    for batch in run.rows(LEDGER_WRITES, ("kind", "key", "detail")):
        rows = batch.to_pandas()
        found |= set(rows[(rows.kind == int(WriteKind.EVENT)) & (rows.detail != STATUS)].key.tolist())
    return found


def _totals(
    run: RunFiles,
    traffic: pd.DataFrame,
    calls: pd.Series,
    facts: list[arithmetic.Fact],
    settings: ClientSettings,
    tables: Mapping[str, int],
) -> dict[str, float]:
    realtime: defaultdict[str, float] = defaultdict(float)
    for what, value in run.realtime().to_pandas().groupby("what").value.sum().items():
        realtime[str(what)] += float(value)
    edge = [name for name in calls.index if EDGE in ENDPOINTS.get(str(name), "")]
    changes = realtime["frames postgres_changes"]
    broadcasts = realtime["frames broadcast"] + realtime["sent broadcast"]
    presence = realtime["frames presence_diff"] + realtime["sent presence"]
    asked = traffic[traffic.call != PREFLIGHT]
    stored = sum(fact.kind == FactKind.STORED for fact in facts)
    heard = sum(fact.kind == FactKind.HEARD for fact in facts)
    by_changes = settings.live == "changes"
    return {
        "requests": float(asked.requests.sum()),
        "preflights": float(calls.get(PREFLIGHT, 0)),
        "failed": float(asked.failed.sum()),
        "invocations": float(calls[edge].sum()),
        "bytes_in": float(traffic.bytes_in.sum()),
        "bytes_out": float(traffic.bytes_out.sum()),
        "realtime_messages": changes + broadcasts + presence,
        "realtime_changes": changes,
        "realtime_broadcasts": broadcasts,
        "realtime_presence": presence,
        "message_events": realtime["changes messages"] if by_changes else float(heard + stored),
        "event_posts": float(calls.reindex(["swipe_events"]).fillna(0).sum()),
        "decks": float(calls[[name for name in calls.index if str(name).endswith("_deck")]].sum()),
        "receipts": float(calls.reindex(["delivery_receipt"]).fillna(0).sum()),
        **({"rows": float(sum(tables.values()))} if tables else {}),
        **(
            {
                "event_rows": float(
                    sum(rows for name, rows in tables.items() if name.startswith(arithmetic.EVENT_TABLES))
                )
            }
            if tables
            else {}
        ),
        **_statements(run),
    }


def _statements(run: RunFiles) -> dict[str, float]:
    """Time and WAL of statements, from the observer's first reading to its last; {} where nobody observed."""
    found = kept(run.folder, STATEMENTS).to_pandas()
    if found.empty or found.at_us.nunique() < 2:
        return {}
    found = found[["at_us", "query_id", "role", "total_ms", "wal_bytes"]]
    first = found[found.at_us == found.at_us.min()].groupby(["query_id", "role"])[["total_ms", "wal_bytes"]].sum()
    last = found[found.at_us == found.at_us.max()].groupby(["query_id", "role"])[["total_ms", "wal_bytes"]].sum()
    grown = last.sub(first, fill_value=0).clip(lower=0).sum()
    return {"database_ms": float(grown.total_ms), "wal_bytes": float(grown.wal_bytes)}


def _sessions(run: RunFiles) -> dict[int, list[tuple[float, str, str, int, float]]]:
    """Each session's actions in order: instant in seconds, action, subject, number, seconds."""
    found = run.actions().to_pandas().sort_values("at_us", kind="stable")
    sessions: defaultdict[int, list[tuple[float, str, str, int, float]]] = defaultdict(list)
    for row in found.itertuples():
        sessions[int(row.ticket)].append(
            (row.at_us / 1e6, str(row.action), str(row.subject or ""), int(row.number), float(row.seconds or 0.0))
        )
    return sessions


def _facts(run: RunFiles) -> list[arithmetic.Fact]:
    return [
        arithmetic.Fact(row.at_us / 1e6, row.kind, int(row.person), row.conversation or "", row.key or "", row.detail)
        for row in run.delivery().to_pandas().itertuples()
    ]


def _p95(run: RunFiles) -> dict[str, float]:
    """Of operations that ended well, in milliseconds."""
    found = run.latency().to_pandas()
    found = found[(found["view"] == str(View.E2E)) & found.outcome.isin(GOOD)]
    p95: dict[str, float] = {}
    for operation, rows in found.groupby("operation"):
        if rows["count"].sum() >= LEAST_SAMPLES:
            p95[str(operation)] = buckets.percentile(rows.bucket_us.to_numpy(), rows["count"].to_numpy(), 95.0) / 1000
    return p95


def _people(
    sessions: Mapping[int, list[tuple[float, str, str, int, float]]], facts: list[arithmetic.Fact]
) -> dict[str, float]:
    """Age of cards when they are swiped, and delay from pressing send until another one's phone has the message."""
    told: dict[str, float] = {}
    ages = [age for moments in sessions.values() for age in arithmetic.card_ages(moments)]
    if ages:
        told |= {"card age s": float(np.mean(ages)), "card age s, oldest": float(np.max(ages))}
    sent = {fact.key: fact for fact in facts if fact.kind == FactKind.SENT}
    delays = [
        (fact.at - sent[fact.key].at) * 1000
        for fact in facts
        if fact.kind == FactKind.HEARD and fact.key in sent and sent[fact.key].person != fact.person
    ]
    if len(delays) >= LEAST_SAMPLES:
        told |= {f"delivery ms p{share}": float(np.percentile(delays, share)) for share in (50, 95)}
    return told


@dataclass(frozen=True, slots=True)
class _Swiped:
    """sent: what a target should have had. unsent: events that never left a phone."""

    sent: swiping.Sent
    unsent: int


def _swiped(
    run: RunFiles,
    sessions: Mapping[int, list[swiping.Action]],
    traffic: pd.DataFrame,
    settings: ClientSettings,
) -> _Swiped:
    """A phone keeps what it stored from one session to the next: whatever one person did is looked at as a whole."""
    people = run.arrivals().to_pandas().set_index("ticket").person
    did: defaultdict[int, list[swiping.Action]] = defaultdict(list)
    for ticket, actions in sessions.items():
        did[int(people.get(ticket, -1 - ticket))] += actions
    posted = traffic[traffic.call == "swipe_events"]
    under_way_s = float(posted.seconds.sum() / max(1, posted.requests.sum()))
    sent, recorded = swiping.Sent(), 0
    for actions in did.values():
        moments = swiping.moments_of(sorted(actions, key=lambda action: action[0]))
        sent += swiping.sent(moments, settings, under_way_s)
        recorded += sum(moment.events for moment in moments)
    return _Swiped(sent, recorded - sent.events)


def _expected(
    new_events: int,
    swiped: _Swiped,
    calls: pd.Series,
    facts: list[arithmetic.Fact],
    settings: ClientSettings,
) -> dict[str, float]:
    posts = float(swiped.sent.requests)
    events = new_events - swiped.unsent
    direct = float(calls.reindex(["title_event"]).fillna(0).sum())
    others = float(calls[[name for name in calls.index if name in RATED and name != "swipe_events"]].sum())
    return {
        "event_posts": posts,
        "event_rows": arithmetic.rows_of_events(events, posts + direct, posts + others),
        "message_events": float(arithmetic.message_events(facts, by_changes=settings.live == "changes")),
    }
