"""Distributions as a profile states them; drawn from in `harness.core.draw`. (pure)"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from harness.core.frozen_model import FrozenModel, Number


class Constant(FrozenModel):
    dist: Literal["constant"]
    value: Annotated[Number, Field(ge=0)]


class Uniform(FrozenModel):
    dist: Literal["uniform"]
    low: Annotated[Number, Field(ge=0)]
    high: Annotated[Number, Field(ge=0)]

    @field_validator("high")
    @classmethod
    def _ordered(cls, high: float, info: ValidationInfo) -> float:
        low = info.data.get("low")
        if low is not None and high < low:
            raise ValueError(f"below low = {low:g}; swap them")
        return high


class LogNormal(FrozenModel):
    """`median` and `sigma` of the natural logarithm; draws outside [min, max] are drawn again."""

    dist: Literal["lognormal"]
    median: Annotated[Number, Field(gt=0)]
    sigma: Annotated[Number, Field(gt=0, le=5)]
    min: Annotated[Number, Field(ge=0)] = 0.0
    max: Annotated[Number, Field(gt=0)] | None = None  # absent: no upper bound

    @field_validator("min")
    @classmethod
    def _min_below_median(cls, low: float, info: ValidationInfo) -> float:
        median = info.data.get("median")
        if median is not None and low >= median:
            raise ValueError(f"not below median = {median:g}; a median lies between min and max")
        return low

    @field_validator("max")
    @classmethod
    def _max_above_median(cls, high: float | None, info: ValidationInfo) -> float | None:
        median = info.data.get("median")
        if high is not None and median is not None and high <= median:
            raise ValueError(f"not above median = {median:g}; a median lies between min and max")
        return high


Distribution = Annotated[Constant | Uniform | LogNormal, Field(discriminator="dist")]
