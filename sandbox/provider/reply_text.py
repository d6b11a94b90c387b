"""What the assistant says: a text and buttons that follow from the question alone. (pure)"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_ECHO = 80
_OPENINGS = ("Good question.", "Let me think.", "I have an idea.", "That depends on your mood.", "Happy to help.")
_BRIDGES = (
    "Many people here are watching {titles} this week.",
    "Going by what is popular right now, {titles} would be worth an evening.",
    "If you want something that others finish in one go, try {titles}.",
)
_CLOSINGS = (
    "Tell me which one you have seen already and I will narrow it down.",
    "Shall I put the first one on your watchlist?",
    "Say the word and I will look for something shorter.",
)


@dataclass(frozen=True, slots=True)
class MentionedTitle:
    """A title the assistant may mention."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ComposedReply:
    """One reply: its text, and its buttons as they are stored in `meta.ai.actions`."""

    text: str
    actions: tuple[dict[str, Any], ...]


def compose(question: str, titles: Sequence[MentionedTitle]) -> ComposedReply:
    """The reply to a question, mentioning up to three of the titles."""
    rng = random.Random(zlib.crc32(question.encode("utf-8", "replace")))
    echo = " ".join(question.split())[:LONGEST_ECHO]
    parts = [rng.choice(_OPENINGS)]
    if echo:
        parts.append(f"You asked: “{echo}”.")
    mentioned = list(titles[:3])
    if mentioned:
        parts.append(rng.choice(_BRIDGES).format(titles=_enumerated([title.name for title in mentioned])))
    parts.append(rng.choice(_CLOSINGS))
    return ComposedReply(" ".join(parts), _buttons(mentioned))


def _buttons(titles: Sequence[MentionedTitle]) -> tuple[dict[str, Any], ...]:
    if not titles:
        return ()
    first = titles[0]
    watch = {"titleId": first.id, "status": "want_to_watch"}
    return (
        {"id": "watchlist", "label": "Set status: want to watch", "type": "diary_set_status", "payload": watch},
        {"id": "open", "label": f"Open {first.name}", "type": "navigate", "payload": {"to": f"/title/{first.id}"}},
        {"id": "dismiss", "label": "Dismiss", "type": "dismiss"},
    )


def _enumerated(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
