"""The second half of the body is missing, and the length says that it is whole. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import ONE_IN_THREE, CallOperator, MutantState
from harness.prove.mutants.places import Kind


class Truncated(CallOperator):
    name = "truncated"
    needs = Kind.BODY
    one_in = ONE_IN_THREE

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        return reply.with_body(reply.body[: len(reply.body) // 2]) if reply.body else None
