"""Which suggestions a screen gets, and how long they hold (contract 6.6). (pure)

They follow from rules alone: none to two, more while a goal or a plan is under way. Without a model's word for it,
nobody fills up to the number that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.functions import js

SURFACES = ("home", "swipe", "search", "title", "diary", "messages")
LIMIT_DEFAULT, LIMIT_MAX = 3, 6
HOME_LIKES, SWIPE_LIKES, MESSAGE_LIKES = 8, 10, 1
"""How many of the latest likes are looked at."""
_TTL_MIN = {"swipe": 30, "messages": 30, "search": 60, "title": 360, "diary": 360, "home": 720}
_DAILY_CAP = {2: 20, 1: 12, 0: 0}
_IDENTIFYING = {"title": "titleId", "messages": "conversationId", "swipe": "sessionId"}
_CONTENT = {"anime": "anime", "series": "series", "episode": "series"}
_DISMISS = {"id": "dismiss", "label": "Dismiss", "type": "dismiss"}
_PLAN = "weekly_watch_plan"


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggestion before it is stored."""

    kind: str
    title: str
    body: str
    buttons: tuple[dict[str, Any], ...]
    score: float
    dismissible: bool = True
    """Whether a last button dismisses it."""

    @property
    def actions(self) -> list[dict[str, Any]]:
        """All buttons."""
        return [*self.buttons, _DISMISS] if self.dismissible else list(self.buttons)


@dataclass(frozen=True, slots=True)
class SuggestedTitle:
    """A title that a draft is about. kind: the catalogue's word."""

    id: str
    kind: str | None
    name: str = ""

    @property
    def content_type(self) -> str:
        """The library's word for its kind."""
        return _CONTENT.get((self.kind or "").lower(), "movie")


@dataclass(frozen=True, slots=True)
class Known:
    """What the drafts of a screen depend on.

    goal: its summary as clients get it. plan_list: the running plan's list.
    """

    context: Mapping[str, Any]
    goal: Mapping[str, Any] | None = None
    plan_list: str | None = None
    title: SuggestedTitle | None = None
    likes: Sequence[SuggestedTitle] = ()
    """The latest first; the first one with its name where the screen is a conversation."""

    def text(self, name: str) -> str | None:
        """A member of the context, if it is a text."""
        value = self.context.get(name)
        return value if isinstance(value, str) else None


def surface_of(given: Any) -> str:
    """The screen's name; `home` for anything unknown. :raises TypeError: for what JavaScript cannot make a text of."""
    name = js.string(given).lower()
    return name if name in SURFACES else "home"


def limit_of(given: Any) -> int:
    """How many suggestions are wanted at most: 1..6, 3 unless a number is given; given: ABSENT or a JSON value."""
    number = js.to_number(given)
    if number is None or number in (float("inf"), float("-inf")):
        return LIMIT_DEFAULT
    return max(1, min(LIMIT_MAX, int(number // 1)))


def context_key(surface: str, context: Mapping[str, Any]) -> str:
    """What suggestions are cached by: the screen, and the one thing that tells two such screens apart."""
    stable = {"surface": surface}
    name = _IDENTIFYING.get(surface)
    if name is not None and isinstance(context.get(name), str):
        stable[name] = context[name]
    if surface == "search" and isinstance(context.get("query"), str):
        stable["query"] = js.first(" ".join(js.trim(context["query"]).lower().split()), 60)
    return js.stringify(stable)


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


def drafts(surface: str, known: Known, *, limit: int, recent_kinds: frozenset[str] = frozenset()) -> list[Draft]:
    """Up to `limit` suggestions; of a kind that the screen had lately only when there is no other."""
    made = [*_of_goal(surface, known), *_of_plan(surface, known), *_RULES[surface](known)][:limit]
    if surface == "title" and known.title is None:  # the shipped code leaves before it adds the last button
        made = [replace(draft, dismissible=False) for draft in made]
    kept = [draft for draft in made if draft.kind not in recent_kinds] or made
    distinct = {(draft.kind, draft.title.lower()): draft for draft in reversed(kept)}
    return [draft for draft in kept if distinct[draft.kind, draft.title.lower()] is draft]


def _of_goal(surface: str, known: Known) -> list[Draft]:
    goal = known.goal
    if surface != "home" or goal is None:
        return []
    ends = "soon"
    if goal["endAt"]:
        day = datetime.fromisoformat(goal["endAt"])
        ends = f"{day.month}/{day.day}/{day.year}"
    steps = [{"tool": "goal_end", "args": {"goalId": goal["id"], "status": "completed"}}]
    end = {"id": "end_goal", "label": "End goal", "type": "toolchain"}
    buttons = (
        *([_navigate("open_goal_list", "Open plan", f"/lists/{goal['listId']}")] if goal["listId"] else []),
        {**end, "payload": {"steps": steps, "navigateStrategy": "none"}},
        {"id": "dismiss_goal", "label": "Not now", "type": "dismiss"},
    )
    progress = f"{goal['progressCount']}/{goal['targetCount'] or '?'}"
    return [Draft("goal_progress", f"Goal: {goal['title']}", f"Progress: {progress}. Ends {ends}.", buttons, 1.05)]


def _of_plan(surface: str, known: Known) -> list[Draft]:
    if not known.plan_list:
        return []
    opened = _navigate("open_plan_list", "Open plan", f"/lists/{known.plan_list}")
    end = {"id": "end_plan", "label": "End plan", "type": "playbook_end", "payload": {"playbookId": _PLAN}}
    if surface == "home":
        body = "Your plan is in progress. Open the list to tweak it, or end the plan when you’re done."  # noqa: RUF001 - as it is told
        return [Draft("goal_continue", "Continue your Watch Plan", body, (opened, end), 1.0)]
    conversation_id, title_id = known.text("conversationId"), known.text("titleId")
    if surface == "messages" and conversation_id:
        text = f"I made a watch plan — want to watch these together? /lists/{known.plan_list}"
        meta = {"kind": "assistant_playbook", "playbookId": _PLAN, "listId": known.plan_list}
        payload = {"conversationId": conversation_id, "text": text, "meta": meta}
        send = {"id": "send_plan", "label": "Send", "type": "message_send", "payload": payload}
        return [Draft("goal_share", "Share your plan", "Send your watch plan list in this chat.", (send, end), 0.95)]
    if surface == "title" and title_id:
        kind = known.title.content_type if known.title else "movie"
        payload = {"listId": known.plan_list, "titleId": title_id, "contentType": kind}
        add = {"id": "add_to_plan", "label": "Add", "type": "list_add_item", "payload": payload}
        body = "Keep your plan focused — add this title to your active list."
        return [Draft("goal_add_title", "Add this to your plan", body, (add, opened), 0.9)]
    return []


def _title(known: Known) -> list[Draft]:
    about = known.title
    if about is None:
        return []
    named = {"titleId": about.id, "contentType": about.content_type}
    watch = {"id": "watchlist", "label": "Add to Watchlist", "type": "diary_set_status"}
    pick = _list("make_list", "My picks", "Created by Assistant", [named])
    later = f"Add “{about.name}” to your Watchlist so it doesn't disappear."
    tiny = f"Make a list for this vibe and pin “{about.name}” as the first pick."
    status = {**watch, "payload": {**named, "status": "want_to_watch"}}
    return [
        Draft("save_to_diary", "Save for later", later, (status,), 0.9),
        Draft("create_list", "Start a tiny list", tiny, (pick,), 0.7),
    ]


def _home(known: Known) -> list[Draft]:
    made = []
    if len(known.likes) >= 3:
        items: list[dict[str, Any]] = [_item(like) for like in known.likes[:6]]
        items[0]["note"] = "Top pick"
        body = "Turn your latest likes into a shareable list in one tap."
        button = _list("create_recent_likes", "Recent likes", "Auto-built from your likes", items)
        made.append(Draft("create_list", "Bundle your recent likes", body, (button,), 0.8))
    body = "A quick swipe session trains your taste profile and improves recommendations."
    go = _navigate("go_swipe", "Go to Swipe", "/swipe")
    return [*made, Draft("navigate", "Get a stronger feed", body, (go,), 0.6)]


def _swipe(known: Known) -> list[Draft]:
    made = []
    if len(known.likes) >= 2:
        items = [_item(like) for like in known.likes[:8]]
        body = "Collect what you liked this session into a list you can come back to."
        button = _list("create_swipe_finds", "Swipe finds", "Auto-built from this swipe session", items)
        made.append(Draft("create_list", "Save your Swipe finds", body, (button,), 0.85))
    body = "Use Search to like a couple of anchors, then come back to Swipe for better matches."
    go = _navigate("go_search", "Open Search", "/search")
    return [*made, Draft("navigate", "Steer your next deck", body, (go,), 0.5)]


def _messages(known: Known) -> list[Draft]:
    conversation_id = known.text("conversationId")
    if not conversation_id:
        return []
    text, what = "If you're looking for something to watch, I can recommend something.", "a movie"
    meta = {"kind": "recommendation"}
    if known.likes:
        liked = known.likes[0]
        what = f"“{liked.name}”" if liked.name else what
        text, meta = f"If you're looking for something to watch: {what}.", {**meta, "titleId": liked.id}
    payload = {"conversationId": conversation_id, "text": text, "meta": meta}
    send = {"id": "send_rec", "label": "Send", "type": "message_send", "payload": payload}
    body = f"Drop a quick note recommending {what} — it lands best while you're already chatting."
    return [Draft("message_send", "Share a recommendation", body, (send,), 0.7)]


def _diary(known: Known) -> list[Draft]:
    body = "Pick one title and flip it to Watching — it keeps your next session focused."
    go = _navigate("go_diary", "Open Diary", "/diary")
    return [Draft("navigate", "Make your Diary actionable", body, (go,), 0.4)]


def _search(known: Known) -> list[Draft]:
    body = "Like 2–3 titles you love here, then Swipe will match the vibe faster."  # noqa: RUF001 - as it is told
    go = _navigate("go_swipe", "Go to Swipe", "/swipe")
    return [Draft("navigate", "Anchor your taste", body, (go,), 0.4)]


_RULES = {
    "title": _title,
    "home": _home,
    "swipe": _swipe,
    "messages": _messages,
    "diary": _diary,
    "search": _search,
}


def _navigate(name: str, label: str, to: str) -> dict[str, Any]:
    return {"id": name, "label": label, "type": "navigate", "payload": {"to": to}}


def _item(title: SuggestedTitle) -> dict[str, Any]:
    return {"titleId": title.id, "contentType": title.content_type}


def _list(name: str, list_name: str, description: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    payload = {"name": list_name, "description": description, "isPublic": False, "items": items}
    return {"id": name, "label": "Create list", "type": "create_list", "payload": payload}
