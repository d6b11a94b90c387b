"""The assistant types or waits when there is an answer to be made, one of both, and else neither (I48). (pure)

Contract 6.6: the status names the job that it is about, which is being worked on or waiting. The app shows "typing" and
asks again every two seconds as long as either is said.
"""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    data = reply.data if type(reply.data) is dict else {}
    typing, queued = data.get("is_typing"), data.get("is_queued")
    if type(typing) is not bool or type(queued) is not bool:
        return 0
    job, detail = data.get("jobKind") is not None, ""
    if typing and queued:
        detail = "the assistant is said to type and to have the message waiting, both at once"
    elif job and not (typing or queued):
        detail = "there is an answer to be made, and the assistant is said neither to type nor to have it waiting"
    elif not job and (typing or queued):
        does = "type" if typing else "have a message waiting"
        detail = f"the assistant is said to {does}, and there is no answer to be made"
    if detail:
        found.append(ReadViolation(ReadSeverity.WRONG, "", detail))
    return 1


ASSISTANT_STATE = ReadRule("assistant-state", frozenset(("assistant_status",)), _check)
