"""Realtime messages that come twice. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from chaos.fault import Draw, register
from chaos.phone_fault import MessageTreatment, PhoneFault


@register
class MessageDuplicateFault(PhoneFault):
    """Nothing, when the app knows the message by its id; else it stands there twice."""

    name: ClassVar[str] = "message_duplicate"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "message"

    def treat_message(self, draw: Draw) -> MessageTreatment:
        return MessageTreatment((0.0, 0.0))
