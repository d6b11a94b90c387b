"""Realtime messages that come late, in order. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import MessageTreatment, PhoneFault


@register
class MessageDelayFault(PhoneFault):
    """Live updates lag behind."""

    name: ClassVar[str] = "message_delay"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "message"

    delay: float = Field(500.0, ge=0, le=600_000, description="ms")
    jitter: float = Field(0.0, ge=0, le=600_000, description="ms; uniform within delay +- jitter, never negative")

    def treat_message(self, treatment: MessageTreatment, draw: Draw) -> MessageTreatment:
        if not treatment.delays_s:
            return treatment
        more = max(0.0, self.delay + (2 * draw("delay") - 1) * self.jitter) / 1000
        return replace(treatment, delays_s=tuple(delay + more for delay in treatment.delays_s))
