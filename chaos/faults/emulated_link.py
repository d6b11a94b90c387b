"""An emulated mobile link under every request. A model. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.network_model import LINKS, LinkTransit
from chaos.phone_fault import AttemptTreatment, PhoneFault

Kind = Literal["wifi_good", "5g", "lte", "slow_4g", "3g", "edge", "lossy_wifi", "metro"]


@register
class EmulatedLinkFault(PhoneFault):
    """The app as it feels on the way: round trips, bandwidth, lost packets, dead moments (`chaos.network_model`)."""

    name: ClassVar[str] = "link"

    kind: Kind = Field("lte", description="which link; the numbers are in chaos/network_model.py")

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        model = LINKS[self.kind]
        rtt, shift = model.rtt(draw("rtt")), draw("person shift")
        transit = LinkTransit(model, rtt, draw, shift, lambda slot: draw(f"person stall {slot}"))
        return replace(treatment, transit=transit)
