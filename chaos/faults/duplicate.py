"""The same request again, later. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class DuplicateFault(PhoneFault):
    """Nothing, when the server is idempotent; else a message stands there twice."""

    name: ClassVar[str] = "duplicate"

    delay: float = Field(1000.0, gt=0, le=600_000, description="ms after the request left at which it is sent again")

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost == "request":  # nothing leaves the phone
            return treatment
        return replace(treatment, copies_s=(*treatment.copies_s, self.delay / 1000))
