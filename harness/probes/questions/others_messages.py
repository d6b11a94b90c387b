"""Can somebody read messages of conversations they are not in?"""

from __future__ import annotations

from harness.core.counted import counted
from harness.probes.context import ProbeContext, rows_of
from harness.record.probe_results import ProbeAnswer

ID = "others' messages"
ROWS = 500


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Asks for any messages at all and looks whose they are."""
    own = await context.read(
        f"conversation_participants?select=conversation_id&user_id=eq.{context.me.user_id}", context.me
    )
    mine = {row["conversation_id"] for row in rows_of(own)}
    rows = rows_of(await context.read(f"messages?select=id,conversation_id&limit={ROWS}", context.me))
    foreign = [row["id"] for row in rows if row["conversation_id"] not in mine]
    return ProbeAnswer(
        id=ID,
        status="broken" if foreign else "held",
        asked=len(rows),
        count=len(foreign),
        text=f"{counted(len(rows), 'message was', 'messages were')} readable, "
        f"{len(foreign)} of them in conversations of others",
        ids=tuple(foreign[:5]),
    )
