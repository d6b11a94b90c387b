"""Names of all calls that phones make: the operations of a record's server view. (pure)"""

from __future__ import annotations

from collections.abc import Iterator

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call


def call_names() -> frozenset[str]:
    """Every one."""
    return frozenset(call.name for room in (calls, chat_calls) for thing in vars(room).values() for call in _in(thing))


def _in(thing: object) -> Iterator[Call]:
    if isinstance(thing, Call):
        yield thing
    elif isinstance(thing, tuple):
        yield from (one for one in thing if isinstance(one, Call))
