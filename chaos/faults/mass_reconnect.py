"""Every connection ends at once. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import PhoneFault, PhoneTreatment


@register
class MassReconnectFault(PhoneFault):
    """Live updates stop for a moment and come back: a load balancer was restarted, and everybody connects anew."""

    name: ClassVar[str] = "mass_reconnect"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "phone"

    within: float = Field(0.0, ge=0, le=3600, description="s over which connections end, uniformly; 0 is all at once")

    def treat_phone(self, draw: Draw) -> PhoneTreatment:
        return PhoneTreatment(cut=True, cut_s=draw("cut") * self.within)
