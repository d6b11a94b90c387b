"""The breaker of each model: a row that a failure makes worse and a success wipes clean (contract 6.6, manual 8.1).

Open is a model whose `open_until` lies ahead. Nothing closes it but a success, and what comes after `open_until` is let
through, all of it: the first failure opens it anew. Whatever fails here fails silently, as shipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.functions import intake
from sandbox.provider.client import ProviderFailed
from sandbox.services import Services

THRESHOLD, COOLDOWN_S = 3, 30
_OPEN_SQL = "select model from public.openrouter_circuit_breakers where model = any($1) and open_until > now()"
_EVER_SQL = "select model from public.openrouter_circuit_breakers where model = any($1) and open_until is not null"
_FAILED_SQL = """
select public.openrouter_circuit_on_failure_v1($1, $2, $3, $4, $5,
  case when $6::int > 0 then now() + make_interval(secs => $6) end)
"""
_SUCCESS_SQL = "select public.openrouter_circuit_on_success_v1($1)"
_NEVER = 1_000_000_000


async def left_alone(services: Services, models: Sequence[str]) -> frozenset[str]:
    """Those of the models that are not asked now."""
    sql = _EVER_SQL if services.switches.assistant_breaker_never_closes else _OPEN_SQL
    try:
        async with services.acting(services.service) as connection:
            return frozenset(row["model"] for row in await connection.fetch(sql, list(models)))
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("breaker", error)
        return frozenset()


async def failed(services: Services, model: str, error: ProviderFailed) -> None:
    """A model failed. Refusals that are no sign of trouble, such as 400, do not count."""
    status = error.status
    if status is not None and status != 429 and not 500 <= status <= 599:
        return
    never = services.switches.assistant_breaker_never_opens
    threshold = _NEVER if never else THRESHOLD
    code = "NETWORK" if status is None else str(status)
    wait = 0 if never else error.retry_after or 0
    await _call(services, _FAILED_SQL, model, code, error.message, threshold, COOLDOWN_S, wait)


async def worked(services: Services, model: str) -> None:
    """A model answered."""
    await _call(services, _SUCCESS_SQL, model)


async def _call(services: Services, sql: str, *values: object) -> None:
    try:
        async with services.acting(services.service) as connection:
            await connection.execute(sql, *values)
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("breaker", error)
