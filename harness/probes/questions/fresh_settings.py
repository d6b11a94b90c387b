"""Are the settings that the app gets those that are in force?"""

from __future__ import annotations

import asyncio
import json

from harness.client.checks.settings_outline import settings_outline
from harness.probes.context import ProbeContext, rows_of
from harness.record.probe_results import ProbeAnswer

ID = "fresh settings"
TTL_S = 30.0  # each instance of the function may lag so long (contract 6.1)
POLL_S = 5.0


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Compares versions; a difference has to be gone within the cache's time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + TTL_S + POLL_S
    served = in_force = -1
    while loop.time() < until:
        reply = await context.write("/functions/v1/public-app-settings", context.me, {})
        rows = rows_of(await context.read("app_settings_meta?select=version&id=eq.1", context.me))
        if reply.status_code != 200 or not rows:
            return ProbeAnswer(id=ID, status="not asked", text=f"settings answered {reply.status_code}")
        served, in_force = int(reply.json()["version"]), int(rows[0]["version"])
        if served == in_force:
            break
        await asyncio.sleep(POLL_S)
    late = served != in_force
    outline = settings_outline(reply.json())
    return ProbeAnswer(
        id=ID,
        status="broken" if late else "held",
        asked=1,
        count=int(late),
        text=f"version {served} was served while {in_force} is in force",
        told="" if outline is None else json.dumps(outline),
    )
