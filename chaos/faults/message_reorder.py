"""Realtime messages that are overtaken. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import MessageTreatment, PhoneFault


@register
class MessageReorderFault(PhoneFault):
    """Chat messages stand in the wrong order; an old typing sign comes after the message."""

    name: ClassVar[str] = "message_reorder"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "message"

    wait: float = Field(200.0, gt=0, le=60_000, description="ms for which others may overtake it")

    def treat_message(self, treatment: MessageTreatment, draw: Draw) -> MessageTreatment:
        if not treatment.delays_s:
            return treatment
        later = tuple(delay + self.wait / 1000 for delay in treatment.delays_s)
        return replace(treatment, delays_s=later, in_order=False)
