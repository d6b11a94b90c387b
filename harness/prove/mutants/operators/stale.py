"""What this person saw first at this address, for ever. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind
from harness.prove.mutants.rows import alike


class Stale(CallOperator):
    name = "stale"
    needs = Kind.READ

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        old = state.memory.earlier(request)
        if old is None or not reply.good or alike(old.json, reply.json, state.call):
            return None
        return reply.with_body(old.body)
