"""The base of every model that reports write as JSON. (pure)"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ReportModel(BaseModel):
    """Frozen, no unknown fields. Unlike `harness.core`'s FrozenModel it takes infinite figures: a percentile that falls
    on a failure is infinite, and null in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")
