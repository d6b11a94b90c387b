"""A signed address is of the file that was asked for (I41). (pure) Contract 5.1, 5.5."""

from __future__ import annotations

from urllib.parse import unquote

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, ReadViolation
from harness.core.read_log import ReadSeverity

MEMBERS = {"avatar_sign": "signedURL", "attachment_sign": "signedURL", "attachment_upload": "Key"}


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    data = reply.data if type(reply.data) is dict else {}
    address, asked = data.get(MEMBERS[reply.call]), unquote(reply.arguments[0])
    if type(address) is not str:
        return 0
    came = unquote(address.partition("?")[0])
    if not came.endswith(asked):
        found.append(ReadViolation(ReadSeverity.FOREIGN, asked, f"asked for the file {asked}, got {came}"))
    return 1


ASKED_FILES = ReadRule("asked-files", frozenset(MEMBERS), _check)
