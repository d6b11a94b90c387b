"""The same request twice at once. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class ConcurrentDuplicateFault(PhoneFault):
    """A double tap, or two tabs that drain one queue: the server must not check first and write later."""

    name: ClassVar[str] = "concurrent_duplicate"

    copies: int = Field(1, ge=1, le=5, description="how many more leave at once, on connections of their own")

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost == "request":  # nothing leaves the phone
            return treatment
        return replace(treatment, copies_s=(*treatment.copies_s, *(0.0 for _ in range(self.copies))))
