"""The record's vocabulary of calls and the catalogue say the same."""

from __future__ import annotations

import pytest

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call, table
from harness.core.call_names import CALL_NAMES


def test_no_name_is_declared_that_no_call_has() -> None:
    things = [thing for module in (calls, chat_calls) for thing in vars(module).values()]
    flat = [one for thing in things for one in (thing if isinstance(thing, tuple) else (thing,))]
    assert {call.name for call in flat if isinstance(call, Call)} == CALL_NAMES


def test_a_call_without_a_declared_name_cannot_be_made() -> None:
    with pytest.raises(ValueError, match=r"'nonsense'.*core/call_names\.py"):
        table("nonsense", "nowhere")
