"""What media-swipe-event goes on doing after its reply: library, ratings, taste, centroids, labels (contract 3.5).

Every failure is swallowed, as in the application. Calls that the application makes one by one and that cannot affect
each other travel together here; what they leave in the database is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import orjson

from sandbox.functions.event_input import TASTE_TYPES, Ingest, RatingOp, Row, StatusOp, WatchlistOp
from sandbox.functions.event_keys import parse_served_key
from sandbox.functions.gate import Caller
from sandbox.services import Services
from sandbox.settings import Snapshot

# Calls the taste function once per event and swallows each failure by itself. In the shipped schema every call fails,
# because a table it needs does not exist; each costs its parse, its subtransaction and its error all the same.
HELPERS_SQL = """
create schema if not exists sandbox_internal;
grant usage on schema sandbox_internal to authenticated, service_role;
create or replace function sandbox_internal.update_taste(
  p_sessions uuid[], p_items uuid[], p_types text[], p_dwells text[], p_ratings text[], p_strong boolean[]
) returns integer language plpgsql as $$
declare
  stored integer := 0;
begin
  for i in 1 .. coalesce(array_length(p_sessions, 1), 0) loop
    begin
      perform public.media_update_taste_vectors_v1(
        p_session_id => p_sessions[i], p_media_item_id => p_items[i], p_event_type => p_types[i],
        p_dwell_ms => p_dwells[i]::integer, p_rating_0_10 => p_ratings[i]::numeric,
        p_is_strong_signal => p_strong[i]);
      stored := stored + 1;
    exception when others then null;
    end;
  end loop;
  return stored;
end $$;
"""
_TASTE_SQL = "select sandbox_internal.update_taste($1::uuid[], $2::uuid[], $3, $4, $5, $6)"
_KINDS_SQL = "select id::text as id, kind::text as kind from public.media_items where id = any($1::uuid[])"
_LIBRARY_UPSERT = """
insert into public.library_entries
  (user_id, title_id, content_type, status, updated_at, completed_at, started_at)
values ($1, $2, $3::text::public.content_type, $4::text::public.library_status, $5,
  case when $4 = 'watched' then $5 end, case when $4 = 'watching' then $5 end)
on conflict (user_id, title_id) do update set
  content_type = excluded.content_type, status = excluded.status, updated_at = excluded.updated_at,
  completed_at = coalesce(excluded.completed_at, library_entries.completed_at),
  started_at = coalesce(excluded.started_at, library_entries.started_at)
"""
_LIBRARY_DELETE = """
delete from public.library_entries
where user_id = $1 and title_id = $2 and status = $3::text::public.library_status
"""
_RATING_UPSERT = """
insert into public.ratings (user_id, title_id, content_type, rating, updated_at)
values ($1, $2, $3::text::public.content_type, $4::text::numeric, $5)
on conflict (user_id, title_id) do update set
  content_type = excluded.content_type, rating = excluded.rating, updated_at = excluded.updated_at
"""
_RATING_DELETE = "delete from public.ratings where user_id = $1 and title_id = $2"
_CENTROIDS_SQL = "select public.media_refresh_user_centroids_v1(p_user_id => $1, p_k => $2, p_max_items => $3)"
_LABELS_SQL = """
select id, dedupe_key, labels::text from public.media_rank_feature_items_v2
where user_id = $1 and dedupe_key = any($2::text[])
"""
_LABELS_UPDATE = """
update public.media_rank_feature_items_v2 f set labels = n.labels::jsonb
from unnest($1::uuid[], $2::text[]) as n(id, labels) where f.id = n.id
"""
_LABELS_INSERT = """
insert into public.media_rank_feature_items_v2
  (user_id, dedupe_key, rec_request_id, media_item_id, position, labels)
select $1, n.dedupe_key, n.rec_request_id, n.media_item_id, n.position, n.labels::jsonb
from unnest($2::text[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[])
  as n(dedupe_key, rec_request_id, media_item_id, position, labels)
on conflict (user_id, dedupe_key) do nothing
"""
_CONTENT_TYPES = {"series": "series", "anime": "anime", "episode": "series"}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """One request's unfinished business."""

    caller: Caller
    taste: tuple[Row, ...]
    status_ops: tuple[StatusOp, ...]
    watchlist_ops: tuple[WatchlistOp, ...]
    rating_ops: tuple[RatingOp, ...]
    labels: dict[str, dict[str, None]]
    strong_positive: bool
    centroid_share: float
    centroid_k: int
    centroid_items: int

    @classmethod
    def of(cls, caller: Caller, ingest: Ingest, taken: list[Row], settings: Snapshot) -> Aftermath:
        """taken: the rows the database took, duplicates included."""
        return cls(
            caller=caller,
            taste=tuple(row for row in taken if row.event_type in TASTE_TYPES),
            status_ops=tuple(ingest.status_ops),
            watchlist_ops=tuple(ingest.watchlist_ops),
            rating_ops=tuple(ingest.rating_ops),
            labels=ingest.labels,
            strong_positive=ingest.strong_positive,
            centroid_share=settings["ranking.swipe.centroids.refresh_sample_rate"],
            centroid_k=int(settings["ranking.swipe.centroids.k"]),
            centroid_items=int(settings["ranking.swipe.centroids.max_items"]),
        )

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(
            self.status_ops
            or self.watchlist_ops
            or self.rating_ops
            or self.labels
            or self.taste
            or self.strong_positive
        )


async def run(services: Services, work: Aftermath) -> None:
    """Do it all, in the application's order."""
    kinds = await _kinds(services, work)
    now = datetime.now(UTC)
    for status in work.status_ops:
        kind = kinds.get(status.media_item_id.lower(), "movie")
        await _library(services, work.caller, status.media_item_id, status.status, status.enabled, kind, now)
    for watch in work.watchlist_ops:
        kind = kinds.get(watch.media_item_id.lower(), "movie")
        await _library(services, work.caller, watch.media_item_id, "want_to_watch", watch.enabled, kind, now)
    for rating in work.rating_ops:
        await _rating(services, work.caller, rating, kinds.get(rating.media_item_id.lower(), "movie"), now)
    if work.taste:
        await _as_caller(services, work.caller, "taste", lambda connection: _taste(connection, work.taste))
    if work.strong_positive and services.rng.random() < work.centroid_share:
        arguments = (work.caller.user_id, work.centroid_k, work.centroid_items)
        await _as_caller(services, work.caller, "centroids", lambda c: c.execute(_CENTROIDS_SQL, *arguments))
    if work.labels:
        await _labels(services, work)


async def _as_caller(
    services: Services, caller: Caller, what: str, action: Callable[[asyncpg.Connection], Awaitable[object]]
) -> None:
    try:
        async with services.acting(caller.principal) as connection:
            await action(connection)
    except Exception as error:
        services.note_swallowed(what, error)


async def _kinds(services: Services, work: Aftermath) -> dict[str, str]:
    """Content types by lower-case title id, for the library and rating operations."""
    ids = {op.media_item_id for op in (*work.status_ops, *work.watchlist_ops, *work.rating_ops)}
    kinds: dict[str, str] = {}
    if ids:

        async def read(connection: asyncpg.Connection) -> None:
            for row in await connection.fetch(_KINDS_SQL, list(ids)):
                kinds[row["id"]] = _CONTENT_TYPES.get(row["kind"], "movie")

        await _as_caller(services, work.caller, "kinds", read)
    return kinds


async def _library(
    services: Services, caller: Caller, title_id: str, status: str, enabled: bool, kind: str, now: datetime
) -> None:
    if enabled:
        arguments = (caller.user_id, title_id, kind, status, now)
        await _as_caller(services, caller, "library", lambda c: c.execute(_LIBRARY_UPSERT, *arguments))
    else:
        removal = (caller.user_id, title_id, status)
        await _as_caller(services, caller, "library", lambda c: c.execute(_LIBRARY_DELETE, *removal))


async def _rating(services: Services, caller: Caller, op: RatingOp, kind: str, now: datetime) -> None:
    if op.rating is None:
        removal = (caller.user_id, op.media_item_id)
        await _as_caller(services, caller, "rating", lambda c: c.execute(_RATING_DELETE, *removal))
    else:
        arguments = (caller.user_id, op.media_item_id, kind, op.rating, now)
        await _as_caller(services, caller, "rating", lambda c: c.execute(_RATING_UPSERT, *arguments))


async def _taste(connection: asyncpg.Connection, rows: tuple[Row, ...]) -> None:
    await connection.execute(
        _TASTE_SQL,
        [row.session_id for row in rows],
        [row.media_item_id for row in rows],
        [row.event_type for row in rows],
        [row.dwell_ms for row in rows],
        [row.rating for row in rows],
        [bool(row.in_watchlist) for row in rows],
    )


async def _labels(services: Services, work: Aftermath) -> None:
    """Merge training labels into the feature rows: read, then write, so that concurrent requests can lose some."""
    user_id = work.caller.user_id
    try:
        async with services.acting(services.service) as connection:
            stored = await connection.fetch(_LABELS_SQL, user_id, list(work.labels))
            ids, merged = [], []
            for row in stored:
                old = orjson.loads(row["labels"])
                labels = dict.fromkeys(map(str, old if isinstance(old, list) else []))
                labels.update(work.labels[row["dedupe_key"]])
                ids.append(row["id"])
                merged.append(orjson.dumps(list(labels)).decode())
            if ids:
                await connection.execute(_LABELS_UPDATE, ids, merged)
            missing = _missing(work, {row["dedupe_key"] for row in stored})
            if missing[0]:
                await connection.execute(_LABELS_INSERT, user_id, *missing)
    except Exception as error:
        services.note_swallowed("labels", error)


def _missing(
    work: Aftermath, stored: set[str]
) -> tuple[list[str], list[str], list[str], list[int], list[str]]:
    """Columns of the feature rows to insert: served keys nobody logged when their deck was served."""
    keys: list[str] = []
    requests: list[str] = []
    titles: list[str] = []
    positions: list[int] = []
    labels: list[str] = []
    for key, names in work.labels.items():
        parsed = parse_served_key(key)
        if key not in stored and parsed is not None:
            keys.append(key)
            requests.append(parsed[0])
            positions.append(parsed[1])
            titles.append(parsed[2])
            labels.append(orjson.dumps(list(names)).decode())
    return keys, requests, titles, positions, labels
