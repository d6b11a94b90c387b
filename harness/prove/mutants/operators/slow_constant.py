"""Every reply is late by the same. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import CallOperator, Handling, MutantState

SECONDS = 10.0


class SlowConstant(CallOperator):
    name = "slow_constant"

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((request,), delay_s=SECONDS)
