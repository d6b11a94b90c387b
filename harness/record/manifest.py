"""The run's own description: `manifest.json`. (pure)"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from harness.config.models import Profile, Slo
from harness.record.clocks import ClockOffset
from harness.record.schema import Phase


class Window(BaseModel):
    """A phase's place on the run's own time axis, in seconds since zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    phase: Phase
    start_s: float
    end_s: float


class Manifest(BaseModel):
    """Everything a report needs besides the tables. Holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    status: Literal["running", "complete", "aborted", "incomplete"]
    abort_reason: str = ""
    started_at: str  # ISO 8601, UTC: the run's zero
    finished_at: str | None = None
    seed: int
    profile: Profile
    slos: tuple[Slo, ...]
    target_name: str
    target_url: str
    target_environment: str
    windows: tuple[Window, ...]
    planned_sessions: int
    plan_digest: str  # SHA-256 over the seeded schedule
    workers: int
    recorded_attempts: int | None = None  # sum of the workers' own counters, at the end
    clocks: tuple[ClockOffset, ...] = ()  # of the workers against the master's; empty when one process did everything
    versions: dict[str, str]  # python, harness, locust, platform, ...
    notes: tuple[str, ...] = ()  # facts a reader must know: quirks switched on, what was left out
