"""Which requests change what a phone remembers of its own writes, and how. (pure)

A change is told twice, when the request leaves and when it is over: what is on its way is not certain. Acknowledged is
Outcome.OK alone, but for what is already there: followed, and reacted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from harness.client.checks.phone_memory import (
    DELETED,
    OWN_MESSAGES,
    MessageText,
    OwnMessage,
    PhoneMemory,
    WrittenMarker,
)
from harness.core.outcome import Outcome

Arguments = tuple[str, ...]
TELLS_FEED = frozenset(("want_to_watch", "watched"))
"""Statuses that leave a row in the feed by trigger (contract 4)."""
_MOVES_LIBRARY = (b'"watchlist"', b'"rating"', b'"status"')


def _member(body: Any, name: str) -> str:
    value = body.get(name) if type(body) is dict else None
    return value if type(value) is str else ""


# ---- when they leave ---------------------------------------------------------------------------------------------


def _library(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.library.begins(_member(body, "title_id"))


def _unlibrary(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.library.begins(arguments[1])


def _rating(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.ratings.begins(_member(body, "title_id"))
    memory.library.blur(_member(body, "title_id"))


def _review(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.library.blur(_member(body, "title_id"))


def _follow(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.follows.begins(_member(body, "followed_id"))
    memory.changes_follows()


def _unfollow(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.follows.begins(arguments[1])
    memory.changes_follows()


def _react(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.reactions.begins((_member(body, "message_id"), _member(body, "emoji")))


def _unreact(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.reactions.begins((arguments[0], unquote(arguments[2])))


def _read(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.markers.begins(_member(body, "conversation_id"))


def _mark_read(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.markers.begins(_member(body, "p_conversation_id"))


def _mark_unread(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.markers.begins(arguments[0])


def _names(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.names.begins(arguments[0])


def _account(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    memory.welcomed = True


def _edit(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    if arguments[0] in memory.texts:
        memory.texts.begins(arguments[0])


def _events(memory: PhoneMemory, arguments: Arguments, body: Any) -> None:
    """Work in the background of the event endpoint writes library and ratings, whenever it gets to it (3.5)."""
    if type(body) is bytes:
        if not any(word in body for word in _MOVES_LIBRARY):
            return
        body = orjson.loads(body)
    items = body.get("items") if type(body) is dict else None
    for item in items if type(items) is list else [body]:
        if type(item) is not dict:
            continue
        events = item.get("events")
        for event in events if type(events) is list else [item]:
            action = (event.get("payload") or {}).get("action")
            if event.get("eventType") in ("watchlist", "rating") or action == "status":
                memory.library.blur(_member(item, "mediaItemId"))
                memory.ratings.blur(_member(item, "mediaItemId"))


BEGINS: Mapping[str, Callable[[PhoneMemory, Arguments, Any], None]] = {
    "library_write": _library,
    "library_delete": _unlibrary,
    "rating_write": _rating,
    "review_write": _review,
    "follow": _follow,
    "unfollow": _unfollow,
    "react": _react,
    "unreact": _unreact,
    "read_receipt": _read,
    "mark_read": _mark_read,
    "mark_unread": _mark_unread,
    "profile_names": _names,
    "user_update": _account,
    "message_edit": _edit,
    "message_delete": _edit,
    "swipe_events": _events,
    "title_event": _events,
}

# ---- when they are over ------------------------------------------------------------------------------------------


def _library_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    done, status = outcome is Outcome.OK, _member(body, "status")
    memory.library.ends(_member(body, "title_id"), status, at, outcome)
    if done and status in TELLS_FEED and memory.active_at is None:
        memory.active_at = at


def _unlibrary_done(
    memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float
) -> None:
    memory.library.ends(arguments[1], "", at, outcome)


def _rating_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    rating = body.get("rating")
    if isinstance(rating, int | float):
        memory.ratings.ends(_member(body, "title_id"), float(rating), at, outcome)


def _follow_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    memory.follows.ends(_member(body, "followed_id"), True, at, Outcome.OK if outcome.good else outcome)
    memory.changed_follows(at)


def _unfollow_done(
    memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float
) -> None:
    memory.follows.ends(arguments[1], False, at, outcome)
    memory.changed_follows(at)


def _react_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    key = (_member(body, "message_id"), _member(body, "emoji"))
    memory.reactions.ends(key, True, at, Outcome.OK if outcome.good else outcome)
    memory.reacted_in[key] = _member(body, "conversation_id")
    for old in [one for one in memory.reacted_in if one not in memory.reactions]:
        del memory.reacted_in[old]


def _unreact_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    key = (arguments[0], unquote(arguments[2]))
    memory.reactions.ends(key, False, at, outcome)


def _read_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    written = WrittenMarker(_member(body, "last_read_message_id"), _member(body, "last_read_at"))
    memory.markers.ends(_member(body, "conversation_id"), written, at, outcome)


def _mark_read_done(
    memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float
) -> None:
    """Dated by the server: what stands there is not known."""
    memory.markers.ends(_member(body, "p_conversation_id"), WrittenMarker("", ""), at, outcome)


def _mark_unread_done(
    memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float
) -> None:
    """As shipped it changes nothing (trap T45); where a policy allows it, it does."""
    memory.markers.ends(arguments[0], WrittenMarker("", ""), at, outcome)


def _names_done(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    names = (_member(body, "display_name"), _member(body, "username"))
    memory.names.ends(arguments[0], names, at, outcome)


def _sent(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    row = data[0] if type(data) is list and len(data) == 1 else data
    id_, created = _member(row, "id"), _member(row, "created_at")
    if outcome is not Outcome.OK or not id_ or not created or type(body) is not dict:
        return
    if len(memory.sent) == OWN_MESSAGES:
        memory.texts.forget(memory.sent.pop(0).id)
    memory.sent.append(OwnMessage(_member(body, "conversation_id"), id_, created, at))
    memory.texts.settle(id_, MessageText.of(body.get("text"), body.get("client_id")), at)


def _edited(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    written = MessageText.of(body.get("text"), body.get("client_id")) if type(body) is dict else DELETED
    memory.texts.ends(arguments[0], written, at, outcome)


def _deleted(memory: PhoneMemory, arguments: Arguments, body: Any, data: Any, outcome: Outcome, at: float) -> None:
    memory.texts.ends(arguments[0], DELETED, at, outcome)


ENDS: Mapping[str, Callable[[PhoneMemory, Arguments, Any, Any, Outcome, float], None]] = {
    "library_write": _library_done,
    "library_delete": _unlibrary_done,
    "rating_write": _rating_done,
    "follow": _follow_done,
    "unfollow": _unfollow_done,
    "react": _react_done,
    "unreact": _unreact_done,
    "read_receipt": _read_done,
    "mark_read": _mark_read_done,
    "mark_unread": _mark_unread_done,
    "profile_names": _names_done,
    "message_send": _sent,
    "message_edit": _edited,
    "message_delete": _deleted,
}
