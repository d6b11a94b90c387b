"""Replies in outline, for rules that need the target's own state and are asked after the run (I67 to I81). (pure)

One function a call. It says nothing about replies that are not of their usual shape: the rules that look at replies as
they arrive do, and so do those of the reply's classification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from harness.client.checks.asked_many import FEEDS, LIMITS
from harness.client.checks.list_stays import MANY
from harness.client.checks.owner import LISTS
from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.settings_outline import settings_outline
from harness.core.instants import epoch_us
from harness.core.outcome import Outcome
from harness.core.read_log import ReadSample

Outline = Callable[[CheckedReply], ReadSample | None]
ToldOutline = Callable[[CheckedReply, Outcome], ReadSample | None]
TRIED_AT_MOST, NAME_AT_MOST, PATH_AT_MOST = 12, 80, 400
NO_ID = bytes(16)
"""Where a row has no such id."""


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
    """All conversations; owners: of each the last message. The last row's time says nothing here."""
    ids, account = _ids(reply, "conversation_id"), _raw(reply.me)
    if ids is None or account is None or type(reply.data) is not list:
        return None
    last = [NO_ID if (id_ := row.get("last_message_id")) is None else _raw(id_) for row in reply.rows]
    named = b"".join(raw for raw in last if raw is not None) if None not in last else b""
    return ReadSample(account, None, len(reply.rows) < MANY, None, ids, named)


def _page(reply: CheckedReply) -> ReadSample | None:
    """The newest messages of a conversation; owners: when each is dated, epoch us in 16 bytes."""
    ids, account, subject = _ids(reply, "id"), _raw(reply.me), _raw(reply.arguments[0])
    if ids is None or account is None or subject is None or type(reply.data) is not list:
        return None
    dated = [_instant(row.get("created_at")) for row in reply.rows]
    told = b"".join(at.to_bytes(16, "big") for at in dated if at is not None and at > 0)
    told = told if len(told) == len(ids) else b""
    return ReadSample(account, subject, len(reply.rows) < LIMITS["messages_poll"], _oldest(reply), ids, told)


def _markers(reply: CheckedReply) -> ReadSample | None:
    """The read markers of a conversation; ids: whose, owners: when each is dated, epoch us in 16 bytes, 0 for no time.
    Not under planned faults, which may store an older one again."""
    whose, account, subject = _ids(reply, "user_id"), _raw(reply.me), _raw(reply.arguments[0])
    if reply.copies or whose is None or account is None or subject is None or type(reply.data) is not list:
        return None
    dated = [_instant(row.get("last_read_at")) for row in reply.rows]
    told = b"".join(max(0, at or 0).to_bytes(16, "big") for at in dated)
    return ReadSample(account, subject, ids=whose, owners=told)


def _followed(reply: CheckedReply) -> ReadSample | None:
    """Everybody whom one follows."""
    ids, account = _ids(reply, "followed_id"), _raw(reply.me)
    if ids is None or account is None or reply.arguments[0] != reply.me or type(reply.data) is not list:
        return None
    return ReadSample(account, None, len(reply.rows) < LIMITS.get(reply.call, MANY), None, ids)


def _diary(reply: CheckedReply) -> ReadSample | None:
    """How many titles one has watched, and rated."""
    account = _raw(reply.me)
    if account is None or not reply.rows or reply.asked("p_user_id") != reply.me:
        return None
    watched, rated = reply.rows[0].get("total_watched"), reply.rows[0].get("total_rated")
    if type(watched) is not int or type(rated) is not int:
        return None
    return ReadSample(account, first=watched, second=rated)


def _stats(reply: CheckedReply) -> ReadSample | None:
    """How many people one follows, by the row that counts them; none: there is no row."""
    if not reply.data and reply.arguments[0] == reply.me:
        account = _raw(reply.me)
        return None if account is None else ReadSample(account)
    following = reply.rows[0].get("following_count") if len(reply.rows) == 1 else None
    account = _raw(reply.me)
    if account is None or type(following) is not int or reply.arguments[0] != reply.me:
        return None
    return ReadSample(account, first=following)


def _hints(reply: CheckedReply) -> ReadSample | None:
    """Suggestions of the assistant; detail: the key under which the server keeps them."""
    data, account = _object(reply.data), _raw(reply.me)
    key, listed = data.get("contextKey"), data.get("suggestions")
    if account is None or type(key) is not str or type(listed) is not list:
        return None
    ids = _joined(_object(one).get("id") for one in listed)
    return None if ids is None else ReadSample(account, ids=ids, detail=key[:PATH_AT_MOST])


def _status(reply: CheckedReply) -> ReadSample | None:
    """What the assistant does; subject and detail: the conversation. first, second: whether it types, and whether it
    has a message waiting."""
    data, account, asked = _object(reply.data), _raw(reply.me), reply.asked("p_conversation_id")
    typing, queued, subject = data.get("is_typing"), data.get("is_queued"), _raw(asked)
    if account is None or subject is None or type(typing) is not bool or type(queued) is not bool:
        return None
    return ReadSample(account, subject, detail=asked, first=int(typing), second=int(queued))


def _settings(reply: CheckedReply) -> ReadSample | None:
    """The public settings; first: their version."""
    told, account = settings_outline(reply.data), _raw(reply.me)
    return None if told is None or account is None else ReadSample(account, detail=told[1], first=told[0])


def _removed(reply: CheckedReply) -> ReadSample | None:
    """A file whose removal was acknowledged; detail: its path. Not under planned faults, which may send it twice."""
    named, account = reply.asked("prefixes"), _raw(reply.me)
    if reply.copies or account is None or type(named) is not list or len(named) != 1 or not reply.rows:
        return None
    path = named[0]
    return ReadSample(account, detail=path) if type(path) is str and len(path) <= PATH_AT_MOST else None


def _title(reply: CheckedReply) -> ReadSample | None:
    """What one's library holds of a title, or how one rated it; detail: empty where there is nothing."""
    account, title = _raw(reply.me), _raw(reply.arguments[1])
    if account is None or title is None or reply.arguments[0] != reply.me:
        return None
    value = reply.rows[0].get("status" if reply.call == "library_entry" else "rating") if reply.rows else ""
    if isinstance(value, int | float):
        value = f"{float(value):g}"
    return ReadSample(account, title, detail=value) if type(value) is str else None


def _library(reply: CheckedReply) -> ReadSample | None:
    """The own library; ids: titles, owners: of each its row, detail: the statuses in the same order."""
    account, titles, rows = _raw(reply.me), _ids(reply, "title_id"), _ids(reply, "id")
    statuses = [status for row in reply.rows if type(status := row.get("status")) is str and "," not in status]
    if account is None or reply.arguments[0] != reply.me or type(reply.data) is not list:
        return None
    if titles is None or rows is None or len(statuses) != len(reply.rows):
        return None
    return ReadSample(account, None, len(reply.rows) < LIMITS["library_list"], None, titles, rows, ",".join(statuses))


def _of_many(key: str, column: str) -> Outline:
    """Rows that were asked for by several ids of one column; ids: another one's, owners: that one's, detail: what was
    asked for, `asked_for`."""

    def outline(reply: CheckedReply) -> ReadSample | None:
        account, ids, owners = _raw(reply.me), _ids(reply, column), _ids(reply, key)
        wanted = reply.arguments[0].replace("-", "")
        if account is None or ids is None or owners is None or type(reply.data) is not list:
            return None
        return ReadSample(account, None, len(reply.rows) < LIMITS[reply.call], None, ids, owners, wanted)

    return outline


def _public_lists(reply: CheckedReply) -> ReadSample | None:
    """The newest public lists; oldest_us: when the last of them was changed."""
    ids, account = _ids(reply, "id"), _raw(reply.me)
    if ids is None or account is None or type(reply.data) is not list:
        return None
    oldest = _instant(reply.rows[-1].get("updated_at")) if reply.rows else None
    return ReadSample(account, None, len(reply.rows) < LIMITS["public_lists"], oldest, ids)


def asked_for(detail: str) -> tuple[bytes, ...]:
    """The ids that a reply of several was asked for."""
    found = (_raw(one) for one in detail.split(","))
    return tuple(one for one in found if one is not None)


def _assistant(reply: CheckedReply, outcome: Outcome) -> ReadSample | None:
    """A reply of the assistant, good or bad, without its words: how it ended, which models were tried, how long it is.

    detail: JSON with `outcome`, `model`, `code` and `tried`, a list of model, status and whether it was left alone; and
    `first_ms`, from sending to the first piece of the reply, and `message`, the id of what it answers.
    first: characters of the text; none: there was no text.
    """
    data = reply.data if type(reply.data) is dict else {}
    if data.get("reused") is True or data.get("superseded") is True or (account := _raw(reply.me)) is None:
        return None
    error, message = _object(data.get("aiError")), _object(data.get("messageRow"))
    said = message.get("text")
    told = {
        "outcome": str(outcome),
        "model": _name(data.get("model")),
        "code": _name(error.get("code")) or _name(data.get("code")),
        "ai_error": bool(error),
        "tried": _tried(_object(error.get("context")).get("modelsTried")),
    }
    if type(message := reply.asked("userMessageId")) is str:
        told["message"] = message[:36]
    if reply.first_s is not None:
        told["first_ms"] = round(reply.first_s * 1000, 1)
    length = len(said) if type(said) is str else None
    return ReadSample(account, detail=orjson.dumps(told).decode(), first=length)


def _tried(models: Any) -> list[list[Any]]:
    found = []
    for one in models[:TRIED_AT_MOST] if type(models) is list else ():
        status = _object(one).get("status")
        alone = _object(one).get("message") == "circuit_open"
        found.append([_name(_object(one).get("model")), status if type(status) is int else None, alone])
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _name(value: Any) -> str:
    return value[:NAME_AT_MOST] if type(value) is str else ""


def _ids(reply: CheckedReply, column: str) -> bytes | None:
    return _joined(row.get(column) for row in reply.rows)


def _joined(texts: Iterable[Any]) -> bytes | None:
    texts = list(texts)
    if all(type(text) is str and len(text) == 36 and text.count("-") == 4 for text in texts):
        try:
            joined = bytes.fromhex("".join(texts).replace("-", ""))
        except ValueError:
            joined = b""
        if len(joined) == 16 * len(texts):
            return joined
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
    return _instant(reply.rows[-1].get("created_at")) if reply.rows else None


def _instant(at: Any) -> int | None:
    """Epoch us; None also for an instant without an offset, which is nobody's but the writer's."""
    return epoch_us(at) if type(at) is str else None


SAMPLED: Mapping[str, Outline] = {
    **dict.fromkeys(sorted(FEEDS), _feed),
    **dict.fromkeys(sorted(LISTS), _list),
    "messages_poll": _page,
    "read_receipts_poll": _markers,
    "people_followed": _followed,
    "stories_followed": _followed,
    "diary_stats": _diary,
    "library_list": _library,
    "list_items": _of_many("list_id", "title_id"),
    "stories_items": _of_many("list_id", "title_id"),
    "public_lists": _public_lists,
    "stories_lists": _of_many("user_id", "id"),
    "library_entry": _title,
    "own_rating": _title,
    "own_stats": _stats,
    "assistant_suggestions": _hints,
    "assistant_status": _status,
    "app_settings": _settings,
    "attachment_remove": _removed,
}
SAMPLED_ALWAYS: Mapping[str, ToldOutline] = {"assistant_reply": _assistant}
"""Calls whose bad replies are kept as well."""
