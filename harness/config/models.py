"""The frozen models behind target, profile and SLO files. Loading and its errors: `load.py`. (pure)"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.outcome import Outcome
from harness.record.schema import View


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- SLO file -------------------------------------------------------------------------------------------------


class LatencySlo(Model):
    """At least `percentile` percent of samples under `limit_ms`."""

    kind: Literal["latency"] = "latency"
    name: str
    operation: str
    view: View
    percentile: Annotated[float, Field(gt=0, lt=100)] = 95.0
    limit_ms: Annotated[float, Field(gt=0)]
    min_samples: Annotated[int, Field(ge=1)] = 100


class ShareSlo(Model):
    """At most `max_share` of the view's samples of `operations` end in one of `outcomes`."""

    kind: Literal["share"]
    name: str
    operations: Annotated[tuple[str, ...], Field(min_length=1)]
    view: View
    outcomes: Annotated[tuple[Outcome, ...], Field(min_length=1)]
    max_share: Annotated[float, Field(ge=0, lt=1)]
    min_samples: Annotated[int, Field(ge=1)] = 100


Slo = Annotated[LatencySlo | ShareSlo, Field(discriminator="kind")]


class SloFile(Model):
    slo: Annotated[tuple[Slo, ...], Field(min_length=1)]


# ---- profile --------------------------------------------------------------------------------------------------


class Constant(Model):
    dist: Literal["constant"]
    value: Annotated[float, Field(ge=0)]


class Uniform(Model):
    dist: Literal["uniform"]
    low: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(ge=0)]


class LogNormal(Model):
    """`median` and `sigma` of the natural logarithm; draws outside [min, max] are drawn again."""

    dist: Literal["lognormal"]
    median: Annotated[float, Field(gt=0)]
    sigma: Annotated[float, Field(gt=0)]
    min: Annotated[float, Field(ge=0)] = 0.0
    max: Annotated[float, Field(gt=0)] = float("inf")


Distribution = Annotated[Constant | Uniform | LogNormal, Field(discriminator="dist")]


class Stage(Model):
    """A stretch of the arrival curve: sessions per second, going in a straight line from `rate` to `to`."""

    seconds: Annotated[float, Field(gt=0)]
    rate: Annotated[float, Field(ge=0)]
    to: Annotated[float, Field(ge=0)] | None = None  # absent: constant


class Phases(Model):
    """Lengths in seconds. Warm-up and measure together are the planned schedule; drain only finishes it."""

    warmup_s: Annotated[float, Field(ge=0)]
    measure_s: Annotated[float, Field(gt=0)]
    drain_s: Annotated[float, Field(ge=0)] = 30.0


class SandboxSize(Model):
    """The sandbox that a run without a target starts for itself."""

    people: Annotated[int, Field(ge=2)] = 200
    catalogue: Annotated[int, Field(ge=100)] = 600


class Profile(Model):
    name: str
    description: str = ""
    seed: int = 1
    people: Annotated[int, Field(ge=2)]  # distinct people whose phones open sessions
    phones: Annotated[int, Field(ge=1)]  # sessions open at once, at most, over all workers
    phases: Phases
    arrivals: Annotated[tuple[Stage, ...], Field(min_length=1)]
    mix: dict[str, Annotated[float, Field(gt=0)]]  # persona -> share; sums to 1
    behaviour: dict[str, dict[str, Distribution]] = Field(default_factory=dict)  # persona -> quantity -> distribution
    sandbox: SandboxSize = SandboxSize()


# ---- target ---------------------------------------------------------------------------------------------------


class TargetKeys(Model):
    """Names of environment variables; the keys themselves never stand in a file."""

    anon_env: str
    service_env: str | None = None
    jwt_secret_env: str | None = None


class TargetPeople(Model):
    """Synthetic people of this target, made by `harness users provision`."""

    tag: Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$")] = "load"
    domain: str = "people.example.com"
    password_env: str | None = None


class TargetLimits(Model):
    """What this run may do to the host. Required for every host that is not loopback."""

    requests_per_second: Annotated[float, Field(gt=0)]
    phones: Annotated[int, Field(ge=1)]


class Target(Model):
    name: str
    url: str  # scheme://host[:port], no path
    environment: Literal["sandbox", "local", "preview", "staging", "production"]
    keys: TargetKeys
    people: TargetPeople = TargetPeople()
    limits: dict[str, TargetLimits] = Field(default_factory=dict)  # host name -> limits
