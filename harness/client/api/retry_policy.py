"""Other ways to try reads again than the shipped one, to compare before the app is changed. (pure)

A policy replaces transport and react-query retries (`harness.client.api.retry`) where the app has them: GETs, HEADs and
whatever react-query reads. Writes, the outbox with its own back-off, the token refresh and what people tap again stay
as shipped under every policy. Up to five attempts per call, as in the literature on retry storms.

none          one attempt
immediate     again at once
exponential   after 200 ms, doubled each time, 10 s at most (AWS Builders' Library, "Timeouts, retries and backoff")
full_jitter   after a uniform share of that (Brooker, "Exponential Backoff and Jitter", 2015)
budget        full jitter, and each retry costs a token: every first attempt earns `budget_ratio` of one (Google SRE
              book, "Handling overload": retries at most 10 % of requests). A phone begins with one and keeps ten.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.client.api import retry
from harness.client.api.call import Call, Caller
from harness.core.retry_policies import RetryPolicy

RETRIES = 4
BASE_S = 0.2
CAP_S = 10.0
MOST_TOKENS = 10.0
FIRST_TOKENS = 1.0


def concerns(call: Call) -> bool:
    """Whether the app itself tries this call again, and so a policy may."""
    return call.method in retry.TRANSPORT_METHODS or call.caller is Caller.QUERY


def failed(call: Call, status: int | None, *, good: bool) -> bool:
    """Whether a call that ended so is one to try again: what either shipped layer would."""
    return retry.transport_retries(call.method, status) or (call.caller is Caller.QUERY and not good)


class Retries:
    """One phone's. random: uniform in [0, 1). tokens: what retries may cost under a budget."""

    __slots__ = ("_policy", "_random", "_ratio", "tokens")

    def __init__(self, policy: RetryPolicy, ratio: float, random: Callable[[], float]) -> None:
        self._policy = policy
        self._ratio = ratio
        self._random = random
        self.tokens = FIRST_TOKENS

    def began(self) -> None:
        """A call is made for the first time."""
        self.tokens = min(MOST_TOKENS, self.tokens + self._ratio)

    def delay(self, failures: int) -> float | None:
        """Seconds until the next attempt after the `failures`-th failed one, counted from 1; None: give up."""
        policy = self._policy
        if policy is RetryPolicy.NONE or failures > RETRIES:
            return None
        if policy is RetryPolicy.IMMEDIATE:
            return 0.0
        step: float = min(CAP_S, BASE_S * 2 ** (failures - 1))
        if policy is RetryPolicy.EXPONENTIAL:
            return step
        if policy is RetryPolicy.BUDGET:
            if self.tokens < 1:
                return None
            self.tokens -= 1
        return step * self._random()
