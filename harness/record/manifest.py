"""The run's own description: `manifest.json`. (pure)"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from harness.core.assistant_slo import AssistantRule
from harness.core.fault_record import FaultWindow
from harness.core.phase_window import Window
from harness.core.profile import Profile
from harness.core.slo import CatchAll, Claim, DatabaseLimits, Slo
from harness.core.wire_limits import WireLimits
from harness.record.clocks import ClockOffset
from harness.record.preflight_results import PreflightRecord
from harness.record.probe_results import Probes
from harness.record.roster import WorkerRecord
from harness.record.versions import FIRST_VERSION, RECORD_VERSION


class TargetClock(BaseModel):
    """What the target's clock said against the generator's, right after the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    offset_s: float  # by which the target's is ahead
    uncertainty_s: float  # the true offset lies within this of it
    of: str  # "Postgres": the database's own; "PostgREST": of whoever answers in front of it


class Evidence(BaseModel):
    """What was read of the target's data after the run, or why it was not."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str = ""  # "PostgREST" or "Postgres"; empty: nothing was read
    problem: str = ""  # why what is there is not all, or nothing
    read_at: str = ""
    rested_s: float = 0.0  # how long the target took to come to rest
    at_rest: bool = True  # whether it did
    rows: dict[str, int] = Field(default_factory=dict)  # per table
    clock: TargetClock | None = None  # None: nobody asked


class Part(BaseModel):
    """One file of a closed record (`harness.record.parts`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows: int
    sha256: str


class Canary(BaseModel):
    """How fast this machine was for a fixed piece of work (`harness.run.canary`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: Literal["start", "end"]
    cpu_ms: float
    loopback_us: float


class Neighbours(BaseModel):
    """CPU that other programs took from a run whose sandbox is on the same machine (`harness.run.neighbours`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seconds: int = Field(ge=0)  # of the measure phase, looked at
    crowded: int = Field(ge=0)  # of them, with a full machine of which others had a tenth or more
    share: float = Field(ge=0, le=1)  # others', of the machine's CPU time; mean of the crowded seconds


class Observed(BaseModel):
    """What the target's database said of itself while the run went on (`harness.observe`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    problem: str = ""  # why there is nothing, or nothing from some instant on
    missing: tuple[str, ...] = ()  # what is not there or may not be seen, and what would allow it
    asked: int = Field(default=0, ge=0)  # questions
    took_s: float = Field(default=0.0, ge=0)  # all of them together, by the clock


class Manifest(BaseModel):
    """Everything a report needs besides the tables. Holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_version: int = Field(default=RECORD_VERSION, ge=FIRST_VERSION)  # absent in the file: FIRST_VERSION
    run_id: str
    status: Literal["running", "complete", "aborted", "incomplete"]
    abort_reason: str = ""
    started_at: str  # ISO 8601, UTC: the run's zero
    finished_at: str | None = None
    seed: int
    profile: Profile
    slos: tuple[Slo, ...]
    catch_all: CatchAll | None = None  # bounds of everything else; None: of a run that had none
    database: DatabaseLimits | None = None  # what the database may say of itself; None: anything
    assistant: tuple[AssistantRule, ...] = ()  # what its models may take and cost
    target_name: str
    target_url: str
    target_environment: str
    windows: tuple[Window, ...]
    chaos: tuple[FaultWindow, ...] = ()  # over the phases: what was planned to go wrong, and the recovery after it
    planned_sessions: int
    plan_digest: str  # SHA-256 over the seeded schedule
    workers: int
    recorded_attempts: int | None = None  # sum of the workers' own counters, at the end
    clocks: tuple[ClockOffset, ...] = ()  # of the workers against the master's; empty when one process did everything
    limits: WireLimits | None = None  # the target's, kept on the wire; None: it has none, or a record that did not say
    roster: tuple[WorkerRecord, ...] = ()  # one entry a worker that ever reported; written as things happen
    versions: dict[str, str]  # python, harness, locust, platform, ...
    notes: tuple[str, ...] = ()  # facts a reader must know: quirks switched on, what was left out
    sign_ins: dict[str, int] = Field(
        default_factory=dict
    )  # how tokens were come by (harness.core.sign_in) -> how often
    run_tag: int | None = None  # in every client-made id
    zero_epoch_s: float | None = None  # the run's zero, seconds since 1970; None until it began
    evidence: Evidence | None = None  # None until somebody looked
    evidence_promised: bool = False  # without it the run proves nothing: it asked for it, and the target allows it
    parts: dict[str, Part] | None = None  # the closed record's files; None in older ones, and before the close
    canary: tuple[Canary, ...] = ()  # before and after the load; empty in older records
    neighbours: Neighbours | None = None  # None: the target is not the run's own, or nobody looked
    target_cores: float | None = None  # of CPU, by the process at the target's port, mean; None: it is not here
    observed: Observed | None = None  # None: nobody observed the target's database
    probes: Probes | None = None  # what the deployment is like; None when nobody asked
    preflight: PreflightRecord | None = None  # what is wrong with it before any load; None when nobody asked

    @field_validator("slos", mode="before")
    @classmethod
    def _as_it_was_judged(cls, slos: Any) -> Any:
        """An entry that does not say what a pass takes is of a time when the figure decided."""
        if not isinstance(slos, list):
            return slos
        return [{"claim": Claim.POINT, **one} if isinstance(one, dict) else one for one in slos]
