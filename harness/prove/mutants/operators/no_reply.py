"""The server does its work, and the reply never comes. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Ending, Handling, MutantState


class NoReply(CallOperator):
    name = "no_reply"
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((request,), ending=Ending.SILENCE)
