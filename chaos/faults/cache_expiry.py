"""Everybody's cache is out of date at once. (pure)"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import PhoneFault, PhoneTreatment


@register
class CacheExpiryFault(PhoneFault):
    """What is on screen is read anew, and all else when it is next shown: caches that were filled in the same second
    expire in the same second, and so does everything when a release raises the version that they carry."""

    name: ClassVar[str] = "cache_expiry"
    per: ClassVar[Literal["attempt", "phone", "message"]] = "phone"

    within: float = Field(0.0, ge=0, le=3600, description="s over which caches expire, uniformly; 0 is all at once")

    def treat_phone(self, draw: Draw) -> PhoneTreatment:
        return PhoneTreatment(outdate=True, outdate_s=draw("outdate") * self.within)
