"""A name that was set is shown (I45). (pure) Contract 1.1: the names right after the sign-up."""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    written = memory.names.known(reply.me, reply.begun)
    if written is None or not reply.rows:
        return 0
    row = reply.rows[0]
    came = (row.get("display_name"), row.get("username"))
    if came != written:
        detail = f"the name was set to {', '.join(written)}, and is {', '.join(map(shown, came))}"
        found.append(ReadViolation(ReadSeverity.LOST, reply.me, detail))
    return 1


OWN_NAMES = ReadRule("own-names", frozenset(("own_profile",)), _check)
