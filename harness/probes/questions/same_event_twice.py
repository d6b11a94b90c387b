"""Is an event that is sent twice on one day stored once?"""

from __future__ import annotations

import uuid

from harness.core.counted import counted
from harness.probes.context import ProbeContext, event
from harness.record.probe_results import ProbeAnswer

ID = "same event twice"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """What every client does whose reply was lost."""
    session = str(uuid.uuid4())
    sent = event(await context.title(), session)
    replies = [await context.swipe(context.me, **sent) for _ in range(2)]
    if not any(reply.get("acceptedClientEventIds") for reply in replies):
        return ProbeAnswer(id=ID, status="not asked", text="the event that the question needs was not accepted")
    rows = await context.stored_events(context.me, session)
    days = {row["event_day"] for row in rows}
    doubled = len(rows) - len(days)  # across midnight two rows are as shipped
    return ProbeAnswer(
        id=ID,
        status="broken" if doubled or not rows else "held",
        asked=1,
        count=max(doubled, int(not rows)),
        text=f"one event, sent twice, is {counted(len(rows), 'row')}",
        ids=tuple(str(row["id"]) for row in rows),
    )
