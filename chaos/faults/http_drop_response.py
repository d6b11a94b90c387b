"""The answer that never arrives. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import register
from chaos.http_fault import HttpFault, RequestTreatment


@register
class HttpDropResponseFault(HttpFault):
    """The swipe was stored, the message was sent, and the phone believes that it was not."""

    name: ClassVar[str] = "http_drop_response"
    decides: ClassVar[bool] = True

    how: Literal["close", "reset"] = Field("close", description="how the client's connection ends")

    def treat(self, treatment: RequestTreatment, drawn: float) -> RequestTreatment:
        if treatment.answer is not None or treatment.drop:
            return treatment
        return replace(treatment, drop=self.how)
