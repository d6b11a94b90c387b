"""Realtime messages that come twice. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from chaos.fault import Draw, register
from chaos.phone_fault import MessageTreatment, PhoneFault


@register
class MessageDuplicateFault(PhoneFault):
    """Nothing, when the app knows the message by its id; else it stands there twice."""

    name: ClassVar[str] = "message_duplicate"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "message"

    def treat_message(self, treatment: MessageTreatment, draw: Draw) -> MessageTreatment:
        return replace(treatment, delays_s=treatment.delays_s * 2) if treatment.delays_s else treatment
