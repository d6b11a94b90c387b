"""The reply that the phone never sees. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class LostReplyFault(PhoneFault):
    """The swipe was stored, the message was sent, and the phone believes that it was not."""

    name: ClassVar[str] = "lost_reply"
    decides: ClassVar[bool] = True

    notice: Literal["close", "timeout"] = Field(
        "close", description="the phone learns of it at once (the connection broke) or when its own time is up"
    )

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost:
            return treatment
        return replace(treatment, lost="reply", patience=self.notice)
