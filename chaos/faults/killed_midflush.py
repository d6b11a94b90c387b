"""The app that ends while its events are on their way. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class KilledMidflushFault(PhoneFault):
    """The phone needed the memory: the app is gone in the middle of a swipe, and starts anew when it is opened again.

    Use it with `where.calls`, usually the swipe events. What was in memory only is lost, as in the app.
    """

    name: ClassVar[str] = "killed_midflush"

    after: float = Field(20.0, ge=0, le=60_000, description="ms from the request's leaving to the app's end")

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost == "request" or (treatment.kill_s is not None and treatment.kill_s <= self.after / 1000):
            return treatment
        return replace(treatment, kill_s=self.after / 1000)
