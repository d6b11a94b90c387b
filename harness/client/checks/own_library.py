"""Library entries and ratings are as last acknowledged, one by one and in lists (I44). (pure)

Not asked about titles that events of this phone moved too: their background work ends when it likes (contract 3.5).
"""

from __future__ import annotations

from typing import Any

from harness.client.checks.asked_many import LIMITS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, listed, shown
from harness.core.read_log import ReadSeverity, ReadViolation

RATINGS = frozenset(("own_rating", "own_ratings"))
ENTRIES = frozenset(("library_entry", "library_statuses", "library_list"))
ONE_TITLE = frozenset(("library_entry", "own_rating"))


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.arguments[0] != reply.me:
        return 0
    if reply.call in ONE_TITLE:
        return _title(reply, memory, reply.arguments[1], reply.rows[0] if reply.rows else {}, found)
    rows = {title: row for row in reply.rows if type(title := row.get("title_id")) is str}
    if reply.call == "library_list":
        if len(reply.rows) >= LIMITS["library_list"]:
            return 0
        titles = list(memory.library)
    else:
        asked = listed(reply.arguments[1])
        titles = [title for title in (memory.ratings if reply.call in RATINGS else memory.library) if title in asked]
    return sum(_title(reply, memory, title, rows.get(title, {}), found) for title in titles)


def _title(
    reply: CheckedReply, memory: PhoneMemory, title: str, row: dict[str, Any], found: list[ReadViolation]
) -> int:
    if reply.call in RATINGS:
        rating = memory.ratings.known(title, reply.begun)
        if rating is None:
            return 0
        came = row.get("rating")
        if not isinstance(came, int | float) or float(came) != rating:
            detail = f"title {title} was rated {rating:g}, and is shown as {shown(came) if row else 'not rated'}"
            found.append(ReadViolation(ReadSeverity.LOST, title, detail))
        return 1
    status = memory.library.known(title, reply.begun)
    if status is None:
        return 0
    if (row.get("status") or "") != status:
        came = shown(row.get("status") or "in no list")
        detail = f"title {title} was put {status or 'in no list'}, and is shown as {came}"
        found.append(ReadViolation(ReadSeverity.LOST, title, detail))
    return 1


OWN_LIBRARY = ReadRule("own-library", RATINGS | ENTRIES, _check)
