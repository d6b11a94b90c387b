"""Figures agree with each other and with what this phone wrote (I48). (pure)

The diary's (contract 6.7): titles rated are the sum over the scale, titles watched at least those of the months listed
and at least those that this phone marked. A title's: ratings are the sum over the stars.
"""

from __future__ import annotations

from typing import Any

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, JsonRow, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation

STARS = ("stars_1", "stars_2", "stars_3", "stars_4", "stars_5")


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if not reply.rows:
        return 0
    row = reply.rows[0]
    if reply.call == "title_rating_summary":
        _equal(found, "ratings", row.get("ratings_count"), _total([row.get(name) for name in STARS]))
        return 1
    if reply.asked("p_user_id") != reply.me:
        return 0
    rated, watched = row.get("total_rated"), row.get("total_watched")
    _equal(found, "rated titles", rated, _sum(row, "rating_distribution"))
    months = _sum(row, "watch_count_by_month")
    known = sum(memory.library.known(title, reply.begun) == "watched" for title in memory.library)
    least = max(months or 0, known)
    if type(watched) is int and watched < least:
        what = "listed by month" if least == months else "marked as watched by this phone"
        detail = f"{watched} watched titles, but {least} {what}"
        found.append(ReadViolation(ReadSeverity.WRONG, reply.me, detail))
    if type(rated) is int and type(watched) is int:
        memory.diary = (reply.at, rated + watched)
    return 1


def _equal(found: list[ReadViolation], what: str, total: Any, parts: int | None) -> None:
    if type(total) is int and parts is not None and total != parts:
        found.append(ReadViolation(ReadSeverity.WRONG, "", f"{total} {what}, but {parts} in the parts"))


def _sum(row: JsonRow, name: str) -> int | None:
    parts = row.get(name)
    if type(parts) is not list or not all(type(part) is dict for part in parts):
        return None
    return _total([part.get("count") for part in parts])


def _total(counts: list[Any]) -> int | None:
    whole = [count for count in counts if type(count) is int]
    return sum(whole) if len(whole) == len(counts) else None


STATISTICS = ReadRule("statistics", frozenset(("diary_stats", "title_rating_summary")), _check)
