"""`[[chaos]]` in a profile: which fault, when, for how long, for whom, and what is allowed meanwhile. (pure)"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

import chaos.faults
from chaos.fault import Fault, InvalidFault, Layer, find, nearest, registered
from chaos.http_fault import HttpFault
from chaos.timeline import ScheduledFault, Timeline, contradictions

assert chaos.faults  # imported for what it registers

PHONE = (Layer.PHONE,)
PROXY = (Layer.STREAM, Layer.HTTP, Layer.FRAME)
PROVIDER = (Layer.PROVIDER,)
_AT = re.compile(r"(?P<phase>warmup|measure)(?:\s*\+\s*(?P<after>\d+(?:\.\d+)?))?")

Number = Annotated[float, Field(strict=True)]
Share = Annotated[Number, Field(ge=0, le=1)]
Seconds = Annotated[Number, Field(ge=0, le=1e6)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Where(_Model):
    """Whom a fault concerns; what is left out means all."""

    calls: tuple[str, ...] = ()  # globs over call names, the operations of the record's server view
    personas: tuple[str, ...] = ()
    cohort: Share | tuple[Share, Share] = 1.0  # share of the people; or from and to, for cohorts that do not meet

    @property
    def people(self) -> tuple[float, float]:
        """From and to."""
        return self.cohort if isinstance(self.cohort, tuple) else (0.0, self.cohort)


class Allow(_Model):
    """How bad it may get while an entry runs, and how long afterwards. A key that is left out allows anything."""

    error_share: Share | None = None  # of attempts, ended in any failure
    p95_multiple: Annotated[Number, Field(ge=1)] | None = None  # of each latency SLO's limit
    recover_s: Seconds | None = None  # within which everything is as before again


class ChaosEntry(_Model):
    """One `[[chaos]]` table: a scheduled fault as a profile writes it, relative to phases."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = ""  # absent: the fault's
    fault: str
    place: Literal["phone", "proxy"] | None = None  # absent: the phone, if it has a fault of that name
    at: Seconds | str  # seconds since the run's zero, or "measure + 30"
    for_s: Annotated[Number, Field(gt=0, le=1e6, alias="for")]  # seconds
    ramp: Seconds = 0.0  # seconds of the beginning in which the share grows
    share: Annotated[Number, Field(gt=0, le=1)] = 1.0
    parameters: dict[str, Any] = Field(default_factory=dict)
    direction: Literal["upstream", "downstream"] = "downstream"  # of a proxy's stream
    where: Where = Where()
    allow: Allow = Allow()
    judged: bool = False  # whether SLOs count what happens meanwhile

    @model_validator(mode="before")
    @classmethod
    def _called_as_its_fault(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("name") and isinstance(data.get("fault"), str):
            return {**data, "name": data["fault"]}
        return data

    @field_validator("at")
    @classmethod
    def _an_instant(cls, at: float | str) -> float | str:
        if isinstance(at, str) and not _AT.fullmatch(at.strip()):
            raise ValueError('is no instant; write seconds, or "measure", or "measure + 30"')
        return at

    def layers(self) -> tuple[Layer, ...]:
        """Where the fault is looked for."""
        if self.place is None:
            if self.fault in registered(*PROVIDER):
                return PROVIDER
            return PHONE if self.fault in registered(*PHONE) else PROXY
        return PHONE if self.place == "phone" else PROXY

    def made(self) -> Fault:
        """:raises InvalidFault: no such fault, or not with these parameters."""
        if self.place is None and self.fault not in registered():
            find(self.fault)
        return find(self.fault, *self.layers()).parse(self.parameters, strict=True)

    def start_s(self, starts: Callable[[str], float]) -> float:
        """:param starts: when a phase begins."""
        if not isinstance(self.at, str):
            return self.at
        match = _AT.fullmatch(self.at.strip())
        assert match is not None
        return starts(match["phase"]) + float(match["after"] or 0)

    def scheduled(self, starts: Callable[[str], float]) -> ScheduledFault:
        """:raises InvalidFault: as `made`."""
        start = self.start_s(starts)
        return ScheduledFault(
            name=self.name,
            fault=self.made(),
            start_s=start,
            end_s=start + self.for_s,
            ramp_s=self.ramp,
            share=self.share,
            calls=self.where.calls,
            personas=self.where.personas,
            cohort=self.where.people,
            direction=self.direction,
        )


def timeline_of(entries: Sequence[ChaosEntry], starts: Callable[[str], float], seed: int) -> Timeline:
    """The timeline of a valid profile."""
    return Timeline(tuple(entry.scheduled(starts) for entry in entries), seed)


def problems_of(
    entries: Sequence[ChaosEntry],
    starts: Callable[[str], float],
    end_s: float,
    personas: Collection[str],
    calls: Collection[str],
) -> list[str]:
    """What is wrong with the entries of a profile, a sentence each.

    :param end_s: when the planned schedule ends and drain begins. personas: of the mix. calls: that phones make.
    """
    found, valid = [], []
    names = [entry.name for entry in entries]
    for index, entry in enumerate(entries):
        place = f"chaos.{index} ({entry.name})"
        if names.index(entry.name) != index:
            found.append(f"{place}.name: another entry is called that; give each its own name")
        try:
            scheduled = entry.scheduled(starts)
        except InvalidFault as error:
            found += [f"{place}: {line}" for line in str(error).splitlines()]
            continue
        valid.append(scheduled)
        found += [f"{place}.{problem}" for problem in _misfits(entry, scheduled, end_s, personas, calls)]
    return found + contradictions(valid)


def _misfits(
    entry: ChaosEntry, scheduled: ScheduledFault, end_s: float, personas: Collection[str], calls: Collection[str]
) -> list[str]:
    found = []
    if scheduled.start_s >= end_s:
        found.append(f"at = {entry.at!r}: warm-up and measure are over at {end_s:g} s; begin earlier")
    elif scheduled.end_s > end_s:
        found.append(
            f"for = {entry.for_s:g}: ends at {scheduled.end_s:g} s, after warm-up and measure ({end_s:g} s); "
            f"chaos stops before load does: at most {end_s - scheduled.start_s:g}"
        )
    if entry.ramp > entry.for_s:
        found.append(f"ramp = {entry.ramp:g}: longer than for = {entry.for_s:g}; shorten it")
    found += [
        f"where.personas: {persona!r} is not a persona of [mix]; {nearest(persona, personas)}"
        for persona in entry.where.personas
        if persona not in personas
    ]
    found += [
        f"where.calls: no call is named {pattern!r}; {_near(pattern, calls)}"
        for pattern in entry.where.calls
        if not any(fnmatchcase(call, pattern) for call in calls)
    ]
    low, high = entry.where.people
    if low >= high:
        found.append(f"where.cohort = {entry.where.cohort!r}: holds nobody; give a share above 0, or [from, to]")
    if scheduled.over_phones and entry.share != 1:
        found.append(f"share = {entry.share:g}: {entry.fault} hits phones, not attempts; give where.cohort instead")
    if (scheduled.over_phones or scheduled.over_messages) and entry.where.calls:
        whom = "phones" if scheduled.over_phones else "messages"
        found.append(f"where.calls: {entry.fault} hits {whom}; take it out")
    if not scheduled.in_phone:
        found += _of_proxy(entry, scheduled)
    return found


def _of_proxy(entry: ChaosEntry, scheduled: ScheduledFault) -> list[str]:
    """A proxy sees bytes and requests, and neither personas nor calls; a provider of models knows nobody at all."""
    found = []
    if scheduled.at_provider:
        if entry.where.personas or entry.where.calls or entry.where.people != (0.0, 1.0):
            found.append("where: the provider of models knows neither calls nor people; use parameters.models or share")
        if entry.ramp:
            found.append("ramp: a fault of the provider is there as a whole; take it out")
        return found
    if entry.where.personas or entry.where.calls or entry.where.people != (0.0, 1.0):
        instead = "parameters path, method and header" if isinstance(scheduled.fault, HttpFault) else "share"
        found.append(f"where: the proxy knows neither calls nor people; use {instead} instead")
    if entry.ramp and isinstance(scheduled.fault, HttpFault) is False:
        found.append("ramp: a connection is hit or not from its beginning; only http faults of the proxy have a ramp")
    return found


def _near(pattern: str, calls: Collection[str]) -> str:
    near = nearest(pattern.replace("*", ""), calls)
    return near if near.startswith("did you") else "see the operations of a report's server view, such as swipe_events"
