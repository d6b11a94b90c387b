"""One run as the history keeps it. (pure)"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator


def storable(text: str) -> str:
    """What the environment or a command line gave, which may hold bytes that are no UTF-8: those as their escapes."""
    return text.encode(errors="backslashreplace").decode()


class OperationFigures(BaseModel):
    """One operation in one view, over the measure phase. Milliseconds; null: the percentile falls on a failure."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    view: str
    samples: int = Field(ge=0)
    failed: int = Field(default=0, ge=0)
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Night(BaseModel):
    """One run: what was asked of whom, by which build, and what it came to."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    run_id: str
    started_at: str  # ISO 8601, UTC
    profile: str
    plan_digest: str  # of the planned sessions
    target: str
    environment: str
    verdict: str
    exit_code: int
    sentence: str = ""
    complete: bool = True
    commit: str = ""  # of the app that was tested
    branch: str = ""
    harness: str = ""  # our version
    canary_cpu_ms: float | None = None  # of fixed work on the machine, the slower of before and after
    canary_loopback_us: float | None = None
    operations: tuple[OperationFigures, ...] = ()

    @field_validator("commit", "branch", mode="before")
    @classmethod
    def _storable(cls, text: object) -> object:
        return storable(text) if isinstance(text, str) else text

    @field_validator("started_at")
    @classmethod
    def _an_instant(cls, text: str) -> str:
        datetime.fromisoformat(text)
        return text

    @property
    def at(self) -> datetime:
        """When it began."""
        found = datetime.fromisoformat(self.started_at)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

    @property
    def series(self) -> tuple[str, str, str]:
        """Runs that can be compared have the same."""
        return self.profile, self.target, self.environment
