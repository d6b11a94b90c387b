"""The server does it twice. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Handling, MutantState
from harness.prove.mutants.places import Kind


class StoredTwice(CallOperator):
    name = "stored_twice"
    needs = Kind.WRITE
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((request, request))
