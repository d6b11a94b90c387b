"""Is an event stored whose like was stored on another day?"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from harness.probes.context import ProbeContext, event
from harness.record.probe_results import ProbeAnswer

ID = "same event, other day"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Sends an event, puts its like under an earlier day, and sends the same gesture anew.

    The policies let people insert own rows, so no special key is needed. The second gesture has to be acknowledged and
    stored: the key belongs to one day (contract 3.2).
    """
    session, earlier = str(uuid.uuid4()), str(uuid.uuid4())
    title = await context.title()
    await context.swipe(context.me, **event(title, session))
    rows = await context.stored_events(context.me, session)
    if not rows:
        return ProbeAnswer(id=ID, status="not asked", text="the event that the question needs was not stored")
    key = str(rows[0]["dedupe_key"]).replace(session, earlier)
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    old = {
        "user_id": context.me.user_id,
        "session_id": earlier,
        "media_item_id": title,
        "event_type": "detail_open",
        "event_day": day,
        "dedupe_key": key,
    }
    made = await context.write("/rest/v1/media_events", context.me, old, prefer="return=minimal")
    if made.status_code != 201:
        return ProbeAnswer(id=ID, status="not asked", text=f"an older row could not be made: {made.status_code}")
    reply = await context.swipe(context.me, **event(title, earlier))
    if not reply.get("acceptedClientEventIds"):  # a limiter, for example: nobody was told anything wrong
        return ProbeAnswer(id=ID, status="not asked", text="the second event that the question needs was not accepted")
    stored = [row for row in await context.stored_events(context.me, earlier) if row["event_day"] != day]
    said = len(reply.get("acceptedClientEventIds", ()))
    return ProbeAnswer(
        id=ID,
        status="held" if stored else "broken",
        asked=1,
        count=int(not stored),
        text=f"the same gesture on another day: {said} accepted, {len(stored)} stored",
    )
