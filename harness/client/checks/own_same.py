"""One's own profile and account are what they were (I46). (pure)

Nobody but oneself changes them, and the app only the names, and that somebody has been welcomed, right after the
sign-up (contract 1.1). Of the account only what the app reads: whoever is not `onboarded` is sent through the welcome
again.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown
from harness.core.read_log import ReadSeverity, ReadViolation

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "own_profile": ("id", "username", "display_name", "avatar_url"),
    "own_profile_public": ("is_verified", "verified_type", "verified_label", "verified_at", "verified_by_org"),
}
SESSIONS = frozenset(("sign_in", "token_refresh"))
ACCOUNT = frozenset(("user", *SESSIONS))
ACCOUNT_METADATA = ("onboarded", "display_name", "avatar_url")


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.call == "user" and reply.data == {}:
        found.append(ReadViolation(ReadSeverity.LOST, reply.me, f"the account of {reply.me} is answered with nothing"))
        return 1
    if len(reply.rows) != 1 or memory.names.used:
        return 0
    if reply.call in ACCOUNT:
        if memory.welcomed:
            return 0
        what, values = "account", _account(reply)
    else:
        what, values = "profile", tuple(shown(reply.rows[0].get(name)) for name in COLUMNS[reply.call])
    kept = what if what == "account" else reply.call  # whichever call shows it, the account is one
    row = hash(values)
    before, memory.shown[kept] = memory.shown.get(kept), row
    if before is None:
        return 0
    if before != row:
        found.append(ReadViolation(ReadSeverity.LOST, reply.me, f"the {what} of {reply.me} is another one than before"))
    return 1


def _account(reply: CheckedReply) -> tuple[str, ...]:
    user = reply.rows[0]
    if reply.call in SESSIONS:
        user = held if type(held := user.get("user")) is dict else {}
    metadata = held if type(held := user.get("user_metadata")) is dict else {}
    return (shown(user.get("email")), *(shown(metadata.get(name)) for name in ACCOUNT_METADATA))


OWN_SAME = ReadRule("own-same", frozenset(COLUMNS) | ACCOUNT, _check)
