"""A search answers the query that was asked (I42). (pure) Contract 6.2."""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    data = reply.data if type(reply.data) is dict else {}
    query, asked = data.get("query"), reply.asked("query")
    if type(query) is not str or type(asked) is not str:
        return 0
    if query.split() != asked.split():
        found.append(ReadViolation(ReadSeverity.WRONG, "", f"asked for {asked!r}, answered for {query!r}"))
    elif type(data.get("page")) is int and data["page"] != reply.asked("page"):
        found.append(ReadViolation(ReadSeverity.WRONG, "", f"asked for page {reply.asked('page')}, got {data['page']}"))
    return 1


ASKED_SEARCH = ReadRule("asked-search", frozenset(("media_search",)), _check)
