"""One's own profile is what it was (I46). (pure)

Nobody but oneself changes it, and the app only its names, right after the sign-up (contract 1.1).
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, ReadViolation, shown
from harness.core.read_log import ReadSeverity

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "own_profile": ("id", "username", "display_name", "avatar_url"),
    "own_profile_public": ("is_verified", "verified_type", "verified_label", "verified_at", "verified_by_org"),
}


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if len(reply.rows) != 1 or memory.names.used:
        return 0
    row = hash(tuple(shown(reply.rows[0].get(name)) for name in COLUMNS[reply.call]))
    before, memory.shown[reply.call] = memory.shown.get(reply.call), row
    if before is None:
        return 0
    if before != row:
        found.append(
            ReadViolation(ReadSeverity.LOST, reply.me, f"the profile of {reply.me} is another one than before")
        )
    return 1


OWN_SAME = ReadRule("own-same", frozenset(COLUMNS), _check)
