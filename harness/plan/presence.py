"""The channel that everybody joins: messages, joins, bytes, and how many people it bears. (pure)

Each presence track is counted once when sent and once per receiver. Whether it is billed so is not published.
"""

from __future__ import annotations

from harness.plan.inputs import PlanInputs

JOINS_PER_LOAD = 3.0
"""Of the presence channel, by a page load with a stored session: the app's user becomes another object twice."""
TRACKS_PER_LOAD, LEAVES_PER_LOAD = 2.0, 2.0
"""What the others hear of those: the middle one is left before it has tracked (observed two times in three)."""
ENTRY_BYTES = 130
"""In the `presence_state` that a joining phone gets, for each phone online (realtime 2.5)."""


def in_conversation(inputs: PlanInputs) -> float:
    """Share of open phones that have a conversation open."""
    chats = inputs.mix.get("chatter", 0.0) + inputs.mix.get("assistant_user", 0.0)
    return chats * inputs.conversation_share


def joined(inputs: PlanInputs) -> float:
    """Of open phones: who is in the channel, tabs that are hidden too."""
    match inputs.app.presence:
        case "off":
            return 0.0
        case "chats":
            return in_conversation(inputs)
        case _:
            return 1.0 + inputs.hidden_tabs


def sockets_per_phone(inputs: PlanInputs) -> float:
    """One for everybody while presence is global; without it only an open conversation needs one (realtime 2.1)."""
    return joined(inputs) if inputs.app.presence == "always" else in_conversation(inputs)


def rate(online: float, arrivals: float, every_s: float) -> float:
    """Presence messages per second with `online` phones: each track, one each `every_s` and two on arriving, is sent
    once and heard by all; so is each leaving, of which an arrival has one besides its end. Grows with the square of who
    is online (realtime 2.5).
    """
    return sent_rate(online, arrivals, every_s) * (1 + online) + LEAVES_PER_LOAD * arrivals * online


def sent_rate(online: float, arrivals: float, every_s: float) -> float:
    """Of them, those that phones sent."""
    return online / every_s + TRACKS_PER_LOAD * arrivals


def of_hour(phones: float, arrivals: float, inputs: PlanInputs) -> tuple[float, float]:
    """(messages, of them sent by phones) per second of an hour."""
    online = phones * joined(inputs)
    if online <= 0:
        return 0.0, 0.0
    coming = arrivals * inputs.page_loads_per_session * min(1.0, joined(inputs))
    every = inputs.app.presence_every_s
    return rate(online, coming, every), sent_rate(online, coming, every)
