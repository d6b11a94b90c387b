"""Is an event refused that cannot be stored?"""

from __future__ import annotations

import uuid

from harness.probes.context import ProbeContext, event
from harness.record.probe_results import ProbeAnswer

ID = "invalid event"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Sends an event of a type that does not exist; the app would forget it if it were called accepted."""
    wrong = event(await context.title(), str(uuid.uuid4())) | {"eventType": "open"}
    reply = await context.swipe(context.me, **wrong)
    accepted = wrong["clientEventId"] in reply.get("acceptedClientEventIds", ())
    return ProbeAnswer(
        id=ID,
        status="broken" if accepted else "held",
        asked=1,
        count=int(accepted),
        text=f"an event of no known type was {'accepted' if accepted else 'refused'}",
        ids=(wrong["clientEventId"],) if accepted else (),
    )
