"""Who was followed is followed, who was not any more is not (I44). (pure) Contract 6.7."""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, strings
from harness.core.read_log import ReadSeverity, ReadViolation

MANY: Mapping[str, int] = {"people_followed": 900, "stories_followed": 40}
"""A list of so many may be cut: by the target's row limit, or by the one that was asked for."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if not len(memory.follows) or len(reply.rows) >= MANY[reply.call] or reply.arguments[0] != reply.me:
        return 0
    followed = strings(reply.rows, "followed_id")
    asked = 0
    for other in memory.follows:
        wanted = memory.follows.known(other, reply.begun)
        if wanted is None:
            continue
        asked += 1
        if wanted != (other in followed):
            detail = f"{other} was {'followed' if wanted else 'unfollowed'}, and is shown as the opposite"
            found.append(ReadViolation(ReadSeverity.LOST, other, detail))
    return asked


OWN_FOLLOWS = ReadRule("own-follows", frozenset(MANY), _check)
