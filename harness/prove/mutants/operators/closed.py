"""The server does its work, and the connection is closed instead of a reply. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Ending, Handling, MutantState


class Closed(CallOperator):
    name = "closed"
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((request,), ending=Ending.CLOSED)
