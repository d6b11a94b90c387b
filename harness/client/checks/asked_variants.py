"""Variants are of the experiments that were asked for, and come as an object, be it an empty one (I42). (pure)

Contract 6.5.
"""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    assigned = reply.data.get("assignments") if type(reply.data) is dict else None
    keys = reply.asked("keys")
    if not isinstance(keys, list | tuple):
        return 0
    if type(assigned) is not dict:
        detail = f"asked for variants of {len(keys)} experiments, got no assignments, not even an empty object of them"
        found.append(ReadViolation(ReadSeverity.WRONG, "", detail))
        return 1
    strange = [key for key in assigned if key not in keys]
    if strange:
        detail = f"asked for variants of {len(keys)} experiments, got one of {strange[0]}"
        found.append(ReadViolation(ReadSeverity.WRONG, "", detail))
    return len(assigned)


ASKED_VARIANTS = ReadRule("asked-variants", frozenset(("experiments",)), _check)
