"""Replies become later as the run goes on. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import CallOperator, Handling, MutantState

PER_SECOND = 1.0
"""Seconds of delay for each second since the first request."""


class SlowDrift(CallOperator):
    name = "slow_drift"

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((request,), delay_s=PER_SECOND * state.age_s) if state.age_s else None
