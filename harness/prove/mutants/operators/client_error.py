"""The server refuses, and does nothing. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest, made
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Handling, MutantState

_BODY = {"code": "22P02", "message": "invalid input syntax", "details": None, "hint": None}


class ClientError(CallOperator):
    name = "client_error"
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((), made(400, _BODY))
