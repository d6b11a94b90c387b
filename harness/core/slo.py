"""The SLO file: latency limits and shares of outcomes, with their windows. Read by `harness.config.load`. (pure)"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from harness.core.frozen_model import Count, FrozenModel, Number, PlainName, Text
from harness.core.outcome import Outcome
from harness.core.tables import View

WINDOW_S = 60.0
"""Length of the sliding windows of an SLO file that does not say."""


class Claim(StrEnum):
    """What a pass takes."""

    SHOWN = "shown"  # that the samples show it, with 95 % confidence
    CLEAN = "clean"  # that; or fewer samples than could show it, and not one of them bad
    POINT = "point"  # that the figure itself is within the limit, whatever chance may have done to it


class Windowed(FrozenModel):
    """What every SLO may say about stretches of the measure phase. Without `sustained_s` windows inform, only."""

    window_s: Annotated[Number, Field(ge=1)] = WINDOW_S  # length of the sliding windows; absent: the file's window_s
    # missed also when all samples of any stretch of this length are over the limit, however good the whole phase is
    sustained_s: Annotated[Number, Field(gt=0)] | None = None
    claim: Claim = Claim.SHOWN  # what a pass takes; absent: the file's; a profile's own outranks both

    @field_validator("sustained_s")
    @classmethod
    def _a_window_at_least(cls, sustained: float | None, info: ValidationInfo) -> float | None:
        window = info.data.get("window_s")
        if sustained is not None and window is not None and sustained < window:
            raise ValueError(f"shorter than window_s = {window:g}; one window over the limit lasts that long: raise it")
        return sustained


class LatencySlo(Windowed):
    """At least `percentile` percent of samples under `limit_ms`."""

    kind: Literal["latency"] = "latency"
    name: Text
    operation: PlainName
    view: View
    percentile: Annotated[Number, Field(gt=0, lt=100)] = 95.0
    limit_ms: Annotated[Number, Field(gt=0)]
    min_samples: Annotated[Count, Field(ge=1)] = 100

    @field_validator("percentile")
    @classmethod
    def _a_percentage(cls, percentile: float) -> float:
        if percentile < 50:
            meant = f"did you mean {percentile * 100:g}?" if 0.5 <= percentile < 1 else "give one from 50 to below 100"
            raise ValueError(f"is the percentile below which most samples are slower; {meant}")
        return percentile


class ShareSlo(Windowed):
    """At most `max_share` of the view's samples of `operations` end in one of `outcomes`."""

    kind: Literal["share"]
    name: Text
    operations: Annotated[tuple[PlainName, ...], Field(min_length=1)]
    view: View
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1)]
    max_share: Annotated[Number, Field(ge=0, lt=1)]
    min_samples: Annotated[Count, Field(ge=1)] = 100

    @field_validator("operations", "outcomes")
    @classmethod
    def _once_each(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} named twice; name each one once")
        return values


Slo = Annotated[LatencySlo | ShareSlo, Field(discriminator="kind")]


class SloFile(FrozenModel):
    """`window_s` and `claim` here are those of every entry that has none of its own."""

    window_s: Annotated[Number, Field(ge=1)] = WINDOW_S
    claim: Claim = Claim.SHOWN
    slo: Annotated[tuple[Slo, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _hand_the_window_down(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("slo"), list):
            return data
        handed = {key: data[key] for key in ("window_s", "claim") if key in data}
        entries = [{**handed, **one} if isinstance(one, dict) else one for one in data["slo"]]
        return {**data, "slo": entries}

    @field_validator("slo")
    @classmethod
    def _unique_names(cls, slos: tuple[Slo, ...]) -> tuple[Slo, ...]:
        names = [slo.name for slo in slos]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"more than one SLO is called {', '.join(map(repr, twice))}; give each its own name")
        return slos
