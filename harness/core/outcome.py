"""The closed set of ways an attempt or an operation can end. (pure)"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How one attempt or one operation ended. Codes in records are positions in `OUTCOMES`: append only."""

    OK = "ok"
    SOFT_FAILURE = "soft_failure"  # a failure inside a 2xx
    REJECTED = "rejected"  # the server understood and refused the content for good
    RATE_LIMITED = "rate_limited"  # a limiter said later, with 429 or inside a 200
    QUOTA = "quota"  # a plan limit: connections, joins, pool
    AUTH = "auth"  # token missing, expired, not accepted
    CONFLICT = "conflict"  # already there: success for an idempotent retry
    CLIENT_ERROR = "client_error"  # any other 4xx: our request was wrong
    SERVER_ERROR = "server_error"  # 5xx, or an answer that is not HTTP or not what it says it is
    TIMEOUT = "timeout"  # no complete answer in the call's time
    NETWORK = "network"  # refused, reset, closed early, unreachable
    GAVE_UP = "gave_up"  # the phone stopped waiting: run ended, app closed, person left
    ABORTED = "aborted"  # the app let go of it on purpose and wants no answer: neither a failure nor a latency

    @property
    def good(self) -> bool:
        """Whether the person got what they wanted."""
        return self is Outcome.OK or self is Outcome.CONFLICT

    @property
    def failed(self) -> bool:
        """Whether somebody wanted something and did not get it."""
        return not self.good and self is not Outcome.ABORTED


OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)
OUTCOME_CODE: dict[Outcome, int] = {outcome: code for code, outcome in enumerate(OUTCOMES)}
