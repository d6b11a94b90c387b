"""Every deletion is acknowledged, and nothing is ever gone. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.acknowledged import acknowledgement
from harness.prove.mutants.operators.base import CallOperator, Handling, MutantState
from harness.prove.mutants.places import Kind


class NotDeleted(CallOperator):
    name = "not_deleted"
    needs = Kind.DELETE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        answer = acknowledgement(request, state)
        return Handling((), answer) if answer is not None else None
