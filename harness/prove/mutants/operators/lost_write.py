"""The server says that it did it, and did nothing. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.acknowledged import acknowledgement
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Handling, MutantState
from harness.prove.mutants.places import Kind


class LostWrite(CallOperator):
    name = "acknowledged_and_lost"
    needs = Kind.WRITE
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        answer = acknowledgement(request, state)
        return Handling((), answer) if answer is not None else None
