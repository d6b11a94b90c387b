"""Seeded defects of media-swipe-event: what it stores differs from what it says."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from sandbox.functions.events.input import Ingest, SwipeRow
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services

_OTHER_DAY = """
select dedupe_key from public.media_events
where user_id = $1::text::uuid and dedupe_key = any($2::text[]) and event_day <> $3
"""


def day_of(services: Services) -> date:
    """The day an event is stored under: the server's, in UTC; with `event_day_ahead_minutes` wrong before midnight."""
    return (services.now() + timedelta(minutes=services.switches.event_day_ahead_minutes)).date()


async def shaped(services: Services, caller: FunctionCaller, ingest: Ingest) -> tuple[list[SwipeRow], list[str | None]]:
    """The rows to store, with the id that each answers for; as shipped all of them."""
    switches = services.switches
    kept = list(zip(ingest.rows, ingest.row_ids, strict=True))
    if switches.event_silent_loss:
        kept = [pair for pair in kept if not services.turn("event_silent_loss")]
    if switches.event_dedupe_ignores_day and kept:
        known = await _known_elsewhere(services, caller, [row for row, _ in kept])
        kept = [(row, identifier) for row, identifier in kept if row.dedupe_key not in known]
    if switches.event_dedupe_off:
        kept = [(row._replace(dedupe_key=f"{row.dedupe_key[:219]}|{uuid.uuid4()}"), id_) for row, id_ in kept]
    return [row for row, _ in kept], [identifier for _, identifier in kept]


async def _known_elsewhere(services: Services, caller: FunctionCaller, rows: list[SwipeRow]) -> set[str]:
    keys = [row.dedupe_key for row in rows]
    async with services.connection() as connection:
        found = await connection.fetch(_OTHER_DAY, caller.user_id, keys, day_of(services))
    return {row["dedupe_key"] for row in found}


def retold(services: Services, ingest: Ingest) -> None:
    """What the reply says of the events, once they are stored or not."""
    if services.switches.event_refused_accepted:
        ingest.accepted.update(ingest.rejected)
        ingest.rejected.clear()
    if services.switches.event_refused_stored_one_in:
        for identifier in [one for one in ingest.accepted if services.turn("event_refused_stored_one_in")]:
            del ingest.accepted[identifier]
            ingest.reject(identifier, "DB_REJECTED", "DB rejected this event (deterministic).")
