"""Realtime messages that never reach the app. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from chaos.fault import Draw, register
from chaos.phone_fault import MessageTreatment, PhoneFault


@register
class MessageDropFault(PhoneFault):
    """A chat message shows only with the next poll; typing signs and presence are missing."""

    name: ClassVar[str] = "message_drop"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "message"
    decides: ClassVar[bool] = True

    def treat_message(self, treatment: MessageTreatment, draw: Draw) -> MessageTreatment:
        return replace(treatment, delays_s=()) if treatment.delays_s else treatment
