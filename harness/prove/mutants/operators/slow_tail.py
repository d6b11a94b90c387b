"""Some replies are very late. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import CallOperator, Handling, MutantState

SECONDS = 15.0


class SlowTail(CallOperator):
    name = "slow_tail"
    one_in = 4

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((request,), delay_s=SECONDS)
