"""The server fails, and does nothing. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallRequest, made
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, Handling, MutantState


class ServerError(CallOperator):
    name = "server_error"
    one_in = ONE_IN_THREE

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        return Handling((), made(500, {"message": "An unexpected error occurred"}))
