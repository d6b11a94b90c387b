"""Realtime messages, joins and the work of the changes poller. (pure)

How messages are counted: each database change once per client that hears it, each broadcast and each presence track
once when sent and once per receiver (the platform's description of its usage items; contract, realtime 1.6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.plan.calls import MESSAGE_PAGE, Driver
from harness.plan.inputs import PlanInputs
from harness.plan.model import Hour, MessageStream, RealtimeLoad
from harness.plan.prices import PlanPrices
from harness.plan.sessions import Amounts, other_members
from harness.plan.traffic import HOUR_S, busiest

CHANNELS_IN_CONVERSATION = 2
"""Database changes and typing, beside the presence channel (contract, realtime 2.1)."""
JOINS_PER_LOAD = 3.0
"""Of the presence channel, by a page load with a stored session: the app's user becomes another object twice."""
TRACKS_PER_LOAD, LEAVES_PER_LOAD = 2.0, 2.0
"""What the others hear of those: the middle one is left before it has tracked (observed two times in three)."""
CHANGES_PER_TURN = 6.0
"""Question and answer, two receipts of the answer, two read marks (contract 5.6); one phone listens."""
TYPING_REPEAT_S = 2.0
"""While typing, `isTyping` goes out on the first key, then each 2 s, then once more as false (realtime 2.2)."""
CHANGE_BYTES, BROADCAST_BYTES, PRESENCE_BYTES = 1_000, 250, 300
"""Of a frame. A message's change is about 1.5 kB and a receipt's half of it (realtime 4.1), a presence diff has two
entries; typing is our estimate."""
PRESENCE_ENTRY_BYTES = 130
"""In the `presence_state` that a joining phone gets, for each phone online (realtime 2.5)."""


def sockets_per_phone(inputs: PlanInputs) -> float:
    """One for everybody while presence is global; without it only an open conversation needs one (realtime 2.1)."""
    return 1.0 if inputs.global_presence else _in_conversation(inputs)


def _in_conversation(inputs: PlanInputs) -> float:
    chats = inputs.mix.get("chatter", 0.0) + inputs.mix.get("assistant_user", 0.0)
    return chats * inputs.conversation_share


def changes_of_message(live_others: float) -> float:
    """Changes on subscribed tables: the row, two receipts by each live reader, and a read mark by all who look.

    The bump of `conversations` has no subscriber. With everybody live in a group of n it is 3n-1 (realtime 2.5).
    """
    return 1 + 2 * live_others + (1 + live_others)


def events_of_message(live_others: float) -> float:
    """Changes times those who hear them; n(3n-1) with everybody live (realtime 2.5)."""
    return changes_of_message(live_others) * (1 + live_others)


def presence_rate(online: float, arrivals: float, every_s: float) -> float:
    """Presence messages per second with `online` phones: each track, one each `every_s` and two on arriving, is sent
    once and heard by all; so is each leaving, of which an arrival has one besides its end. Grows with the square of who
    is online (realtime 2.5).
    """
    return (online / every_s + TRACKS_PER_LOAD * arrivals) * (1 + online) + LEAVES_PER_LOAD * arrivals * online


def _conversations(inputs: PlanInputs) -> tuple[tuple[float, float], ...]:
    """(share, members) of direct chats and groups."""
    return (1 - inputs.group_share, 2.0), (inputs.group_share, inputs.group_size)


def _changes_and_events(units: Amounts, inputs: PlanInputs) -> tuple[float, float]:
    """Of the mean session: changes on subscribed tables, and the messages they become."""
    changes = events = 0.0
    messages, chats = units[Driver.MESSAGE], inputs.mix.get("chatter", 0.0) * inputs.conversations_per_session
    for share, members in _conversations(inputs):
        live = (members - 1) * inputs.live_share
        opened = MESSAGE_PAGE * (1 - 1 / members) + 1  # receipts of what others wrote, and a read mark
        changes += share * (messages * changes_of_message(live) + chats * opened)
        events += share * (messages * events_of_message(live) + chats * opened * (1 + live))
    turns = units[Driver.TURN] * CHANGES_PER_TURN
    return changes + turns, events + turns


def _broadcasts(units: Amounts, inputs: PlanInputs) -> float:
    per_message = 2 + math.floor(inputs.typing_seconds / TYPING_REPEAT_S)
    return units[Driver.MESSAGE] * per_message * (1 + other_members(inputs) * inputs.live_share)


def change_cost_ms(subscriptions: float, hearing: float) -> float:
    """Work of the one serial poller per change, milliseconds: fitted to the server's own SQL on a small machine
    (contract, realtime 4.1). A faster database has a smaller factor, not another shape.
    """
    return 0.6 + (1.4 if subscriptions > 0 else 0.0) + 0.040 * subscriptions + 0.055 * hearing


def load(units: Amounts, inputs: PlanInputs, day: Sequence[Hour], plan: PlanPrices) -> RealtimeLoad:
    """The day's Realtime, asked for and under `plan`'s limits."""
    peak = busiest(tuple(day))
    changes, events = _changes_and_events(units, inputs)
    typed = _broadcasts(units, inputs)
    open_now = peak.phones * _in_conversation(inputs)
    streams = (
        _stream("presence", [_presence(hour, inputs) for hour in day], plan.presence_per_second),
        _stream("database changes", [hour.arrivals * events for hour in day], plan.messages_per_second),
        _stream("typing", [hour.arrivals * typed for hour in day], plan.messages_per_second),
    )
    joins = JOINS_PER_LOAD * inputs.page_loads_per_session if inputs.global_presence else 0.0
    channels = peak.sockets if inputs.global_presence else 0.0
    channels += CHANNELS_IN_CONVERSATION * open_now
    asked_state, state = _state_bytes(inputs, day, math.inf), _state_bytes(inputs, day, plan.connections)
    return RealtimeLoad(
        streams=streams,
        joins=peak.arrivals * (joins + CHANNELS_IN_CONVERSATION * units[Driver.OPEN]),
        channels=channels,
        reconnect_joins=channels,
        reconnect_seconds=channels / plan.joins_per_second,
        open_conversations=open_now,
        changes=peak.arrivals * changes,
        change_ms=change_cost_ms(open_now, events / changes if changes else 0.0),
        bytes_per_day=state + _frames([stream.delivered_per_day for stream in streams]),
        asked_bytes_per_day=asked_state + _frames([stream.per_day for stream in streams]),
    )


def _presence(hour: Hour, inputs: PlanInputs) -> float:
    if not inputs.global_presence:
        return 0.0
    return presence_rate(hour.sockets, hour.arrivals * inputs.page_loads_per_session, inputs.presence_seconds)


def _stream(name: str, rates: Sequence[float], limit: float) -> MessageStream:
    """Rates are those of the hours; over the limit the platform closes channels or skips changes (realtime 1.6)."""
    return MessageStream(
        name=name,
        per_day=math.fsum(rates) * HOUR_S,
        peak=max(rates),
        limit=limit,
        delivered_per_day=math.fsum(min(rate, limit) for rate in rates) * HOUR_S,
    )


def _frames(per_day: Sequence[float]) -> float:
    sizes = (PRESENCE_BYTES, CHANGE_BYTES, BROADCAST_BYTES)
    return math.fsum(count * size for count, size in zip(per_day, sizes, strict=True))


def _state_bytes(inputs: PlanInputs, day: Sequence[Hour], most: float) -> float:
    """Bytes a day of `presence_state`: everybody online, to each who joins."""
    if not inputs.global_presence:
        return 0.0
    loads = inputs.page_loads_per_session
    return math.fsum(hour.sessions * loads * min(hour.sockets, most) * PRESENCE_ENTRY_BYTES for hour in day)
