"""Can messages be read without signing in?"""

from __future__ import annotations

from harness.core.counted import counted
from harness.probes.context import ProbeContext, rows_of
from harness.record.probe_results import ProbeAnswer

ID = "anonymous messages"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Reads with nothing but the public key that every copy of the app holds."""
    reply = await context.read("messages?select=id&limit=5", None)
    rows = rows_of(reply) if reply.status_code in (200, 206) else []
    return ProbeAnswer(
        id=ID,
        status="broken" if rows else "held",
        asked=1,
        count=len(rows),
        text=f"without signing in {counted(len(rows), 'message was', 'messages were')} readable "
        f"(status {reply.status_code})",
        ids=tuple(row["id"] for row in rows),
    )
