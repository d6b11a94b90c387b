"""Is a token refused whose signature is somebody else's?"""

from __future__ import annotations

import secrets
from dataclasses import replace

from harness.probes.context import ProbeContext, resigned
from harness.record.probe_results import ProbeAnswer

ID = "forged token"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Reads with an own token that was signed with a key of ours."""
    token = resigned(context.me.token, secrets.token_urlsafe(48))
    reply = await context.read("app_settings_meta?select=version&limit=1", replace(context.me, token=token))
    taken = reply.status_code < 300
    return ProbeAnswer(
        id=ID,
        status="broken" if taken else "held",
        asked=1,
        count=int(taken),
        text=f"a token with a foreign signature was answered with {reply.status_code}",
    )
