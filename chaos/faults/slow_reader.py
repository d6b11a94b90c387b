"""The phone that takes its replies in slowly. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class SlowReaderFault(PhoneFault):
    """An old phone, or one with a full memory: lists appear late, the longer the later.

    A model: the reply has left the server's hands when the phone begins to be slow. For back-pressure that the server
    feels use the proxy's `bandwidth`.
    """

    name: ClassVar[str] = "slow_reader"

    rate: float = Field(20.0, gt=0, le=1e6, description="KB/s of 1000 bytes, at which the reply is taken in")

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost:  # there is no reply to take in
            return treatment
        rate = self.rate * 1000
        return replace(treatment, bytes_per_s=min(rate, treatment.bytes_per_s or rate))
