"""The right body, called HTML. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind


class WrongContentType(CallOperator):
    name = "wrong_content_type"
    needs = Kind.BODY

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        return reply.with_content_type("text/html; charset=utf-8") if reply.good and reply.body else None
