"""Is an access token refused after its time?"""

from __future__ import annotations

import time
from dataclasses import replace

from harness.probes.context import ProbeContext, resigned
from harness.record.probe_results import ProbeAnswer

ID = "expired token"
HOUR_S = 3600
UNASKED = "needs what tokens are signed with: name keys.signing_key_env or keys.jwt_secret_env"


async def ask(context: ProbeContext) -> ProbeAnswer:
    """Reads with a token that ended an hour ago; to make one, what tokens are signed with has to be known."""
    secret = context.access.signing_secret
    if not secret:
        return ProbeAnswer(
            id=ID,
            status="not asked",
            text=UNASKED,
        )
    past = int(time.time()) - HOUR_S
    token = resigned(context.me.token, secret.reveal(), iat=past - HOUR_S, exp=past)
    reply = await context.read("app_settings_meta?select=version&limit=1", replace(context.me, token=token))
    taken = reply.status_code < 300
    return ProbeAnswer(
        id=ID,
        status="broken" if taken else "held",
        asked=1,
        count=int(taken),
        text=f"a token an hour past its end was answered with {reply.status_code}",
    )
