"""Messages of Realtime that do not come, come twice, late, after the next one, or with the end of the socket. (pure)"""

from __future__ import annotations

from harness.prove.mutants.operators.base import ONE_IN_THREE, Delivery, MutantState, SignalOperator, SocketMessage

LATE_S = 6.0
HELD_AT_MOST_S = 2.0
HEARD_FIRST = 1
"""Messages of a topic that still come before it falls silent."""


class SignalSilence(SignalOperator):
    """The socket stays up, and after the first message nothing more comes."""

    name = "silence"

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        key = message.socket, message.topic
        state.silenced[key] = state.silenced.get(key, 0) + 1
        return None if state.silenced[key] <= HEARD_FIRST else Delivery()


class SignalDropped(SignalOperator):
    """One of three does not come."""

    name = "dropped"
    one_in = ONE_IN_THREE

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        return Delivery()


class SignalRepeated(SignalOperator):
    """Everything comes twice."""

    name = "repeated"

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        return Delivery((message.data, message.data))


class SignalLate(SignalOperator):
    """Everything comes late."""

    name = "late"

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        return Delivery(late=(message.data,), late_s=LATE_S)


class SignalReordered(SignalOperator):
    """Two at a time change places; what nothing follows comes soon after."""

    name = "reordered"

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        key = message.socket, message.topic
        if key in state.held:
            return Delivery((message.data, state.held.pop(key)))
        state.held[key] = message.data
        return Delivery(held=message.data, late_s=HELD_AT_MOST_S)


class SignalCloses(SignalOperator):
    """The socket closes in the place of a message."""

    name = "closed"
    one_in = 20

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        return Delivery(close=True)
