"""A phone whose clock is wrong. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import PhoneFault, PhoneTreatment


@register
class ClockSkewFault(PhoneFault):
    """Messages are dated wrongly; with a clock an hour ahead the app refreshes its token before every request."""

    name: ClassVar[str] = "clock_skew"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "phone"

    skew: float = Field(300.0, ge=-86_400, le=86_400, description="s by which the clock is ahead; negative: behind")
    spread: float = Field(0.0, ge=0, le=86_400, description="s; each phone's skew is uniform within skew +- spread")

    def treat_phone(self, draw: Draw) -> PhoneTreatment:
        return PhoneTreatment(skew_s=self.skew + (2 * draw("skew") - 1) * self.spread)
