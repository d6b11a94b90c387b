"""Can somebody read what another person swiped?"""

from __future__ import annotations

import uuid

from harness.probes.context import ProbeContext, event
from harness.record.probe_results import ProbeAnswer

ID = "others' events"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """One person swipes, another one looks for it."""
    session = str(uuid.uuid4())
    await context.swipe(context.other, **event(await context.title(), session))
    seen = await context.stored_events(context.me, session)
    return ProbeAnswer(
        id=ID,
        status="broken" if seen else "held",
        asked=1,
        count=len(seen),
        text=f"{len(seen)} swipes of another person were readable",
        ids=tuple(str(row["id"]) for row in seen),
    )
