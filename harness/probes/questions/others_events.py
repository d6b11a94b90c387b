"""Can somebody read what another person swiped?"""

from __future__ import annotations

import uuid

from harness.probes.stage import Field, event
from harness.record.probe_results import ProbeAnswer

ID = "others' events"


async def ask(field: Field) -> ProbeAnswer:
    """One person swipes, another one looks for it."""
    session = str(uuid.uuid4())
    await field.swipe(field.other, **event(await field.title(), session))
    seen = await field.stored_events(field.me, session)
    return ProbeAnswer(
        id=ID,
        status="broken" if seen else "held",
        asked=1,
        count=len(seen),
        text=f"{len(seen)} swipes of another person were readable",
        ids=tuple(str(row["id"]) for row in seen),
    )
