"""What one session stirs in Realtime: database changes, who hears them, and broadcasts. (pure)

How messages are counted: each database change once per client that hears it, each broadcast once when sent and once per
receiver (the platform's description of its usage items; contract, realtime 1.6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.plan.calls import Driver
from harness.plan.inputs import PlanInputs
from harness.plan.sessions import Amounts, other_members

CHANGES_PER_TURN = 6.0
"""Question and answer, two receipts of the answer, two read marks (contract 5.6); one phone listens."""
TYPING_REPEAT_S = 2.0
"""While typing, `isTyping` goes out on the first key, then each 2 s, then once more as false (realtime 2.2)."""


@dataclass(frozen=True, slots=True)
class Stirred:
    """By the mean session. changes: on subscribed tables, for the poller; heard: the messages they become."""

    changes: float
    heard: float
    broadcasts: float  # of typing, and of what a lever moved there; sent and received
    opened: float  # conversations


def changes_of_message(live_others: float) -> float:
    """Changes on subscribed tables: the row, two receipts by each live reader, and a read mark by all who look.

    The bump of `conversations` has no subscriber. With everybody live in a group of n it is 3n-1 (realtime 2.5).
    """
    return 1 + 2 * live_others + (1 + live_others)


def events_of_message(live_others: float) -> float:
    """Changes times those who hear them; n(3n-1) with everybody live (realtime 2.5)."""
    return changes_of_message(live_others) * (1 + live_others)


def stirred(units: Amounts, inputs: PlanInputs) -> Stirred:
    """By the mean session with these driver amounts."""
    changes = heard = told = 0.0
    sent, chats = units[Driver.MESSAGE], inputs.mix.get("chatter", 0.0) * inputs.conversations_per_session
    for share, members in ((1 - inputs.group_share, 2.0), (inputs.group_share, inputs.group_size)):
        live = (members - 1) * inputs.live_share
        opened = inputs.messages_on_page * (1 - 1 / members) + 1  # receipts of what others wrote, and a read mark
        moved, left = _moved(changes_of_message(live), opened, inputs)
        changes += share * (sent * left[0] + chats * left[1])
        heard += share * (1 + live) * (sent * left[0] + chats * left[1])
        told += share * (1 + live) * (sent * moved[0] + chats * moved[1])  # sent once, received by the live others
    turns = units[Driver.TURN] * CHANGES_PER_TURN
    if inputs.app.live != "changes":  # the question is broadcast by the phone that wrote it, which alone listens
        told += units[Driver.TURN]
        turns = 0.0 if inputs.app.live == "broadcast" else turns - 2 * units[Driver.TURN]
    per_message = 2 + math.floor(inputs.typing_seconds / TYPING_REPEAT_S)
    typed = sent * per_message * (1 + other_members(inputs) * inputs.live_share)
    return Stirred(changes + turns, heard + turns, typed + told, units[Driver.OPEN])


def _moved(message: float, opening: float, inputs: PlanInputs) -> tuple[tuple[float, float], tuple[float, float]]:
    """Of the changes of a message and of an opening: those that are broadcasts instead, and those that are left."""
    match inputs.app.live:
        case "broadcast":  # receipts and reactions by the polls that run in any case
            return (1.0, 0.0), (0.0, 0.0)
        case "broadcast_messages":
            return (1.0, 0.0), (message - 1, opening)
        case _:
            return (0.0, 0.0), (message, opening)
