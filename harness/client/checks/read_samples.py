"""Replies in outline, for rules that need the target's own state and are asked after the run (I67 to I72). (pure)

One function a call. It says nothing about replies that are not of their usual shape: the rules that look at replies as
they arrive do, and so do those of the reply's classification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from harness.client.checks.asked_many import FEEDS, LIMITS
from harness.client.checks.list_stays import MANY
from harness.client.checks.owner import LISTS
from harness.client.checks.read_rule import CheckedReply
from harness.core.read_log import ReadSample

Outline = Callable[[CheckedReply], ReadSample | None]


def _feed(reply: CheckedReply) -> ReadSample | None:
    """The newest page of the own feed. Not under planned faults, whose skewed clocks date rows into the past."""
    limit = reply.asked("p_limit")
    if reply.copies or type(limit) is not int or reply.asked("p_cursor_id") is not None:
        return None
    if reply.asked("p_user_id") != reply.me or type(reply.data) is not list:
        return None
    ids, owners = _ids(reply, "id"), _ids(reply, "user_id")
    if ids is None or owners is None or (account := _raw(reply.me)) is None:
        return None
    return ReadSample(account, None, len(reply.rows) <= limit, _oldest(reply), ids, owners)


def _list(reply: CheckedReply) -> ReadSample | None:
    """All conversations. The last row's time says nothing here."""
    ids, account = _ids(reply, "conversation_id"), _raw(reply.me)
    if ids is None or account is None or type(reply.data) is not list:
        return None
    return ReadSample(account, None, len(reply.rows) < MANY, None, ids)


def _page(reply: CheckedReply) -> ReadSample | None:
    """The newest messages of a conversation."""
    ids, account, subject = _ids(reply, "id"), _raw(reply.me), _raw(reply.arguments[0])
    if ids is None or account is None or subject is None or type(reply.data) is not list:
        return None
    return ReadSample(account, subject, len(reply.rows) < LIMITS["messages_poll"], _oldest(reply), ids)


def _followed(reply: CheckedReply) -> ReadSample | None:
    """Everybody whom one follows."""
    ids, account = _ids(reply, "followed_id"), _raw(reply.me)
    if ids is None or account is None or reply.arguments[0] != reply.me or type(reply.data) is not list:
        return None
    return ReadSample(account, None, len(reply.rows) < MANY, None, ids)


def _diary(reply: CheckedReply) -> ReadSample | None:
    """How many titles one has watched, and rated."""
    account = _raw(reply.me)
    if account is None or not reply.rows or reply.asked("p_user_id") != reply.me:
        return None
    watched, rated = reply.rows[0].get("total_watched"), reply.rows[0].get("total_rated")
    if type(watched) is not int or type(rated) is not int:
        return None
    return ReadSample(account, first=watched, second=rated)


def _title(reply: CheckedReply) -> ReadSample | None:
    """What one's library holds of a title, or how one rated it; detail: empty where there is nothing."""
    account, title = _raw(reply.me), _raw(reply.arguments[1])
    if account is None or title is None or reply.arguments[0] != reply.me:
        return None
    value = reply.rows[0].get("status" if reply.call == "library_entry" else "rating") if reply.rows else ""
    if isinstance(value, int | float):
        value = f"{float(value):g}"
    return ReadSample(account, title, detail=value) if type(value) is str else None


def _ids(reply: CheckedReply, column: str) -> bytes | None:
    return _joined(row.get(column) for row in reply.rows)


def _joined(texts: Iterable[Any]) -> bytes | None:
    found = [_raw(text) for text in texts]
    whole = [one for one in found if one is not None]
    return b"".join(whole) if len(whole) == len(found) else None


def _raw(text: Any) -> bytes | None:
    """A UUID's 16 bytes; None for what is none."""
    try:
        raw = bytes.fromhex(text.replace("-", "")) if type(text) is str else b""
    except ValueError:
        return None
    return raw if len(raw) == 16 else None


def _oldest(reply: CheckedReply) -> int | None:
    at = reply.rows[-1].get("created_at") if reply.rows else None
    try:
        return round(datetime.fromisoformat(at).timestamp() * 1e6) if type(at) is str else None
    except ValueError:
        return None


SAMPLED: Mapping[str, Outline] = {
    **dict.fromkeys(sorted(FEEDS), _feed),
    **dict.fromkeys(sorted(LISTS), _list),
    "messages_poll": _page,
    "people_followed": _followed,
    "diary_stats": _diary,
    "library_entry": _title,
    "own_rating": _title,
}
