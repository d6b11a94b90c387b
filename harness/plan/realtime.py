"""Realtime of a day: messages asked for, what can come of them, joins, and the work of the changes poller. (pure)

Streams that cannot all happen are not delivered together: presence over its limit closes the channel for good
(contract, realtime 1.6), so there is none of it; of database changes there are no more than the poller manages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.plan import presence
from harness.plan.inputs import PlanInputs
from harness.plan.messages import Stirred
from harness.plan.model import Hour, MessageStream, RealtimeLoad
from harness.plan.prices import PlanPrices

HOUR_S = 3600.0
CHANNELS_IN_CONVERSATION = 2
"""Database changes and typing, beside the presence channel (contract, realtime 2.1)."""
CHANGE_BYTES, BROADCAST_BYTES, PRESENCE_BYTES = 815, 240, 300
"""Of a frame, means of the real client's recordings (tests/data/traces)."""
WINDOW_S = 60.0
COLD_S = 10.0
"""Joins are limited as a mean over up to twelve buckets of 5 s: a counter that just began bears those of two buckets at
once, a warm one those of a minute (contract, realtime 1.6)."""


def change_cost_ms(subscriptions: float, hearing: float) -> float:
    """Work of the one serial poller per change, milliseconds: fitted to the server's own SQL on a small machine
    (contract, realtime 4.1). A faster database has a smaller factor, not another shape.
    """
    return 0.6 + (1.4 if subscriptions > 0 else 0.0) + 0.040 * subscriptions + 0.055 * hearing


def load(stirred: Stirred, inputs: PlanInputs, day: Sequence[Hour], plan: PlanPrices) -> RealtimeLoad:
    """The day's Realtime, asked for and under `plan`'s limits."""
    peak = max(day, key=lambda hour: hour.arrivals)
    chatting = presence.in_conversation(inputs)
    hearing = stirred.heard / stirred.changes if stirred.changes else 0.0
    present = [presence.of_hour(hour.phones, hour.arrivals, inputs) for hour in day]
    stands = max(messages for messages, _ in present) <= plan.presence_per_second
    online = [hour.phones * presence.joined(inputs) for hour in day]
    coming = [hour.sessions * inputs.page_loads_per_session * min(1.0, presence.joined(inputs)) for hour in day]
    state = math.fsum(joins * others * presence.ENTRY_BYTES for joins, others in zip(coming, online, strict=True))
    heard = [hour.arrivals * stirred.heard for hour in day]
    bounds = [min(plan.messages_per_second, managed(hour.phones * chatting, hearing)) for hour in day]
    told = [hour.arrivals * stirred.broadcasts for hour in day]
    streams = (
        _stream(
            "presence", [rate for rate, _ in present], plan.presence_per_second, [math.inf if stands else 0.0] * 24
        ),
        _stream("database changes", heard, plan.messages_per_second, bounds),
        _stream("broadcasts", told, plan.messages_per_second, [plan.messages_per_second] * 24),
    )
    channels = peak.phones * presence.joined(inputs) + CHANNELS_IN_CONVERSATION * peak.phones * chatting
    joins = presence.JOINS_PER_LOAD * inputs.page_loads_per_session * min(1.0, presence.joined(inputs))
    open_now = peak.phones * chatting if inputs.app.live != "broadcast" else 0.0
    return RealtimeLoad(
        streams=streams,
        presence_sent_per_day=HOUR_S * math.fsum(sent for _, sent in present) if stands else 0.0,
        joins=peak.arrivals * (joins + CHANNELS_IN_CONVERSATION * stirred.opened),
        channels=channels,
        reconnect_seconds=channels / plan.joins_per_second,
        open_conversations=open_now,
        changes=peak.arrivals * stirred.changes,
        change_ms=change_cost_ms(open_now, hearing),
        hearing=hearing,
        bytes_per_day=_frames([stream.delivered_per_day for stream in streams]) + (state if stands else 0.0),
        asked_bytes_per_day=_frames([stream.per_day for stream in streams]) + state,
    )


def managed(subscriptions: float, hearing: float) -> float:
    """Messages per second that the one poller can make of changes."""
    return 1000 / change_cost_ms(subscriptions, hearing) * hearing if hearing else math.inf


def _stream(name: str, rates: Sequence[float], limit: float, bounds: Sequence[float]) -> MessageStream:
    """Rates and what can come of them at most are those of the hours."""
    return MessageStream(
        name=name,
        per_day=math.fsum(rates) * HOUR_S,
        peak=max(rates),
        limit=limit,
        delivered_per_day=math.fsum(min(pair) for pair in zip(rates, bounds, strict=True)) * HOUR_S,
        capped_per_day=math.fsum(min(rate, limit) for rate in rates) * HOUR_S,
    )


def _frames(per_day: Sequence[float]) -> float:
    sizes = (PRESENCE_BYTES, CHANGE_BYTES, BROADCAST_BYTES)
    return math.fsum(count * size for count, size in zip(per_day, sizes, strict=True))
