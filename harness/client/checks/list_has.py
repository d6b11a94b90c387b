"""The list of conversations has those that the target told this phone of before (I44). (pure)

A direct conversation has both its members before its id is answered (contract 5.2, 6.6), nobody leaves one in a run,
and the list shows hidden ones as well (contract 5.1).
"""

from __future__ import annotations

from harness.client.checks.list_stays import MANY
from harness.client.checks.owner import LISTS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, strings
from harness.core.counted import counted
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    told = [id_ for id_, at in memory.told_of.items() if at <= reply.begun]
    if not told or len(reply.rows) >= MANY:
        return 0
    there = strings(reply.rows, "conversation_id")
    for id_ in told:
        if id_ not in there:
            shown = counted(len(reply.rows), "conversation")
            detail = f"conversation {id_} was answered before, and is not in the list of {shown}"
            found.append(ReadViolation(ReadSeverity.LOST, id_, detail))
    return len(told)


LIST_HAS = ReadRule("list-has", LISTS, _check)
