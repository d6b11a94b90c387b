"""A feed row's person and title are the ones that it names (I42). (pure) Contract 4."""

from __future__ import annotations

from harness.client.checks.asked_many import FEEDS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, text
from harness.core.read_log import ReadSeverity, ReadViolation

PARTS = (("actor_profile", "user_id"), ("media_item", "media_item_id"))
"""A part may be an object of nulls, and is then of nobody."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    for row in reply.rows:
        try:  # nearly all are as they should be, and a page of the feed has two hundred
            if row["actor_profile"]["id"] == row["user_id"] and row["media_item"]["id"] == row["media_item_id"]:
                continue
        except (KeyError, TypeError, IndexError):
            pass
        for part, column in PARTS:
            held = row.get(part)
            id_ = held.get("id") if type(held) is dict else None
            if id_ is not None and id_ != row.get(column):
                detail = f"{column} is {text(row.get(column))}, its {part} is of {text(id_)}"
                found.append(ReadViolation(ReadSeverity.WRONG, text(row.get("id")), detail))
    return len(reply.rows)


FEED_PARTS = ReadRule("feed-parts", FEEDS, _check)
