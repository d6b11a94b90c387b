"""What media-swipe-event goes on doing after its reply: library, ratings, taste, centroids, labels (contract 3.5).

Every failure is swallowed, as in the application. Calls that the application makes one by one and that cannot affect
each other travel together here; what they leave in the database is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from sandbox.functions.events.input import TASTE_TYPES, Ingest, RatingOp, StatusOp, SwipeRow, WatchlistOp
from sandbox.functions.events.rows import labels_json, taste_json
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services
from sandbox.settings import Snapshot

_AFTERMATH_SQL = "select sandbox_internal.aftermath($1, $2, $3, $4, $5, $6, $7, $8)"
_KINDS_SQL = "select id::text as id, kind::text as kind from public.media_items where id = any($1::uuid[])"
_LIBRARY_UPSERT = """
insert into public.library_entries
  (user_id, title_id, content_type, status, updated_at, completed_at, started_at)
values ($1, $2, $3::text::public.content_type, $4::text::public.library_status, $5::timestamptz,
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
values ($1, $2, $3::text::public.content_type, $4::text::numeric, $5::timestamptz)
on conflict (user_id, title_id) do update set
  content_type = excluded.content_type, rating = excluded.rating, updated_at = excluded.updated_at
"""
_RATING_DELETE = "delete from public.ratings where user_id = $1 and title_id = $2"
_CONTENT_TYPES = {"series": "series", "anime": "anime", "episode": "series"}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """One request's unfinished business."""

    caller: FunctionCaller
    taste: tuple[SwipeRow, ...]
    status_ops: tuple[StatusOp, ...]
    watchlist_ops: tuple[WatchlistOp, ...]
    rating_ops: tuple[RatingOp, ...]
    labels: dict[str, dict[str, None]]
    strong_positive: bool
    centroid_share: float
    centroid_k: int
    centroid_items: int

    @classmethod
    def of(cls, caller: FunctionCaller, ingest: Ingest, taken: list[SwipeRow], settings: Snapshot) -> Aftermath:
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
    refresh = work.strong_positive and services.rng.random() < work.centroid_share
    if work.taste or work.labels or refresh:
        await _learn(services, work, refresh)


async def _as_caller(
    services: Services, caller: FunctionCaller, what: str, action: Callable[[asyncpg.Connection], Awaitable[object]]
) -> None:
    try:
        async with services.acting(caller.principal) as connection:
            await action(connection)
    except Exception as error:
        services.note_swallowed(what, error)


async def _kinds(services: Services, work: Aftermath) -> dict[str, str]:
    """Content types by lower-case title id, for the library and rating operations."""
    ids = {op.media_item_id for op in work.status_ops}
    ids |= {op.media_item_id for op in work.watchlist_ops} | {op.media_item_id for op in work.rating_ops}
    kinds: dict[str, str] = {}
    if ids:

        async def read(connection: asyncpg.Connection) -> None:
            for row in await connection.fetch(_KINDS_SQL, list(ids)):
                kinds[row["id"]] = _CONTENT_TYPES.get(row["kind"], "movie")

        await _as_caller(services, work.caller, "kinds", read)
    return kinds


async def _library(
    services: Services, caller: FunctionCaller, title_id: str, status: str, enabled: bool, kind: str, now: datetime
) -> None:
    if enabled:
        arguments = (caller.user_id, title_id, kind, status, now)
        await _as_caller(services, caller, "library", lambda c: c.execute(_LIBRARY_UPSERT, *arguments))
    else:
        removal = (caller.user_id, title_id, status)
        await _as_caller(services, caller, "library", lambda c: c.execute(_LIBRARY_DELETE, *removal))


async def _rating(services: Services, caller: FunctionCaller, op: RatingOp, kind: str, now: datetime) -> None:
    if op.rating is None:
        removal = (caller.user_id, op.media_item_id)
        await _as_caller(services, caller, "rating", lambda c: c.execute(_RATING_DELETE, *removal))
    else:
        arguments = (caller.user_id, op.media_item_id, kind, op.rating, now)
        await _as_caller(services, caller, "rating", lambda c: c.execute(_RATING_UPSERT, *arguments))


async def _learn(services: Services, work: Aftermath, refresh: bool) -> None:
    """Taste, centroids and labels; the database swallows their failures one by one."""
    caller = work.caller
    try:
        async with services.connection() as connection:
            await connection.execute(
                _AFTERMATH_SQL,
                caller.principal.role,
                caller.principal.claims,
                services.service.claims,
                caller.user_id,
                taste_json(work.taste),
                work.centroid_k if refresh else None,
                work.centroid_items,
                labels_json(work.labels),
            )
    except Exception as error:
        services.note_swallowed("taste, centroids, labels", error)
