"""A request that reaches the server twice. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import register
from chaos.http_fault import HttpFault, RequestTreatment


@register
class HttpDuplicateFault(HttpFault):
    """Nothing seems wrong, but a message stands there twice: the same request, same ids, is delivered once more."""

    name: ClassVar[str] = "http_duplicate"

    delay: int = Field(0, ge=0, description="ms after the request; 0 sends both at the same time")

    def treat(self, treatment: RequestTreatment, drawn: float) -> RequestTreatment:
        if treatment.answer is not None:  # the upstream does not get it once
            return treatment
        return replace(treatment, copies=(*treatment.copies, self.delay / 1000))
