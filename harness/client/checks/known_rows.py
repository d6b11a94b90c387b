"""Nothing is empty where the phone knows that there is something (I47). (pure)

It knows its own account's rows, and that a function answers one row, once they were shown; its profile, which is made
with the account (contract 1.4), from the begin; titles because a deck, a feed or a search named them; and of its feed
that what it put into its library leaves a row there (contract 4), as does whatever its diary counts. Suggested people
come from the table of the own figures, titles in lists have their rows, and ratings are summed up of every
title. The public settings come as an object, be it an empty one (contract 6.1).
"""

from __future__ import annotations

from harness.client.checks.asked_many import FEEDS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.counted import counted
from harness.core.read_log import ReadSeverity, ReadViolation

ACCOUNT = frozenset(
    ("own_profile", "own_profile_public", "own_stats", "own_preferences", "diary_stats", "title_rating_summary")
)
PROFILE = "own_profile"
TITLES = frozenset(("title_detail", "title_preview", "title_page", "hero_details", "seed_title"))
SUMMARY = "title_rating_summary"
NAMED = "library_titles"
SEVERAL = 3
"""Of so many titles that a list named one is there: not all have gone since."""
SUGGESTED = "suggested_stats"
SETTINGS = "app_settings"
_LOST = ReadSeverity.LOST


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    call = reply.call
    if call in TITLES:
        if not reply.rows:
            title = reply.arguments[0]
            found.append(ReadViolation(_LOST, title, f"title {title} was shown before, and is not there"))
        return 1
    if call in ACCOUNT:
        return _one_row(reply, memory, found)
    if call == NAMED:
        several = reply.arguments[0].count(",") + 1 >= SEVERAL
        if several and not reply.rows:
            found.append(ReadViolation(_LOST, "", "not one of the titles is there that one's own list named"))
        return int(several)
    if call == SUGGESTED:
        if not reply.rows and "own_stats" in memory.filled:
            found.append(ReadViolation(_LOST, "", "nobody's figures are there, where one's own were shown before"))
        return int("own_stats" in memory.filled)
    if call == SETTINGS:
        if type(reply.data) is not dict or type(reply.data.get("settings")) is not dict:
            found.append(ReadViolation(_LOST, "", "the public settings are answered without settings"))
        return 1
    return _feed(reply, memory, found)


def _one_row(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    call = reply.call
    if reply.rows:
        memory.filled += () if call in memory.filled else (call,)
    elif call in memory.filled:
        found.append(ReadViolation(_LOST, reply.me, f"{call} of {reply.me} had a row, and has none"))
    elif call == PROFILE:
        found.append(ReadViolation(_LOST, reply.me, f"{reply.me} has no profile, which every account has"))
    elif call == SUMMARY:
        found.append(ReadViolation(_LOST, "", "a title has no summary of ratings, be it one of none"))
    return int(call in memory.filled or call in (PROFILE, SUMMARY))


def _feed(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.asked("p_cursor_id") is not None:
        return 0
    if memory.active_at is not None and memory.active_at <= reply.begun:
        why = "a title was put into the library before"
    elif memory.diary is not None and memory.diary[0] <= reply.begun and memory.diary[1] > 0:
        why = f"the diary counts {counted(memory.diary[1], 'title')}"
    else:
        return 0
    if reply.empty:
        found.append(ReadViolation(_LOST, reply.me, f"the feed is empty, but {why}"))
    return 1


KNOWN_ROWS = ReadRule("known-rows", ACCOUNT | TITLES | FEEDS | {NAMED, SUGGESTED, SETTINGS}, _check)
