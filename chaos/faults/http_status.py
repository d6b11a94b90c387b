"""An error in the upstream's place. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import register
from chaos.http_fault import HttpFault, InjectedReply, RequestTreatment


@register
class HttpStatusFault(HttpFault):
    """ "Something went wrong": the gateway answers with an error and the application never hears of the request."""

    name: ClassVar[str] = "http_status"
    decides: ClassVar[bool] = True

    status: int = Field(503, ge=200, le=599, description="status code of the answer")
    body: str = Field('{"message":"injected by chaos"}', description="its body")
    content_type: str = Field("application/json", pattern=r"^[^\r\n]*$", description="its content type")

    def treat(self, treatment: RequestTreatment, drawn: float) -> RequestTreatment:
        if treatment.answer is not None or treatment.drop:
            return treatment
        return replace(treatment, answer=InjectedReply(self.status, self.body, self.content_type))
