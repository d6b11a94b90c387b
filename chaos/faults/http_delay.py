"""Slow answers. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import register
from chaos.http_fault import HttpFault, RequestTreatment


@register
class HttpDelayFault(HttpFault):
    """A spinner that turns longer: the server has done its work, its answer comes late.

    Whoever gives up meanwhile and tries again makes the server do the work twice.
    """

    name: ClassVar[str] = "http_delay"

    delay: int = Field(0, ge=0, description="ms from the first byte of the upstream's reply to its passing on")
    jitter: int = Field(0, ge=0, description="ms; the delay is uniform within delay +- jitter, and never negative")

    def treat(self, treatment: RequestTreatment, drawn: float) -> RequestTreatment:
        if treatment.drop:  # nothing to hold back
            return treatment
        delay = max(0.0, self.delay + (2 * drawn - 1) * self.jitter)
        return replace(treatment, delay_s=treatment.delay_s + delay / 1000)
