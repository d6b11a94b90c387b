"""The words of a reply: which models are asked for them, how patiently, and what people read when none answers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.functions import js
from sandbox.functions.assistant import completion, failures
from sandbox.functions.assistant.completion import AllFailed, Answered, Prompt
from sandbox.provider.answers import TITLES
from sandbox.provider.client import ProviderFailed
from sandbox.provider.models import CREATIVE, FAST
from sandbox.provider.reply_text import MentionedTitle
from sandbox.services import Services

FN = "assistant-chat-reply"
BUDGET_S, SPARE_S, LEAST_S = 50.0, 1.5, 1.0
"""What the function allows itself for one reply, what of it is kept for storing, what a model gets at least."""
TIMEOUT_S, STREAM_TIMEOUT_S = 12.0, 60.0
"""For one request to a model, unless `assistant_settings.params.timeout_ms` says otherwise."""
MAX_TOKENS = 4096
"""Likewise, `max_output_tokens`."""
_NOT_CONFIGURED = "Assistant is not configured: missing OPENROUTER_API_KEY (Supabase Edge Functions secret)."
_FRIENDLY = {
    "AI_TIMEOUT": "The assistant needed too long. Please try again.",
    "AI_RATE_LIMIT": "The assistant is busy. Please try again in a moment.",
    "AI_NETWORK": "The assistant cannot be reached. Please try again in a moment.",
}
_OTHERWISE = "The assistant has no answer right now. Please try again in a moment."
_SYSTEM = "You help people of a film app to choose. Answer as JSON: type, text, actions."


class ModelFailed(Exception):
    """No model gave any text. code: what `aiError` says; friendly: what the person gets to read instead."""

    def __init__(self, code: str, error: AllFailed) -> None:
        super().__init__(str(error))
        self.code, self.error = code, error
        self.friendly = _FRIENDLY.get(code, _OTHERWISE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reply that is asked for. params: of `assistant_settings`; models: likewise, the first one first."""

    question: str
    titles: Sequence[MentionedTitle]
    user_id: str
    conversation_id: str
    request_id: str
    models: tuple[str, ...]
    params: dict[str, Any]
    begun: float  # when the function was called, on the clock of `time.monotonic`

    def prompt(self, services: Services, *, stream: bool = False) -> Prompt:
        """What the models get to see."""
        messages = [{"role": "system", "content": _SYSTEM}]
        if self.titles:
            found = [[title.id, title.name] for title in self.titles]
            messages.append({"role": "user", "content": TITLES + orjson.dumps(found).decode()})
        messages.append({"role": "user", "content": self.question})
        limit = _figure(self.params.get("max_output_tokens"), MAX_TOKENS)
        return Prompt(
            self.models,
            tuple(messages),
            None if services.switches.assistant_max_tokens_ignored else int(limit),
            None if services.switches.assistant_timeout_ignored else self.timeout_s(stream=stream),
            self.request_id,
        )

    def timeout_s(self, *, stream: bool = False) -> float:
        """For each request to a model, from what is left now."""
        given = _figure(self.params.get("timeout_ms"), 0.0) / 1000
        if stream:
            return given if given >= 15 else STREAM_TIMEOUT_S
        left = BUDGET_S - (time.monotonic() - self.begun)
        return max(LEAST_S, min(given or TIMEOUT_S, max(LEAST_S, left - SPARE_S)))


def _figure(value: Any, default: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if usable else float(default)


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What will be stored. ai_error: set when the text is an apology; model: the one that was asked last, if any."""

    text: str
    model: str | None
    actions: tuple[dict[str, Any], ...] = ()
    ai_error: dict[str, Any] | None = None


def models_of(row: Any) -> tuple[str, ...]:
    """Those that the settings name, in the order in which they are asked; else the deployment's own two."""
    names: list[str | None] = []
    if row is not None:
        kinds = ("model_fast", "model_creative", "model_planner", "model_maker", "model_critic")
        named = [row[kind] or {"model_fast": FAST, "model_creative": CREATIVE}.get(kind) for kind in kinds]
        names += [*named, *row["fallback_models"], *row["model_catalog"]]
    return tuple(dict.fromkeys(name for name in names if name)) or (FAST, CREATIVE)


def configured(services: Services) -> bool:
    """Whether there is a key for the provider."""
    return not services.switches.assistant_unconfigured


async def ask(services: Services, wanted: Wanted) -> ModelReply:
    """A model's answer. :raises ModelFailed: when none has one."""
    prompt, begun = wanted.prompt(services), time.monotonic()
    timeout_s = wanted.timeout_s()
    try:
        body, variant = await completion.complete(services, prompt)
    except AllFailed as error:
        raise ModelFailed(_code_of(error.last), error) from None
    _note(services, wanted, body, begun, variant, timeout_s)
    said = completion.content_of(body)
    model = str(body.get("model") or "") or None
    try:
        agent = orjson.loads(said)
    except orjson.JSONDecodeError:
        agent = None
    if not isinstance(agent, dict) or not isinstance(agent.get("text"), str):
        return ModelReply(said.replace("\0", ""), model)  # taken as it is: output validation is lenient as shipped
    actions = agent.get("actions")
    return ModelReply(agent["text"], model, tuple(actions) if isinstance(actions, list) else ())


async def answer(services: Services, wanted: Wanted) -> ModelReply:
    """What the person will read: a model's words, or why there are none; never raises for a model's sake."""
    if not configured(services):
        return ModelReply(_NOT_CONFIGURED, None)
    try:
        return await ask(services, wanted)
    except ModelFailed as error:
        told = _envelope(wanted, error)
        await failures.note(
            services,
            FN,
            error.code,
            str(error),
            request_id=wanted.request_id,
            user_id=wanted.user_id,
            details={"ai": told},
        )
        return ModelReply(error.friendly, error.error.model, ai_error=told)


async def stream(services: Services, wanted: Wanted) -> AsyncIterator[str | ModelReply]:
    """The words as a model says them, then the whole. :raises ModelFailed: also in the middle."""
    begun, said, last = time.monotonic(), [], {}
    timeout_s = wanted.timeout_s(stream=True)
    try:
        async for event in completion.streamed(services, wanted.prompt(services, stream=True)):
            if event.get("type") == "response.output_text.delta":
                said.append(str(event.get("delta", "")))
                yield said[-1]
            elif isinstance(event.get("response"), dict):
                last = event["response"]
    except AllFailed as error:
        raise ModelFailed(_code_of(error.last), error) from None
    except ProviderFailed as error:
        raise ModelFailed(_code_of(error), AllFailed([], error)) from None
    _note(services, wanted, last, begun, "base", timeout_s, stage="stream_passthrough")
    yield ModelReply("".join(said).replace("\0", ""), str(last.get("model") or "") or None)


def _note(
    services: Services,
    wanted: Wanted,
    body: dict[str, Any],
    begun: float,
    variant: str,
    timeout_s: float,
    stage: str = "tool_loop",
) -> None:
    answered = Answered(
        FN,
        wanted.request_id,
        wanted.user_id,
        wanted.conversation_id,
        wanted.models,
        time.monotonic() - begun,
        timeout_s,
        variant,
        stage,
    )
    services.background.spawn(completion.note(services, answered, body))  # nobody waits for it


def _code_of(error: ProviderFailed | None) -> str:
    if error is None:
        return "AI_UNKNOWN"
    if error.status in (401, 403):
        return "AI_UNAUTHORIZED"
    known = {429: "AI_RATE_LIMIT", 400: "AI_BAD_REQUEST", 504: "AI_TIMEOUT"}.get(error.status or 0)
    if known is not None:
        return known
    if error.timed_out:
        return "AI_TIMEOUT"
    return "AI_NETWORK" if error.status is None else "AI_UPSTREAM_5XX" if error.status >= 500 else "AI_UNKNOWN"


def _envelope(wanted: Wanted, failed: ModelFailed) -> dict[str, Any]:
    """`aiError`, as it goes to the client and into the alert."""
    error, last = failed.error, failed.error.last
    return {
        "kind": "openrouter",
        "code": failed.code,
        "reason": js.first(str(error), 220),
        "retryable": failed.code in ("AI_TIMEOUT", "AI_RATE_LIMIT", "AI_UPSTREAM_5XX", "AI_NETWORK"),
        "culprit": None,
        "context": {
            "requestId": wanted.request_id,
            "status": last.status if last is not None else None,
            "model": error.model,
            "modelsTried": error.tried,
            "timeoutMs": round(wanted.timeout_s() * 1000),
        },
        "raw": {"message": js.first(str(error), 500), "status": last.status if last is not None else None},
    }
