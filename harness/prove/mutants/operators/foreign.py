"""Another person's reply to the same call. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind


class Foreign(CallOperator):
    name = "foreign"
    needs = Kind.READ

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        other = state.memory.foreign(request)
        return reply.with_body(other.body) if other is not None and reply.good and other.json != reply.json else None
