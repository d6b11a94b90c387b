"""Realtime messages that come twice. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from chaos.fault import register
from chaos.phone_fault import Fate, Luck, PhoneFault


@register
class MessageDuplicateFault(PhoneFault):
    """Nothing, when the app knows the message by its id; else it stands there twice."""

    name: ClassVar[str] = "message_duplicate"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "message"

    def fate(self, luck: Luck) -> Fate:
        return Fate((0.0, 0.0))
