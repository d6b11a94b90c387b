"""The stand-in for the model that writes the assistant's replies: its time, its failures, its words.

It answers after `LATENCY_S`, more with the switch `assistant_delay_ms`, and never later than the function's own budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.functions.assistant import reply_text as assistant_reply_text
from sandbox.functions.assistant.reply_text import MODEL, MentionedTitle
from sandbox.services import Services

LATENCY_S = 0.25
BUDGET_S = 50.0
"""What the shipped function allows itself for one reply (contract 6.6)."""
_NOT_CONFIGURED = "Assistant is not configured: missing OPENROUTER_API_KEY (Supabase Edge Functions secret)."
_UNREACHABLE = "I couldn't reach the AI provider right now. Please try again in a moment."
_FAILED = "I ran into an error while generating a reply. Please try again."


class ModelFailed(Exception):
    """The model gave no text. code: what `aiError` says; friendly: what the person gets to read instead."""

    def __init__(self, code: str, friendly: str) -> None:
        super().__init__(code)
        self.code = code
        self.friendly = friendly


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What will be stored. ai_error: set when the text is an apology; model: None when none was asked."""

    text: str
    model: str | None
    actions: tuple[dict[str, Any], ...] = ()
    ai_error: dict[str, Any] | None = None


def configured(services: Services) -> bool:
    """Whether there is a key for the model."""
    return not services.switches.assistant_unconfigured


async def ask(services: Services, question: str, titles: Sequence[MentionedTitle]) -> ModelReply:
    """The model's answer. :raises ModelFailed: when it fails or its time is up."""
    try:
        async with asyncio.timeout(BUDGET_S):
            await asyncio.sleep(LATENCY_S + services.switches.assistant_delay_ms / 1000)
    except TimeoutError:
        raise ModelFailed("AI_TIMEOUT", _UNREACHABLE) from None
    if services.rng.random() < services.switches.assistant_failure_share:
        raise ModelFailed("AI_PROVIDER_ERROR", _FAILED)
    said = assistant_reply_text.compose(question, titles)
    return ModelReply(said.text, MODEL, said.actions)


async def answer(services: Services, question: str, titles: Sequence[MentionedTitle]) -> ModelReply:
    """What the person will read: the model's words, or why there are none; never raises for the model's sake."""
    if not configured(services):
        return ModelReply(_NOT_CONFIGURED, None)
    try:
        return await ask(services, question, titles)
    except ModelFailed as error:
        return ModelReply(error.friendly, None, ai_error={"code": error.code, "message": error.friendly})
