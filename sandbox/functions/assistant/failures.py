"""What the assistant's functions tell the operators when something failed; never the reason for a failure itself."""

from __future__ import annotations

from typing import Any

from sandbox.functions import intake, js
from sandbox.services import Services

_SQL = """
insert into public.ops_alerts (kind, severity, title, detail, source, dedupe_key, meta)
values ('assistant_failure', 'warn', $1, $2, $3, $4, $5::text::jsonb)
"""


async def note(
    services: Services,
    function: str,
    code: str,
    message: str,
    *,
    request_id: str,
    user_id: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """One alert for the same failure of an hour."""
    key = f"fail_{function}_{code}_none_{js.iso_now()[:13]}"
    meta = {
        "fn": function,
        "request_id": request_id,
        "user_id": user_id,
        "conversation_id": None,
        "code": code,
        "details": details or {},
    }
    try:
        async with services.acting(services.service) as connection:
            title, source = f"Assistant Failure: {code}", f"assistant_telemetry:{function}"
            await connection.execute(_SQL, title, message, source, key, js.stringify(meta))
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("alert", error)
