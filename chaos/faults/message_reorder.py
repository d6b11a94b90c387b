"""Realtime messages that are overtaken. (pure)"""

from __future__ import annotations

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

    def treat_message(self, draw: Draw) -> MessageTreatment:
        return MessageTreatment((self.wait / 1000,), in_order=False)
