"""The models, their prices and how long they take. (pure)

Prices and speeds are the stand-in's own, of the order of what small and middle-sized hosted models cost in 2026.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PACE = 1.0
"""Multiplies every time that a model takes; tests that ask often lower it."""
CHARS_PER_TOKEN = 4
LONGEST = 8192
"""Tokens that a model writes when nobody says when to stop."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """One model. Prices in dollars for a million tokens, times in seconds."""

    name: str
    prompt_price: float
    completion_price: float
    first_token_s: float
    token_s: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars."""
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / 1e6

    def seconds(self, tokens: int) -> float:
        """From the question to the last token."""
        return self.first_token_s + tokens * self.token_s


MODELS = {
    model.name: model
    for model in (
        LanguageModel("sandbox/talker-1", 0.15, 0.60, 0.12, 0.001),
        LanguageModel("sandbox/thinker-1", 2.50, 10.00, 0.30, 0.0025),
        LanguageModel("sandbox/gratis-1", 0.0, 0.0, 0.60, 0.005),
    )
}
FAST, CREATIVE = "sandbox/talker-1", "sandbox/thinker-1"
"""What a deployment asks first and second when its settings name nothing."""


def tokens_of(text: str) -> int:
    """How many tokens a text has."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)
