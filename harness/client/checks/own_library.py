"""Library entry and rating are as last acknowledged (I44). (pure)

Not asked about titles that events of this phone moved too: their background work ends when it likes (contract 3.5).
"""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, ReadViolation, shown
from harness.core.read_log import ReadSeverity


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    me, title = reply.arguments[:2]
    if me != reply.me:
        return 0
    row = reply.rows[0] if reply.rows else {}
    if reply.call == "own_rating":
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


OWN_LIBRARY = ReadRule("own-library", frozenset(("library_entry", "own_rating")), _check)
