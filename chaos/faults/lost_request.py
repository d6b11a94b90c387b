"""The request that never arrives. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class LostRequestFault(PhoneFault):
    """A tap does nothing, or spins until the app gives up; the server never heard of it."""

    name: ClassVar[str] = "lost_request"
    decides: ClassVar[bool] = True

    notice: Literal["close", "timeout"] = Field(
        "close", description="the phone learns of it at once (the connection broke) or when its own time is up"
    )

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost:
            return treatment
        return replace(treatment, lost="request", patience=self.notice)
