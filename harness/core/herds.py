"""What a profile says about herds: many phones that do one thing in the same instant. (pure)

`[herds]` of a profile; `reports.herds` reads the record with it, `harness.client.jitter` spreads phones by it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.core.frozen_model import FrozenModel, Number

LONGEST_JITTER_S = 3600.0


class Herds(FrozenModel):
    """ratio: what a herd's busiest second may be of the mean second before it; the report says how many seconds of
    spread that takes. jitter_s: the spread that is tried out: each phone that loses its network, its connections or
    its cache together with others goes on up to so many seconds later, and so do the sessions of a stage of arrivals
    that is a `herd`. 0, as shipped: everybody at once.
    """

    ratio: Annotated[Number, Field(gt=1, le=1000)] = 3.0
    jitter_s: Annotated[Number, Field(ge=0, le=LONGEST_JITTER_S)] = 0.0
