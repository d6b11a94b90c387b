"""Latency and jitter in the phone. (pure)"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault


@register
class PhoneLatencyFault(PhoneFault):
    """Everything takes a little longer: screens fill late, a message's tick comes late. The server never sees it."""

    name: ClassVar[str] = "latency"

    latency: float = Field(100.0, ge=0, le=120_000, description="ms added to every attempt; the distribution's median")
    jitter: float = Field(0.0, ge=0, le=120_000, description="ms; see `distribution`")
    distribution: Literal["uniform", "normal", "exponential"] = Field(
        "uniform",
        description="uniform: latency +- jitter. normal: jitter is the standard deviation. "
        "exponential: latency plus a tail whose mean is jitter. Never negative",
    )
    direction: Literal["request", "reply", "both"] = Field("both", description="which way is slow; both: half each way")

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost and self.direction == "reply":
            return treatment
        seconds = self.drawn_s(draw("latency"))
        before = {"request": 1.0, "reply": 0.0, "both": 0.5}[self.direction] * seconds
        return replace(treatment, before_s=treatment.before_s + before, after_s=treatment.after_s + seconds - before)

    def drawn_s(self, quantile: float) -> float:
        """The delay at this quantile, seconds."""
        if not self.jitter:
            return self.latency / 1000
        inside = min(max(quantile, 1e-9), 1 - 1e-9)
        if self.distribution == "uniform":
            value = self.latency + (2 * quantile - 1) * self.jitter
        elif self.distribution == "normal":
            value = NormalDist(self.latency, self.jitter).inv_cdf(inside)
        else:
            value = self.latency - self.jitter * math.log(1 - inside)
        return max(0.0, value) / 1000
