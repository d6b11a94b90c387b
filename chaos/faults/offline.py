"""No network for a while. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import PhoneFault, PhoneTreatment


@register
class OfflineFault(PhoneFault):
    """The cohort is in a tunnel: swipes queue up on the phone, lists cannot be read. Then they come out, one by one."""

    name: ClassVar[str] = "offline"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "phone"

    back_within: float = Field(
        10.0, ge=0, le=3600, description="s over which the phones come back after the end, uniformly; 0 is all at once"
    )

    def treat_phone(self, draw: Draw) -> PhoneTreatment:
        return PhoneTreatment(offline=True, back_s=draw("back") * self.back_within)
