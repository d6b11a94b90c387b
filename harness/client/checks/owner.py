"""Nobody is shown what belongs to somebody else (I41). (pure)

Columns that name an owner: contract 1.1 (session), 5.1 (list), 5.3, 5.6 (an open conversation), 8.1 (own rows).
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, text
from harness.core.read_log import ReadSeverity, ReadViolation

OWN_ROWS: Mapping[str, str] = {"own_profile": "id"}
"""Of the app's other reads of own rows no reply says whose it is."""
CHAT_ROWS = frozenset(
    ("messages_poll", "messages_older", "read_receipts_poll", "delivery_receipts_poll", "reactions_poll")
)
LISTS = frozenset(("conversation_list", "conversation_list_v1"))
SESSIONS = frozenset(("user", "user_update", "token_refresh"))
SIGN_INS = frozenset(("sign_in", "sign_up"))
_FOREIGN = ReadSeverity.FOREIGN


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    call = reply.call
    if call in CHAT_ROWS:
        return _chat(reply, found)
    if call in LISTS:
        return _list(reply, found)
    if call in OWN_ROWS:
        return _own(reply, OWN_ROWS[call], found)
    if call == "blocked_check":
        return _blocked(reply, found)
    return _session(reply, found)


def _own(reply: CheckedReply, column: str, found: list[ReadViolation]) -> int:
    for row in reply.rows:
        if row.get(column) != reply.me:
            owner = text(row.get(column))
            found.append(ReadViolation(_FOREIGN, owner, f"asked for rows of {reply.me}, got one of {owner}"))
    return len(reply.rows)


def _chat(reply: CheckedReply, found: list[ReadViolation]) -> int:
    asked = reply.arguments[0]
    for row in reply.rows:
        if row.get("conversation_id") != asked:
            other, writer = text(row.get("conversation_id")), text(row.get("user_id"))
            detail = f"asked about conversation {asked}, got a row of conversation {other} by {writer}"
            found.append(ReadViolation(_FOREIGN, text(row.get("id")), detail))
    return len(reply.rows)


def _list(reply: CheckedReply, found: list[ReadViolation]) -> int:
    asked = 0
    for row in reply.rows:
        listed = row.get("participants")
        people = [one for one in listed if type(one) is dict] if type(listed) is list else []
        if not people:
            continue
        asked += 1
        selves = [one.get("id") for one in people if one.get("isSelf") is True]
        id_ = text(row.get("conversation_id"))
        if reply.me not in [one.get("id") for one in people]:
            members = ", ".join(text(one.get("id")) for one in people[:3])
            found.append(ReadViolation(_FOREIGN, id_, f"a conversation of {members} in the list of {reply.me}"))
        elif selves and selves != [reply.me]:
            found.append(ReadViolation(_FOREIGN, id_, f"the list of {text(selves[0])} for {reply.me}"))
    return asked


def _blocked(reply: CheckedReply, found: list[ReadViolation]) -> int:
    for row in reply.rows:
        if row.get("blocker_id") not in reply.arguments or row.get("blocked_id") not in reply.arguments:
            who = f"{text(row.get('blocker_id'))} blocked {text(row.get('blocked_id'))}"
            found.append(ReadViolation(_FOREIGN, text(row.get("blocker_id")), f"asked about oneself, was told: {who}"))
    return len(reply.rows)


def _session(reply: CheckedReply, found: list[ReadViolation]) -> int:
    data = reply.data if type(reply.data) is dict else {}
    nested = data.get("user")
    user = nested if type(nested) is dict else data
    if reply.call in SIGN_INS:
        email, asked = user.get("email"), reply.asked("email")
        if type(email) is not str or type(asked) is not str:
            return 0
        if email.casefold() != asked.casefold():
            found.append(ReadViolation(_FOREIGN, text(user.get("id")), f"{asked} was signed in as {email}"))
        return 1
    id_ = user.get("id")
    if type(id_) is not str or not reply.me:
        return 0
    if id_ != reply.me:
        found.append(ReadViolation(_FOREIGN, id_, f"the session of {reply.me} is answered as that of {id_}"))
    return 1


OWNER = ReadRule("owner", frozenset(OWN_ROWS) | CHAT_ROWS | LISTS | SESSIONS | SIGN_INS | {"blocked_check"}, _check)
