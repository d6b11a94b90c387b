"""The SLO file: latency limits and shares of outcomes, with their windows. Read by `harness.config.load`. (pure)"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from harness.core.assistant_slo import AssistantRule
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
Everywhere = Literal[View.SERVER, View.E2E]


class CatchAllBound(FrozenModel):
    """Other bounds for one name than those of the catch-all; what is absent stays. No view: both."""

    name: PlainName
    view: Everywhere | None = None
    limit_ms: Annotated[Number, Field(gt=0)] | None = None
    failure_share: Annotated[Number, Field(ge=0, lt=1)] | None = None


class Exclusion(FrozenModel):
    """What the catch-all does not hold against a name, and why. Neither `outcomes` nor `latency`: anything."""

    name: PlainName
    view: Everywhere | None = None
    outcomes: tuple[Outcome, ...] = ()  # failures that are expected; all others count
    latency: bool = False  # true: its times are not judged
    reason: Text

    def covers(self, name: str, view: str) -> bool:
        """Whether it speaks of that name in that view."""
        return self.name == name and self.view in (None, view)

    @property
    def whole(self) -> bool:
        """Nothing of the name is judged."""
        return not self.outcomes and not self.latency

    @property
    def text(self) -> str:
        """What is excluded, in words."""
        where = f"{self.name} ({self.view})" if self.view else self.name
        parts = [", ".join(self.outcomes)] if self.outcomes else []
        parts += ["latency"] if self.latency else []
        return f"{where}: {' and '.join(parts) or 'everything'}; {self.reason}"


class CatchAll(FrozenModel):
    """Bounds of everything that is seen in the run: each operation (e2e) and each kind of attempt (server)."""

    failure_share: Annotated[Number, Field(ge=0, lt=1)] = 0.01
    percentile: Annotated[Number, Field(ge=50, lt=100)] = 95.0
    server_ms: Annotated[Number, Field(gt=0)] = 2000.0
    e2e_ms: Annotated[Number, Field(gt=0)] = 5000.0
    overdue_times: Annotated[Number, Field(ge=1)] = 2.5  # its limit: a reply of the server that late is as good as none
    bound: tuple[CatchAllBound, ...] = ()
    exclude: tuple[Exclusion, ...] = ()

    def limit_ms(self, name: str, view: str) -> float:
        """The latency bound of a name; the last `bound` that says one wins."""
        said = [one.limit_ms for one in self._bounds(name, view) if one.limit_ms is not None]
        return said[-1] if said else self.server_ms if view == View.SERVER else self.e2e_ms

    def allowed_share(self, name: str, view: str) -> float:
        """How much of it may fail."""
        said = [one.failure_share for one in self._bounds(name, view) if one.failure_share is not None]
        return said[-1] if said else self.failure_share

    def excluded(self, name: str, view: str) -> tuple[Exclusion, ...]:
        """Exclusions that speak of a name."""
        return tuple(one for one in self.exclude if one.covers(name, view))

    def _bounds(self, name: str, view: str) -> list[CatchAllBound]:
        return [one for one in self.bound if one.name == name and one.view in (None, view)]


class DatabaseLimits(FrozenModel):
    """`[database]` of an SLO file: limits for what the target's database says of itself. Absent: told, not judged."""

    connection_share: Annotated[Number, Field(gt=0, le=1)] | None = None  # of the connections it allows, at most in use
    lock_wait_s: Annotated[Number, Field(ge=0)] | None = None  # the longest wait for somebody's lock
    deadlocks: Annotated[Count, Field(ge=0)] | None = None
    temp_bytes_per_s: Annotated[Number, Field(ge=0)] | None = None  # written to temporary files
    dead_share: Annotated[Number, Field(ge=0, le=1)] | None = None  # of the rows of a large table
    sequential_rows: Annotated[Number, Field(ge=0)] | None = None  # that scans of a large table read at a time
    miss_share: Annotated[Number, Field(ge=0, le=1)] | None = None  # of all blocks, not found in shared buffers
    list_changes_share: Annotated[Number, Field(ge=0, le=1)] | None = None  # of the time of all statements
    event_ratio: Annotated[Number, Field(gt=0)] | None = None  # event rows a session, to those of the plan
    statement_ratio: Annotated[Number, Field(gt=0)] | None = None  # a call of a statement, to the baseline's
    plan_changes: Annotated[Count, Field(ge=0)] | None = None  # statements that read a large table otherwise than then


class SloFile(FrozenModel):
    """`window_s` and `claim` here are those of every entry that has none of its own."""

    window_s: Annotated[Number, Field(ge=1)] = WINDOW_S
    claim: Claim = Claim.SHOWN
    slo: Annotated[tuple[Slo, ...], Field(min_length=1)]
    catch_all: CatchAll | None = None  # absent: the shipped file's
    exclude: tuple[Exclusion, ...] = ()  # added to those of the shipped file
    database: DatabaseLimits | None = None
    assistant: tuple[AssistantRule, ...] = ()

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
