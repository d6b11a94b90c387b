"""Another person's reply to the same call. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind
from harness.prove.mutants.rows import alike


class Foreign(CallOperator):
    name = "foreign"
    needs = Kind.READ

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        other = state.memory.foreign(request)
        if other is None or not reply.good or alike(other.json, reply.json, state.call):
            return None
        return reply.with_body(other.body)
