"""Nothing is there: an empty list, an object whose list is empty, or an empty object. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind
from harness.prove.mutants.rows import with_rows


class Empty(CallOperator):
    name = "empty"
    needs = Kind.BODY

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        if not reply.good or reply.json is None:
            return None
        nothing = with_rows(reply.json, lambda _: [])
        if nothing is None:
            if isinstance(reply.json, dict) and [] in reply.json.values():
                return None  # its list is empty as it is
            nothing = {}
        return reply.with_json(nothing) if nothing != reply.json else None
