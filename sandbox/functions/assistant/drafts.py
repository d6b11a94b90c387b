"""Which suggestions a screen gets, and how long they hold (contract 6.6). (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.functions.assistant.reply_text import MentionedTitle

SURFACES = ("home", "swipe", "search", "title", "diary", "messages")
LIMIT_DEFAULT, LIMIT_MAX = 3, 6
_TTL_MIN = {"swipe": 30, "messages": 30, "search": 60, "title": 360, "diary": 360, "home": 720}
_DAILY_CAP = {2: 20, 1: 12, 0: 0}
_IDENTIFYING = {"title": "titleId", "messages": "conversationId", "swipe": "sessionId"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggestion before it is stored."""

    kind: str
    title: str
    body: str
    actions: tuple[dict[str, Any], ...]


def surface_of(given: Any) -> str:
    """The screen's name; `home` for anything unknown."""
    name = str(given or "").lower()
    return name if name in SURFACES else "home"


def limit_of(given: Any) -> int:
    """How many suggestions are wanted: 1..6, 3 unless told."""
    usable = isinstance(given, int | float) and not isinstance(given, bool)
    return max(1, min(LIMIT_MAX, int(given))) if usable else LIMIT_DEFAULT


def context_key(surface: str, context: dict[str, Any]) -> str:
    """What suggestions are cached by: the screen, and the one thing that tells two such screens apart."""
    stable = {"surface": surface}
    name = _IDENTIFYING.get(surface)
    if name is not None and isinstance(context.get(name), str):
        stable[name] = context[name]
    if surface == "search" and isinstance(context.get("query"), str):
        stable["query"] = " ".join(context["query"].lower().split())[:60]
    return orjson.dumps(stable).decode()


def ttl_min(surface: str) -> int:
    """Minutes for which stored suggestions are served again."""
    return _TTL_MIN[surface]


def cooldown_min(surface: str, level: int) -> int:
    """Minutes of silence on a screen after something was dismissed there."""
    if level == 2:
        return 5 if surface == "swipe" else 8
    if level == 1:
        return 10 if surface == "swipe" else 15
    return 60


def daily_cap(level: int) -> int:
    """Suggestions made for one person in 24 h."""
    return _DAILY_CAP[level]


def drafts(surface: str, titles: Sequence[MentionedTitle], *, has_goal: bool, limit: int) -> list[Draft]:
    """Up to `limit` suggestions."""
    others = [_goal_end() if has_goal else _goal_start()]
    if surface != "swipe":  # nobody there needs to be sent there
        others.append(_swipe())
    left = max(1, limit - len(others))
    return [*(_watchlist(title) for title in titles[:left]), *others][:limit]


def _dismiss() -> dict[str, Any]:
    return {"id": "dismiss", "label": "Dismiss", "type": "dismiss"}


def _watchlist(title: MentionedTitle) -> Draft:
    watch = {"titleId": title.id, "status": "want_to_watch"}
    actions = (
        {"id": "add", "label": "Add to watchlist", "type": "diary_set_status", "payload": watch},
        {"id": "open", "label": "Open", "type": "navigate", "payload": {"to": f"/title/{title.id}"}},
        _dismiss(),
    )
    return Draft("watchlist_add", f"Keep {title.name}?", "Popular with people who like what you like.", actions)


def _goal_start() -> Draft:
    payload = {"title": "Three this week", "target": 3}
    actions = ({"id": "start", "label": "Start", "type": "goal_start", "payload": payload}, _dismiss())
    return Draft("goal_start", "Plan your week", "Three titles in seven days: shall I keep count?", actions)


def _goal_end() -> Draft:
    actions = ({"id": "end", "label": "End goal", "type": "goal_end", "payload": {}}, _dismiss())
    return Draft("goal_end", "Still on it?", "Your goal is running. End it if it no longer fits.", actions)


def _swipe() -> Draft:
    actions = ({"id": "go", "label": "Swipe", "type": "navigate", "payload": {"to": "/swipe"}}, _dismiss())
    return Draft("navigate", "Teach me your taste", "Ten swipes make tomorrow's picks better.", actions)
