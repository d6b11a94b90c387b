"""Can somebody read messages of conversations they are not in?"""

from __future__ import annotations

from harness.probes.stage import Field
from harness.record.probe_results import ProbeAnswer

ID = "others' messages"
ROWS = 500


async def ask(field: Field) -> ProbeAnswer:
    """Asks for any messages at all and looks whose they are."""
    own = await field.read(f"conversation_participants?select=conversation_id&user_id=eq.{field.me.user_id}", field.me)
    mine = {row["conversation_id"] for row in own.json()}
    rows = (await field.read(f"messages?select=id,conversation_id&limit={ROWS}", field.me)).json()
    foreign = [row["id"] for row in rows if row["conversation_id"] not in mine]
    return ProbeAnswer(
        id=ID,
        status="broken" if foreign else "held",
        asked=len(rows),
        count=len(foreign),
        text=f"{len(rows)} messages were readable, {len(foreign)} of them in conversations of others",
        ids=tuple(foreign[:5]),
    )
