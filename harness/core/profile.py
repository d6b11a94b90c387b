"""The profile of a run: who, how many, when, how they behave, what goes wrong. Read by `harness.config.load`. (pure)"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from chaos.timeline import Timeline
from harness.core.app_client import PRODUCTION_ORIGIN, AppClient, checked_origin
from harness.core.call_names import call_names
from harness.core.client_settings import ClientSettings
from harness.core.distributions import Distribution
from harness.core.frozen_model import Count, FileName, FrozenModel, Number, PlainName, closest
from harness.core.herds import LONGEST_JITTER_S, Herds
from harness.core.retry_policies import RetryPolicy
from harness.core.scheduled_fault import ChaosEntry, problems_of, timeline_of
from harness.core.sign_in import STORED_SHARE
from harness.core.slo import Claim

SHARE_TOLERANCE = 1e-6
SPAN_TOLERANCE_S = 1e-3
MAX_SESSIONS = 50_000_000
"""A plan is held in memory, 14 bytes a session; beyond this a rate is a typing error."""
LONGEST_PHASE_S = 31 * 86_400.0
MAX_PEOPLE = 2**31 - 1  # the record's `person` column is an int32


class ArrivalStage(FrozenModel):
    """A stretch of the arrival curve: sessions per second, going in a straight line from `rate` to `to`."""

    seconds: Annotated[Number, Field(gt=0)]
    rate: Annotated[Number, Field(ge=0)]
    to: Annotated[Number, Field(ge=0)] | None = None  # absent: constant
    herd: bool = False  # its sessions have one cause, such as a push notification; what `herds.jitter_s` spreads
    spread_s: Annotated[Number, Field(ge=0, le=LONGEST_JITTER_S)] = 0.0  # each starts up to so much later, uniformly
    level: Annotated[int, Field(ge=0)] = 0  # as many as expected in each stretch of so many sessions; 0: Poisson

    @property
    def end_rate(self) -> float:
        """Sessions per second at the end of the stage."""
        return self.rate if self.to is None else self.to


class Phases(FrozenModel):
    """Lengths in seconds. Warm-up and measure together are the planned schedule; drain only finishes it."""

    warmup_s: Annotated[Number, Field(ge=0, le=LONGEST_PHASE_S)]
    measure_s: Annotated[Number, Field(gt=0, le=LONGEST_PHASE_S)]
    drain_s: Annotated[Number, Field(ge=0, le=LONGEST_PHASE_S)] = 30.0

    @property
    def end_s(self) -> float:
        """When the planned schedule is over."""
        return self.warmup_s + self.measure_s

    def starts(self, phase: str) -> float:
        """When `warmup` or `measure` begins."""
        return 0.0 if phase == "warmup" else self.warmup_s


class Abort(FrozenModel):
    """When a run is ended early, because going on would only hurt the target or prove nothing.

    A rule looks back over `window_s` and fires when it has held for `grace_s` without a break. A key that is left out
    is a rule that is not there.
    """

    window_s: Annotated[Number, Field(ge=1, le=600)] = 10.0
    grace_s: Annotated[Number, Field(ge=0)] = 30.0
    min_samples: Annotated[Count, Field(ge=1)] = 50  # in the window; fewer say nothing
    error_share: Annotated[Number, Field(gt=0, lt=1)] | None = None  # of attempts, ended in any failure
    p95_multiple: Annotated[Number, Field(ge=1)] | None = None  # a latency SLO's percentile over this times its limit
    generator: bool = False  # the generator's loop lag p99 beyond what a verdict can bear


class SandboxSize(FrozenModel):
    """The sandbox that a run without a target starts for itself."""

    people: Annotated[Count, Field(ge=2)] = 200
    catalogue: Annotated[Count, Field(ge=100)] = 600
    plan: Literal["self-host", "free", "pro", "team"] = "self-host"  # whose limits its Realtime has


class Profile(FrozenModel):
    name: FileName
    description: str = ""
    seed: Annotated[Count, Field(ge=0)] = 1
    people: Annotated[Count, Field(ge=2, le=MAX_PEOPLE)]  # distinct people whose phones open sessions
    phones: Annotated[Count, Field(ge=1)]  # sessions open at once, at most, over all workers
    phases: Phases
    arrivals: Annotated[tuple[ArrivalStage, ...], Field(min_length=1)]
    mix: Annotated[dict[PlainName, Annotated[Number, Field(gt=0)]], Field(min_length=1)]  # persona -> share; sums to 1
    behaviour: dict[PlainName, dict[PlainName, Distribution]] = Field(default_factory=dict)  # persona -> quantity -> …
    claim: Claim | None = None  # what a pass of an SLO takes in runs of this profile; absent: the SLO file's
    abort: Abort | None = None  # absent: the run goes on to its planned end, whatever happens
    stored_sessions: Annotated[Number, Field(ge=0, le=1)] = STORED_SHARE  # people whom the app finds signed in
    realtime: bool = True  # False: phones open no sockets, and chats behave as if their channels were joined
    chaos: tuple[ChaosEntry, ...] = ()  # what goes wrong, when, for whom
    retry_policy: RetryPolicy = RetryPolicy.SHIPPED  # how reads are tried again; any other is an experiment
    budget_ratio: Annotated[Number, Field(gt=0, le=1)] = 0.1  # of retry_policy = "budget": retries per first try
    settings: ClientSettings = ClientSettings()  # of phones, as shipped unless said otherwise (docs/levers.md)
    client: AppClient = AppClient.BROWSER  # what only browsers do at the wire; native: none of it
    app_origin: str = PRODUCTION_ORIGIN  # of the page in the browser; a target file may say another
    sandbox: SandboxSize = SandboxSize()
    herds: Herds = Herds()  # what a herd's busiest second may be, and the spread that is tried out
    preflight: bool = False  # the target is asked what is open, slow or missing before the load (docs/preflight.md)
    promises_evidence: bool = False  # where a key or a DSN opens the target's data, a run that did not read it is 20

    def timeline(self, seed: int) -> Timeline:
        """What goes wrong, in seconds of the run. Made once in a process: by the supervisor, and by each worker."""
        return timeline_of(self.chaos, self.phases.starts, seed)

    @property
    def spread_arrivals(self) -> tuple[ArrivalStage, ...]:
        """The arrivals with the jitter of `herds`: what a schedule is drawn from."""
        jitter_s = self.herds.jitter_s
        return tuple(
            stage.model_copy(update={"spread_s": max(stage.spread_s, jitter_s)}) if stage.herd and jitter_s else stage
            for stage in self.arrivals
        )

    @field_validator("herds")
    @classmethod
    def _spread_within_the_schedule(cls, herds: Herds, info: ValidationInfo) -> Herds:
        stages: tuple[ArrivalStage, ...] = info.data.get("arrivals", ())
        left = math.fsum(stage.seconds for stage in stages)
        for stage in stages:
            left -= stage.seconds
            spread = max(stage.spread_s, herds.jitter_s if stage.herd else 0.0)
            if spread > left + SPAN_TOLERANCE_S:
                raise ValueError(
                    f"a stage's sessions would be spread over {spread:g} s, and only {left:g} s of arrivals follow it; "
                    "lower jitter_s or spread_s, or let a stage follow"
                )
        return herds

    @field_validator("app_origin")
    @classmethod
    def _an_origin(cls, app_origin: str) -> str:
        return checked_origin(app_origin)

    @field_validator("phones")
    @classmethod
    def _a_person_for_each_phone(cls, phones: int, info: ValidationInfo) -> int:
        people = info.data.get("people")
        if people is not None and phones > people:
            raise ValueError(f"more than people = {people}; a person has one phone: raise people or lower phones")
        return phones

    @field_validator("arrivals")
    @classmethod
    def _stages_cover_the_phases(
        cls, stages: tuple[ArrivalStage, ...], info: ValidationInfo
    ) -> tuple[ArrivalStage, ...]:
        if not any(stage.rate > 0 or stage.end_rate > 0 for stage in stages):
            raise ValueError("no stage has a rate above 0, so no session would ever start; give one a rate")
        sessions = sum(stage.seconds * (stage.rate + stage.end_rate) / 2 for stage in stages)
        if sessions > MAX_SESSIONS:
            raise ValueError(f"plan {sessions:.3g} sessions, more than {MAX_SESSIONS:,}; lower rate or seconds")
        phases: Phases | None = info.data.get("phases")
        if phases is not None:
            planned, asked = math.fsum(stage.seconds for stage in stages), phases.warmup_s + phases.measure_s
            if abs(planned - asked) > SPAN_TOLERANCE_S:
                raise ValueError(
                    f"stages last {planned:g} s together, but warmup_s + measure_s is {asked:g} s; make them equal"
                )
        return stages

    @field_validator("mix")
    @classmethod
    def _shares_sum_to_one(cls, mix: dict[str, float]) -> dict[str, float]:
        total = math.fsum(mix.values())
        if abs(total - 1) > SHARE_TOLERANCE:
            raise ValueError(f"shares sum to {total:.9g}, not 1; adjust one of them by {1 - total:+.9g}")
        return mix

    @field_validator("behaviour")
    @classmethod
    def _behaviour_of_known_personas(
        cls, behaviour: dict[str, dict[str, Distribution]], info: ValidationInfo
    ) -> dict[str, dict[str, Distribution]]:
        mix = info.data.get("mix")
        for persona in behaviour:
            if mix is not None and persona not in mix:
                raise ValueError(f"{persona} is not a persona of [mix]; {closest(persona, mix)}")
        return behaviour

    @field_validator("chaos")
    @classmethod
    def _chaos_that_can_be(cls, entries: tuple[ChaosEntry, ...], info: ValidationInfo) -> tuple[ChaosEntry, ...]:
        phases, mix = info.data.get("phases"), info.data.get("mix")
        if entries and phases is not None and mix is not None:
            problems = problems_of(entries, phases.starts, phases.end_s, mix, call_names())
            if problems:
                raise ValueError("\n    ".join(("cannot be as it stands", *problems)))
        return entries
