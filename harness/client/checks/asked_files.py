"""A signed address, an upload and a removal are of the file that was asked for (I41). (pure) Contract 5.1, 5.5."""

from __future__ import annotations

from urllib.parse import unquote

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown
from harness.core.read_log import ReadSeverity, ReadViolation

MEMBERS = {"avatar_sign": "signedURL", "attachment_sign": "signedURL", "attachment_upload": "Key"}
REMOVE = "attachment_remove"


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.call == REMOVE:
        return _removed(reply, found)
    data = reply.data if type(reply.data) is dict else {}
    address, asked = data.get(MEMBERS[reply.call]), unquote(reply.arguments[0])
    if type(address) is not str:
        return 0
    came = unquote(address.partition("?")[0])
    if not came.endswith(asked):
        found.append(ReadViolation(ReadSeverity.FOREIGN, asked, f"asked for the file {asked}, got {came}"))
    return 1


def _removed(reply: CheckedReply, found: list[ReadViolation]) -> int:
    """What was not removed is left out without a word, so no row is no wrong one."""
    asked = reply.asked("prefixes")
    if type(asked) is not list:
        return 0
    for row in reply.rows:
        if (name := row.get("name")) not in asked:
            told = ", ".join(map(shown, asked[:1]))
            detail = f"asked to remove the file {told}, and {shown(name)} was removed"
            found.append(ReadViolation(ReadSeverity.FOREIGN, shown(name), detail))
    return len(reply.rows)


ASKED_FILES = ReadRule("asked-files", frozenset((*MEMBERS, REMOVE)), _check)
