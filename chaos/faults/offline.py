"""No network for a while. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import register
from chaos.phone_fault import Luck, PhoneFault, Spell


@register
class OfflineFault(PhoneFault):
    """The cohort is in a tunnel: swipes queue up on the phone, lists cannot be read. Then they come out, one by one."""

    name: ClassVar[str] = "offline"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "phone"

    back_within: float = Field(
        10.0, ge=0, le=3600, description="s over which the phones come back after the end, uniformly; 0 is all at once"
    )

    def spell(self, luck: Luck) -> Spell:
        return Spell(offline=True, back_s=luck("back") * self.back_within)
