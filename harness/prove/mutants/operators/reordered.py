"""The last row first. (pure)"""

from __future__ import annotations

from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind
from harness.prove.mutants.rows import with_rows


class Reordered(CallOperator):
    name = "reordered"
    needs = Kind.ROWS

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        data = with_rows(reply.json, lambda rows: rows[::-1]) if reply.good else None
        return reply.with_json(data) if data is not None and data != reply.json else None
