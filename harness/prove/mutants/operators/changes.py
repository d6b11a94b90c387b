"""Changes of rows that say something else than what was stored, or say it to the wrong person. (pure)"""

from __future__ import annotations

from typing import ClassVar

from harness.prove.mutants import rows
from harness.prove.mutants.operators.base import Delivery, MutantState, SignalOperator, SocketMessage
from harness.prove.mutants.places import Kind


class ChangeElsewhere(SignalOperator):
    """The phone gets, in this channel's name, what was said in another conversation."""

    name = "wrong_recipient"
    needs = Kind.ROW

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        if message.envelope is None:
            return None
        others = [change for topic, change in state.elsewhere.items() if topic != message.topic]
        state.elsewhere.pop(message.topic, None)
        state.elsewhere[message.topic] = message.envelope.change
        return Delivery((message.envelope.with_change(others[-1]),)) if others else None


class ChangeField(SignalOperator):
    """One field of the row is another one."""

    needs = Kind.ROW
    test: ClassVar[rows.FieldTest]
    change: ClassVar[rows.FieldChange]

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        change = message.envelope.change if message.envelope is not None else None
        if message.envelope is None or change is None:
            return None
        edit = rows.edited(change.get("record"), type(self).test, type(self).change, state.seed, state.call)
        if not edit.field:
            return None
        state.changed = edit.field
        return Delivery((message.envelope.with_change({**change, "record": edit.data}),))


class ChangeId(ChangeField):
    name = "other_id"
    test = rows.is_id
    change = rows.another_id


class ChangeText(ChangeField):
    name = "other_text"
    test = rows.is_text
    change = rows.another_text


class ChangeTime(ChangeField):
    name = "other_time"
    test = rows.is_instant
    change = rows.another_instant
