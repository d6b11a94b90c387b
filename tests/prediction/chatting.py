"""Conversations and the assistant: contract 5, 6.6. (pure)"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from tests.prediction.base import DEFAULT_STALE_S, LIST_S, Counts, kept, life
from tests.prediction.reads import fetches, inside
from tests.prediction.story import Answers, Line, Page, Span, Target

POLL_S, POLL_DOWN_S = 5.0, 1.5  # 5.3
MARK_S = 3.0  # 5.6
TYPING_S = 2.0  # 5.5
OTHER_STALE_S = 30.0  # 5.4, 5.5
STATUS_S, DEBOUNCE_S = 2.0, 0.6  # 6.6


def inbox(page: Page) -> Counts:
    """5.1: ahead of need at page load, each 60 s while mounted, which it is on the swipe page and in conversations too;
    at each mount of its own screen; a message of an open conversation moves its row up, and the next beat is a minute
    away; marks of everybody listed with each where there are pictures, which are signed once an hour. Focus changes
    nothing."""
    chatting = [(start, end) for start, end, _ in chat_spans(page)]
    shown = page.visits("list") + page.visits("swipe") + chatting
    times = fetches(
        sorted(shown),
        stale_s=LIST_S,
        ahead=[span[0] for span in life(page)],
        every_s=lambda at: LIST_S,
        wakes=[line.at for line in page.of("online")],
        asleep=page.hidden,
        offline=page.offline,
        forced=[start for start, _ in page.visits("list")],
        writes=[line.at for line in page.of("send", "newest") if inside(line.at, chatting)],
    )
    lists = len(times)
    somebody = any(line.number for line in page.of("listed"))
    return Counter(
        conversation_list=lists,
        profiles_public=lists if somebody else 0,
        avatar_sign=sum(line.number for line in page.of("avatars")),
        create_direct_conversation=len(page.of("new_chat")),
    )


def chats(page: Page, target: Target) -> Counts:
    """5.3-5.6 for each open conversation."""
    made: Counts = Counter()
    for start, end, direct in chat_spans(page):
        lines = [line for line in page.lines if start <= line.at <= end]
        made += polls(page, lines, (start, end), target)
        if direct:
            made["last_active"] += kept(page, [(start, end)], OTHER_STALE_S, every_s=lambda at: LIST_S)
            made["blocked_check"] += kept(page, [(start, end)], OTHER_STALE_S)
        made["read_receipt"] += marks([line.at for line in lines if line.action == "newest"], end)
    return made + written(page)


def chat_spans(page: Page) -> list[tuple[float, float, bool]]:
    """From when to when a conversation was open, and whether it has two members."""
    spans, opened = [], None
    for line in page.of("chat", "chat_leave"):
        if line.action == "chat":
            opened = line
        elif opened is not None:
            spans.append((opened.at, line.at, opened.subject == "direct"))
            opened = None
    return spans if opened is None else [*spans, (opened.at, page.end, opened.subject == "direct")]


def interval(lines: list[Line]) -> Callable[[float], float]:
    """5.3: each 5 s while the channel is SUBSCRIBED, each 1.5 s otherwise."""
    changes = [(line.at, line.number) for line in lines if line.action in ("chat", "channel")]

    def every_s(at: float) -> float:
        joined = [number for since, number in changes if since <= at]
        return POLL_S if joined and joined[-1] else POLL_DOWN_S

    return every_s


def polls(page: Page, lines: list[Line], span: Span, target: Target) -> Counts:
    """5.3: P pages, read receipts, reactions, delivery receipts of the last own message."""
    every_s, changes = interval(lines), [line.at for line in lines if line.action == "channel"]
    moved = [line.at for line in lines if line.action in ("send", "newest")]  # a message is put into the list

    def times(call: str, start: float, end: float, stale_s: float, writes: Sequence[float] = ()) -> list[float]:
        return fetches(
            [(start, end)],
            stale_s=stale_s,
            every_s=every_s,
            wakes=page.wakes,
            asleep=page.hidden,
            offline=page.offline,
            changes=changes,
            writes=writes,
            wait_s=target.get(call, Answers()).wait_s,
        )

    messages = times("messages_poll", *span, POLL_S, moved)
    own = [line.at for line in lines if line.action == "own"]
    deliveries = 0
    for index, at in enumerate(own):
        until = own[index + 1] if index + 1 < len(own) else span[1]
        deliveries += len(times("delivery_receipts_poll", at, until, DEFAULT_STALE_S))
    pages = [(line.at, line.number) for line in lines if line.action == "pages"]
    older = len([line for line in lines if line.action == "older"])
    older += sum(max((number for since, number in pages if since < at), default=1) - 1 for at in messages)
    reactions = len(times("reactions_poll", *span, DEFAULT_STALE_S)) + sum(line.action == "react" for line in lines)
    return Counter(
        messages_poll=len(messages),
        messages_older=older,
        read_receipts_poll=len(times("read_receipts_poll", *span, DEFAULT_STALE_S, read_marks(moved, lines))),
        reactions_poll=reactions,
        delivery_receipts_poll=deliveries,
    )


def read_marks(moved: list[float], lines: list[Line]) -> list[float]:
    """On a joined channel one's own read marker comes back, and those of the others: with each new message at least."""
    joined = any(line.number for line in lines if line.action in ("chat", "channel"))
    return moved if joined else []


def marks(newest: list[float], end: float) -> int:
    """5.6: at most one in 3 s, the last one never lost while the conversation is open."""
    times, free_at, pending = 0, -math.inf, None
    for at in newest:
        if pending is not None and pending <= at:
            times, free_at, pending = times + 1, pending + MARK_S, None
        if pending is None:
            pending = max(at, free_at)
            if pending == at:
                times, free_at, pending = times + 1, at + MARK_S, None
    return times + (pending is not None and pending <= end)


def written(page: Page) -> Counts:
    """5.4, 5.5, 5.6."""
    sends, joined = page.of("send"), {line.at: line.number for line in page.of("chat", "channel")}
    made = Counter(
        blocked_check=sum(line.subject == "direct" for line in sends),
        message_send=len(sends),
        message_edit=sum(line.number for line in page.of("edit")),
        message_delete=sum(line.subject == "sent" for line in page.of("delete")),
        attachment_remove=sum(line.number for line in page.of("delete") if line.subject == "sent"),
        react=len(page.of("react")),
        unreact=len(page.of("reacted")),
        attachment_upload=len(page.of("attach")),
        attachment_sign=len(page.of("files")),
        delivery_receipt=sum(line.number * (2 if line.subject == "live" else 1) for line in page.of("foreign")),
    )
    for line in page.of("type"):
        if not next((number for at, number in sorted(joined.items(), reverse=True) if at <= line.at), 1):
            made["typing_broadcast"] += math.ceil(line.seconds / TYPING_S) + 1
    return made


def assistant(page: Page, target: Target) -> Counts:
    """6.6: asked 600 ms after a message, one at a time and one queued; its status each 2 s while busy."""
    answers = page.of("answered")
    if not page.of("asked"):
        return Counter()
    asks, busy_until, queued = 0, -math.inf, False
    ends = [line.at for line in answers]
    for line in page.of("send"):
        at = line.at + DEBOUNCE_S
        if at >= busy_until:
            asks += 1
            busy_until = next((end for end in ends if end > at), math.inf)
        elif not queued:
            asks, queued = asks + 1, True
    waits = [line.seconds + DEBOUNCE_S for line in answers]
    beat = STATUS_S + target.get("assistant_status", Answers()).wait_s
    return Counter(assistant_reply=asks, assistant_status=sum(max(1, math.ceil(wait / beat)) for wait in waits))
