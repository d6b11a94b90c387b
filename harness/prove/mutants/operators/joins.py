"""Realtime's answers that let nobody in: none at all, or a refusal. (pure)"""

from __future__ import annotations

from dataclasses import replace

from harness.prove.mutants.operators.base import ONE_IN_THREE, Delivery, MutantState, SignalOperator, SocketMessage
from harness.prove.mutants.places import Kind


class JoinUnanswered(SignalOperator):
    name = "unanswered"
    needs = Kind.JOIN
    one_in = ONE_IN_THREE

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        return Delivery()


class JoinRefused(SignalOperator):
    name = "refused"
    needs = Kind.JOIN
    one_in = ONE_IN_THREE

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        envelope = message.envelope
        if envelope is None or not isinstance(envelope.payload, dict) or envelope.payload.get("status") != "ok":
            return None
        refusal = {"status": "error", "response": {"reason": "Unauthorized"}}
        return Delivery((replace(envelope, payload=refusal),))


class JoinCloses(SignalOperator):
    """The socket closes instead."""

    name = "closed"
    needs = Kind.JOIN
    one_in = ONE_IN_THREE

    def deliver(self, message: SocketMessage, state: MutantState) -> Delivery | None:
        return Delivery(close=True)
