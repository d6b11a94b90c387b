"""The tipping point: the shortest fault that a target does not recover from, found by halving. (pure)

One probe is one whole run of a profile whose fault lasts so long. The first asks the longest fault, the second the
shortest, the others halve what is between, until it is narrow enough or the runs are used up. That takes for granted
that who does not survive 20 s does not survive 30 s; with the same seed in every run that is as good as it gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.core.errors import UsageError
from harness.core.profile import ArrivalStage, Profile
from harness.core.scheduled_fault import ChaosEntry

CALM_S = 45.0  # of the measure phase before the fault: a baseline is 30 s and the fault's own last 5
HOLD_S = 40.0  # of load after the time to recover: being back means for 30 s

Fate = Literal["survived", "not survived", "cannot tell"]


@dataclass(frozen=True, slots=True)
class TippingProbe:
    """What one run said."""

    seconds: float  # how long its fault lasted
    fate: Fate
    note: str = ""

    @property
    def text(self) -> str:
        return f"{self.seconds:g} s: {self.fate}{f' ({self.note})' if self.note else ''}"


@dataclass(frozen=True, slots=True)
class TippingPoint:
    """All probes, in the order in which they were made."""

    probes: tuple[TippingProbe, ...]

    @property
    def survives_s(self) -> float | None:
        """The longest fault that was survived."""
        return max((probe.seconds for probe in self.probes if probe.fate == "survived"), default=None)

    @property
    def not_s(self) -> float | None:
        """The shortest that was not."""
        return min((probe.seconds for probe in self.probes if probe.fate == "not survived"), default=None)

    @property
    def known(self) -> bool:
        """Whether there is an answer."""
        return bool(self.probes) and self.probes[-1].fate != "cannot tell"

    @property
    def text(self) -> str:
        """The answer, as the middle of a sentence."""
        if not self.known:
            return f"cannot tell: {self.probes[-1].note if self.probes else 'no run was allowed'}"
        if self.not_s is None:
            return f"survives {self.survives_s:g} s, the longest that was tried"
        if self.survives_s is None:
            return f"does not survive {self.not_s:g} s, the shortest that was tried"
        return f"survives {self.survives_s:g} s, not {self.not_s:g} s"


def find(
    probe: Callable[[float], TippingProbe],
    *,
    shortest: float,
    longest: float,
    within: float,
    runs: int,
    told: Callable[[TippingProbe], None] = lambda _: None,
) -> TippingPoint:
    """Probe at most `runs` times, until the two sides are at most `within` seconds apart, or a probe cannot tell.

    :param told: hears of each probe when it is done.
    :raises ValueError: not 0 < shortest <= longest.
    """
    if not 0 < shortest <= longest:
        raise ValueError(f"shortest = {shortest:g} and longest = {longest:g}: must be 0 < shortest <= longest")
    done: list[TippingProbe] = []
    while len(done) < runs:
        seconds = _next(TippingPoint(tuple(done)), shortest, longest, within)
        if seconds is None:
            break
        done.append(probe(seconds))
        told(done[-1])
        if done[-1].fate == "cannot tell":
            break
    return TippingPoint(tuple(done))


def _next(tip: TippingPoint, shortest: float, longest: float, within: float) -> float | None:
    """The next length to ask; None: the answer is there. Whole seconds between the ends."""
    if not tip.probes:
        return longest
    if tip.not_s is None:
        return None
    if tip.survives_s is None:
        return shortest if tip.not_s > shortest else None
    middle = float(round((tip.survives_s + tip.not_s) / 2))
    if tip.not_s - tip.survives_s <= within or not tip.survives_s < middle < tip.not_s:
        return None
    return middle


def chosen(profile: Profile, name: str | None, source: str) -> ChaosEntry:
    """The fault whose length is asked: the one of that name, or the only one.

    :raises UsageError: there is none, or several and no name.
    """
    found = [entry for entry in profile.chaos if name is None or entry.name == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(entry.name for entry in profile.chaos)
    if not names:
        what, remedy = f"{profile.name} has no fault to vary", "try lost-replies, retry-storm or another with [[chaos]]"
    elif name:
        what, remedy = f"{profile.name} has no fault called {name!r}", f"its faults: {names}"
    else:
        what, remedy = f"{profile.name} has several faults, and one can be varied", f"--fault with one of: {names}"
    raise UsageError(what, where=f"{source}, [[chaos]]", remedy=remedy)


def lasting(profile: Profile, fault: ChaosEntry, seconds: float, recover_s: float) -> Profile:
    """The profile with only that fault, for so long, early enough for a baseline before and with load long enough to
    see it recover within `recover_s`. Arrivals are cut, or go on at the rate with which they ended; where they would
    cease before the end, the rate at the fault's begin is held: without load nothing is seen to recover.

    :raises UsageError: there is no load at the fault's begin.
    """
    phases = profile.phases
    start = max(fault.start_s(phases.starts), phases.warmup_s + CALM_S)
    end = start + seconds + recover_s + HOLD_S
    entry = fault.model_copy(update={"at": start, "for_s": seconds, "ramp": min(fault.ramp, seconds)})
    changed = {
        "phases": phases.model_copy(update={"measure_s": end - phases.warmup_s}),
        "arrivals": _loaded(profile.arrivals, start, end),
        "chaos": (entry,),
    }
    return Profile.model_validate({**dict(profile), **changed})


def _loaded(stages: tuple[ArrivalStage, ...], start_s: float, end_s: float) -> tuple[ArrivalStage, ...]:
    """Stages up to `end_s` that have a rate from `start_s` on."""
    made = _reaching(stages, end_s)
    at = 0.0
    for stage in made:
        at += stage.seconds
        if at > start_s and min(stage.rate, stage.end_rate) <= 0 and not _rises(stage, at - stage.seconds, start_s):
            break
    else:
        return made
    before = _reaching(stages, start_s) if start_s > 0 else ()
    held = before[-1].end_rate if before else stages[0].rate
    if held <= 0:
        raise UsageError(
            f"no session begins when the fault does, {start_s:g} s into the run: nothing would be seen to recover",
            where="[[arrivals]]",
            remedy="give the profile a rate above 0 there, or let the fault begin elsewhere",
        )
    return (*before, ArrivalStage(seconds=end_s - start_s, rate=held))


def _rises(stage: ArrivalStage, began_s: float, start_s: float) -> bool:
    """Whether it is a ramp from 0 that has a rate by then."""
    return stage.end_rate > 0 and stage.rate <= 0 and began_s < start_s


def _reaching(stages: tuple[ArrivalStage, ...], end_s: float) -> tuple[ArrivalStage, ...]:
    found: list[ArrivalStage] = []
    left = end_s
    for stage in stages:
        if left <= 0:
            break
        length = min(stage.seconds, left)
        at_end = stage.rate + (stage.end_rate - stage.rate) * length / stage.seconds
        found.append(ArrivalStage(seconds=length, rate=stage.rate, to=None if stage.to is None else at_end))
        left -= length
    if left > 0:
        found.append(ArrivalStage(seconds=left, rate=stages[-1].end_rate))
    return tuple(found)


def load_of(profile: Profile) -> str:
    """How much load it puts on, in words."""
    return f"{max(max(stage.rate, stage.end_rate) for stage in profile.arrivals):g} sessions/s"
