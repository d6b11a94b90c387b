"""Where a phase lies on the run's time axis. (pure)"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from harness.core.tables import Phase


class Window(BaseModel):
    """A phase's place on the run's own time axis, in seconds since zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    phase: Phase
    start_s: float
    end_s: float
