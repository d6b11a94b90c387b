"""One field of what a phone writes is stored as another one: an id, a text, a figure, or an instant. (pure)"""

from __future__ import annotations

from typing import ClassVar

from harness.prove.mutants import rows
from harness.prove.mutants.exchange import CallRequest
from harness.prove.mutants.operators.base import CallOperator, Handling, MutantState
from harness.prove.mutants.places import Kind


class StoredField(CallOperator):
    needs = Kind.CONTENT
    test: ClassVar[rows.FieldTest]
    change: ClassVar[rows.FieldChange]

    def handle(self, request: CallRequest, state: MutantState) -> Handling | None:
        edit = rows.edited(request.json, type(self).test, type(self).change, state.seed)
        if not edit.field:
            return None
        state.changed = edit.field
        return Handling((request.with_json(edit.data),))


class StoredId(StoredField):
    name = "stored_other_id"
    test = rows.is_id
    change = rows.another_id


class StoredText(StoredField):
    name = "stored_other_text"
    test = rows.is_text
    change = rows.another_text


class StoredFigure(StoredField):
    name = "stored_other_figure"
    test = rows.is_figure
    change = rows.another_figure


class StoredTime(StoredField):
    name = "stored_other_time"
    test = rows.is_instant
    change = rows.another_instant
