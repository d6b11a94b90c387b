"""The frozen models behind target, profile and SLO files. Loading and its errors: `load.py`. (pure)

Numbers are strict: text that looks like a number, booleans, infinity and NaN are refused, because in a file
they are mistakes. Messages of the validators here read as "what is wrong; what to do".
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from chaos.timeline import Timeline
from harness.client.api.call_names import call_names
from harness.client.api.retry_policy import RetryPolicy
from harness.core.outcome import Outcome
from harness.core.scheduled_fault import Chaos, problems_of, timeline_of
from harness.core.tables import View

SHARE_TOLERANCE = 1e-6
SPAN_TOLERANCE_S = 1e-3
MAX_SESSIONS = 50_000_000
"""A plan is held in memory, 14 bytes a session; beyond this a rate is a typing error."""
MAX_PEOPLE = 2**31 - 1  # the record's `person` column is an int32


class FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
PLAIN_NAME = r"^[a-z][a-z0-9_]{0,63}$"
FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,199}$"
TAG = r"^[a-z0-9]{1,8}$"
DOMAIN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
FORMS = {
    PLAIN_NAME: "up to 64 lower-case letters, digits and underscores, a letter first",
    FILE_NAME: "up to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
    ENV_NAME: "the name of an environment variable: letters, digits and underscores, no digit first",
    TAG: "1 to 8 lower-case letters or digits",
    DOMAIN: "a domain name",
}
"""The patterns above in words, for error messages."""

PlainName = Annotated[str, Field(pattern=PLAIN_NAME)]  # persona, quantity, operation
FileName = Annotated[str, Field(pattern=FILE_NAME)]  # becomes part of a folder's name
EnvName = Annotated[str, Field(pattern=ENV_NAME)]


def closest(name: str, known: Iterable[str]) -> str:
    """Which of `known` was probably meant, as the end of a sentence; all of them when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names) or 'none'}"


# ---- SLO file -------------------------------------------------------------------------------------------------


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
    # missed also when the windows over the limit cover this long without a break, however good the whole phase is
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


# ---- profile --------------------------------------------------------------------------------------------------


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


class ArrivalStage(FrozenModel):
    """A stretch of the arrival curve: sessions per second, going in a straight line from `rate` to `to`."""

    seconds: Annotated[Number, Field(gt=0)]
    rate: Annotated[Number, Field(ge=0)]
    to: Annotated[Number, Field(ge=0)] | None = None  # absent: constant

    @property
    def end_rate(self) -> float:
        """Sessions per second at the end of the stage."""
        return self.rate if self.to is None else self.to


class Phases(FrozenModel):
    """Lengths in seconds. Warm-up and measure together are the planned schedule; drain only finishes it."""

    warmup_s: Annotated[Number, Field(ge=0)]
    measure_s: Annotated[Number, Field(gt=0)]
    drain_s: Annotated[Number, Field(ge=0)] = 30.0

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
    realtime: bool = True  # False: phones open no sockets, and chats behave as if their channels were joined
    chaos: tuple[Chaos, ...] = ()  # what goes wrong, when, for whom
    retry_policy: RetryPolicy = RetryPolicy.SHIPPED  # how reads are tried again; any other is an experiment
    budget_ratio: Annotated[Number, Field(gt=0, le=1)] = 0.1  # of retry_policy = "budget": retries per first try
    sandbox: SandboxSize = SandboxSize()

    def timeline(self, seed: int) -> Timeline:
        """What goes wrong, in seconds of the run."""
        return timeline_of(self.chaos, self.phases.starts, seed)

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
    def _chaos_that_can_be(cls, entries: tuple[Chaos, ...], info: ValidationInfo) -> tuple[Chaos, ...]:
        phases, mix = info.data.get("phases"), info.data.get("mix")
        if entries and phases is not None and mix is not None:
            problems = problems_of(entries, phases.starts, phases.end_s, mix, call_names())
            if problems:
                raise ValueError("\n    ".join(("cannot be as it stands", *problems)))
        return entries


# ---- target ---------------------------------------------------------------------------------------------------


class TargetKeys(FrozenModel):
    """Names of environment variables; the keys themselves never stand in a file."""

    anon_env: EnvName
    service_env: EnvName | None = None
    jwt_secret_env: EnvName | None = None
    dsn_env: EnvName | None = None  # Postgres connection string, for the data check


class TargetPeople(FrozenModel):
    """Synthetic people of this target, made by `harness users provision`."""

    tag: Annotated[str, Field(pattern=TAG)] = "load"
    domain: Annotated[str, Field(pattern=DOMAIN)] = "people.example.com"
    password_env: EnvName | None = None


class TargetLimits(FrozenModel):
    """What this run may do to the host. Required for every host that is not loopback."""

    requests_per_second: Annotated[Number, Field(gt=0)]
    phones: Annotated[Count, Field(ge=1)]


# Narrower than RFC 3986 on purpose: what two URL parsers could read differently would let the guard see another
# host than the one the wire connects to.
URL = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?")


class Target(FrozenModel):
    name: FileName
    url: str  # scheme://host[:port], no path
    environment: Literal["sandbox", "local", "preview", "staging", "production"]
    keys: TargetKeys
    people: TargetPeople = TargetPeople()
    limits: dict[str, TargetLimits] = Field(default_factory=dict)  # host name -> limits

    @property
    def host(self) -> str:
        """The URL's host in lower case, without the brackets of an IPv6 address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The URL's port, or its scheme's usual one."""
        return urlsplit(self.url).port or (443 if self.url.startswith("https:") else 80)

    @field_validator("url")
    @classmethod
    def _only_scheme_host_port(cls, url: str) -> str:
        match = URL.fullmatch(url)
        if match is None:
            raise ValueError(_url_problem(url))
        if match["port"] is not None and not 1 <= int(match["port"]) <= 65_535:
            raise ValueError(f"port {match['port']} does not exist; use one from 1 to 65535")
        host = match["host"]
        if host.startswith("["):
            try:
                ipaddress.IPv6Address(host[1:-1])
            except ValueError as error:
                raise ValueError("the host in brackets is no IPv6 address; correct it") from error
        return url.removesuffix("/")

    @field_validator("limits")
    @classmethod
    def _hosts_not_urls(cls, limits: dict[str, TargetLimits]) -> dict[str, TargetLimits]:
        for host in limits:
            if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", host):
                raise ValueError(f"{host!r} is not a host name; write only the host, without scheme, port or path")
        return {host.lower(): limit for host, limit in limits.items()}


def _url_problem(url: str) -> str:
    """Why `url` is refused, without repeating what may be a password in it."""
    shape = "write scheme://host[:port], for example https://project.example.com"
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("http", "https"):
        return f"the scheme must be http or https; {shape}"
    authority, _, tail = rest.partition("/")
    if "@" in authority:
        return "user name and password do not belong in the URL; name environment variables in [keys]"
    if tail or "?" in rest or "#" in rest:
        return "path, query and fragment are not allowed, the harness adds its own; leave them out"
    return f"host or port cannot be read (hosts outside ASCII: write their xn-- form); {shape}"
