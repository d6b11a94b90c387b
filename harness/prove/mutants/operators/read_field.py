"""One field of what is read is another one: an id, a text, a figure, or an instant five hours early. (pure)"""

from __future__ import annotations

from typing import ClassVar

from harness.prove.mutants import rows
from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState
from harness.prove.mutants.places import Kind


class ReadField(CallOperator):
    needs = Kind.READ
    test: ClassVar[rows.FieldTest]
    change: ClassVar[rows.FieldChange]

    def reply(self, request: CallRequest, reply: CallReply, state: MutantState) -> CallReply | None:
        if not reply.good:
            return None
        edit = rows.edited(reply.json, type(self).test, type(self).change, state.seed, state.call)
        if not edit.field:
            return None
        state.changed = edit.field
        return reply.with_json(edit.data)


class ReadId(ReadField):
    name = "other_id"
    needs = Kind.IDS
    test = rows.is_id
    change = rows.another_id


class ReadText(ReadField):
    name = "other_text"
    test = rows.is_text
    change = rows.another_text


class ReadFigure(ReadField):
    name = "other_figure"
    test = rows.is_figure
    change = rows.another_figure


class ReadTime(ReadField):
    name = "other_time"
    needs = Kind.TIMES
    test = rows.is_instant
    change = rows.another_instant
