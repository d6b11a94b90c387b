"""Asking models, one after the other, until one answers (contract 6.6, manual 8.1).

As shipped: each model is asked in up to three forms (as it is, with a plainer response format, bare). A refusal with
400, 408, 429 or 5xx and a timeout lead to the next form, anything else to the next model; a 429 is tried once more
first. The time for one request is bounded by what is left when the first one leaves, and not looked at again, so that
several that time out last longer together than the function's own budget. Only answers are logged, no failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.functions import intake, js
from sandbox.functions.assistant import breaker
from sandbox.provider.client import ProviderClient, ProviderFailed
from sandbox.services import Services

VARIANTS = ("base", "rf_json_object", "bare")
AGAIN_LEAST_S, AGAIN_MOST_S = 0.1, 1.2
_CIRCUIT_OPEN = "circuit_open"
_LOG_SQL = """
insert into public.openrouter_request_log (fn, request_id, user_id, conversation_id, provider, model, base_url, usage,
  upstream_request_id, variant, meta)
values ($1, $2, $3::text::uuid, $4::text::uuid, $5, $6, $7, $8::text::jsonb, $9, $10, $11::text::jsonb)
"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. max_tokens: None sends no limit. timeout_s: of one request; None: none."""

    models: tuple[str, ...]
    messages: tuple[dict[str, str], ...]
    max_tokens: int | None
    timeout_s: float | None
    key: str  # the reply's, the same for all tries


class AllFailed(Exception):
    """No model answered. tried: each with what it said; last: the failure of the last one that was asked."""

    def __init__(self, tried: Sequence[dict[str, Any]], last: ProviderFailed | None) -> None:
        super().__init__(last.message if last is not None else "All models failed")
        self.tried, self.last = list(tried), last

    @property
    def model(self) -> str | None:
        """The one that was asked last."""
        asked = [one["model"] for one in self.tried if one["message"] != _CIRCUIT_OPEN]
        return asked[-1] if asked else None


@dataclass(slots=True)
class Tried:
    """What was tried so far."""

    models: list[dict[str, Any]] = field(default_factory=list)
    last: ProviderFailed | None = None

    def failed(self, model: str, error: ProviderFailed, variant: str) -> None:
        self.last = error
        self.models.append({"model": model, "status": error.status, "message": error.message[:240], "variant": variant})

    def skipped(self, model: str) -> None:
        self.models.append({"model": model, "status": None, "message": _CIRCUIT_OPEN, "variant": None})


async def complete(services: Services, prompt: Prompt) -> tuple[dict[str, Any], str]:
    """The provider's answer, and in which form it was asked for. :raises AllFailed:"""
    client = _client(services)
    alone, tried = await breaker.left_alone(services, prompt.models), Tried()
    for model in prompt.models:
        if model in alone:
            tried.skipped(model)
            continue
        try:
            body, variant = await _one(client, model, prompt)
        except _Gone as gone:
            tried.failed(model, gone.error, gone.variant)
            await breaker.failed(services, model, gone.error)
            continue
        if content_of(body):
            await breaker.worked(services, model)
            return body, variant
    raise AllFailed(tried.models, tried.last)


async def streamed(services: Services, prompt: Prompt) -> AsyncIterator[dict[str, Any]]:
    """The events of the first model that begins; it counts as well from then on. :raises AllFailed, ProviderFailed:"""
    client = _client(services)
    alone, tried = await breaker.left_alone(services, prompt.models), Tried()
    for model in prompt.models:
        if model in alone:
            tried.skipped(model)
            continue
        begun = False
        try:
            async for event in client.events(_payload(model, prompt, "base", stream=True), prompt.timeout_s):
                if not begun:
                    begun = True
                    await breaker.worked(services, model)
                yield event
            return
        except ProviderFailed as error:
            if begun:
                raise
            tried.failed(model, error, "base")
            await breaker.failed(services, model, error)
    raise AllFailed(tried.models, tried.last)


class _Gone(Exception):
    def __init__(self, error: ProviderFailed, variant: str) -> None:
        super().__init__(error.message)
        self.error, self.variant = error, variant


async def _one(client: ProviderClient, model: str, prompt: Prompt) -> tuple[dict[str, Any], str]:
    """:raises _Gone: in no form."""
    for variant in VARIANTS:
        payload = _payload(model, prompt, variant)
        try:
            return await _patient(client, payload, prompt.timeout_s), variant
        except ProviderFailed as error:
            gone = _Gone(error, variant)
            if error.status != 400 and not error.transient:
                break
    raise gone


async def _patient(client: ProviderClient, payload: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
    try:
        return await client.respond(payload, timeout_s)
    except ProviderFailed as error:
        if error.status != 429:
            raise
        await asyncio.sleep(min(AGAIN_MOST_S, max(AGAIN_LEAST_S, error.retry_after or 0.25)))
        return await client.respond(payload, timeout_s)


def _payload(model: str, prompt: Prompt, variant: str, *, stream: bool = False) -> dict[str, Any]:
    form = {"base": {"type": "json_schema"}, "rf_json_object": {"type": "json_object"}}.get(variant)
    return {
        "model": model,
        "input": list(prompt.messages),
        "stream": stream,
        "metadata": {"request_id": prompt.key},
        **({"max_output_tokens": prompt.max_tokens} if prompt.max_tokens is not None else {}),
        **({"response_format": form} if form is not None and not stream else {}),
    }


def content_of(body: dict[str, Any]) -> str:
    """The text of an answer; empty when there is none."""
    output = body.get("output")
    for item in output if isinstance(output, list) else ():
        parts = item.get("content") if isinstance(item, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                return str(part["text"]).strip()
    return ""


def _client(services: Services) -> ProviderClient:
    if services.provider is None:
        raise AllFailed([], ProviderFailed("network: there is no provider"))
    return services.provider


@dataclass(frozen=True, slots=True)
class Answered:
    """What the log keeps of an answer, beside the provider's own body."""

    fn: str
    request_id: str
    user_id: str
    conversation_id: str
    models: tuple[str, ...]
    seconds: float
    timeout_s: float | None
    variant: str
    stage: str = "tool_loop"


async def note(services: Services, answered: Answered, body: dict[str, Any]) -> None:
    """One row of the request log; a failure to write it is swallowed."""
    timeout_ms = None if answered.timeout_s is None else round(answered.timeout_s * 1000)
    meta = {
        "stage": answered.stage,
        "routing": {"model_candidates": list(answered.models)},
        "loop_index": 0,
        "duration_ms": round(answered.seconds * 1000),
        "timeout_ms": timeout_ms,
        "generation_id": body.get("id"),
    }
    client = services.provider
    try:
        async with services.acting(services.service) as connection:
            await connection.execute(
                _LOG_SQL,
                answered.fn,
                answered.request_id,
                answered.user_id,
                answered.conversation_id,
                body.get("provider") or "openrouter",
                body.get("model"),
                client.url if client is not None else None,
                js.stringify(body.get("usage")),
                body.get("id"),
                answered.variant,
                js.stringify(meta),
            )
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("request log", error)
