"""The profile of one step: the same people and habits at a level rate, settled before it is measured. (pure)"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from harness.core.counted import counted
from harness.core.errors import UsageError
from harness.core.profile import Abort, ArrivalStage, Phases, Profile
from harness.core.slo import Claim, LatencySlo, Slo
from harness.plan.run_peak import mean_session
from harness.schedule.arrivals import plan

SETTLE_SESSIONS = 1.5
"""Mean sessions until the number of open ones is level."""
SHORTEST_SETTLE_S, LONGEST_SETTLE_S = 10.0, 300.0
SLOWER_S = 30.0
"""A slow target may keep each session so much longer before new ones find no free phone: then the step has failed."""
LEAST_PHONES = 10
ENOUGH_SAMPLES = 20
"""Of an objective in a step. The search asks again at both ends of its answer, so a step need not show each alone."""
AROUND_S = 12.0
"""Of a step beside its load: start of the generator, evidence, report."""
SEEDS = 200
LEVEL_S, LEVEL_SESSIONS = 2.0, 4
"""Stretches in which exactly as many sessions begin as the rate says: what a minute's random arrivals have more or less
would move the answer by a tenth, and decide whether the target's queues grow. Shorter bursts stay."""
ABORT = Abort(window_s=10, grace_s=10, min_samples=100, error_share=0.3, p95_multiple=8, generator=False)
"""A step that is far beyond what the target carries has its answer early, and need not hurt it further."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a step. cool_s: without load before the next one; twice that after a step that failed."""

    settle_s: float
    measure_s: float = 60.0
    drain_s: float = 30.0
    cool_s: float = 5.0

    @property
    def step_s(self) -> float:
        """How long a step takes, about: draining ends with the last session, and is shorter than it may be."""
        return self.settle_s + self.measure_s + self.drain_s + AROUND_S + self.cool_s


def timing_for(profile: Profile, settle_s: float | None, measure_s: float, cool_s: float) -> Timing:
    """As asked; settling takes 1.5 mean sessions where nobody says."""
    length = mean_session(profile).seconds
    settled = min(LONGEST_SETTLE_S, max(SHORTEST_SETTLE_S, math.ceil(length * SETTLE_SESSIONS)))
    return Timing(settle_s or settled, measure_s, max(20.0, min(profile.phases.drain_s, 60.0)), cool_s)


def at_rate(profile: Profile, rate: float, timing: Timing, seed: int | None = None) -> Profile:
    """`profile` at `rate` sessions a second, without its faults.

    Its arrivals are level but for short bursts, from the begin on, because what settling leaves queueing is served in
    the measure phase: of 100 sessions a random schedule is off by ten, and would answer for another rate than asked.
    Of a few seeds it has the one whose sessions are the most evenly mixed.
    """
    if rate > highest_rate(profile):
        raise UsageError(
            f"{rate:.3g} sessions/s need more than the profile's {counted(profile.people, 'person', 'people')}: "
            f"each has one phone, and a "
            f"session takes {mean_session(profile).seconds:.0f} s",
            where=f"profile {profile.name}, people",
            remedy="provision more people and raise `people` in the profile, or lower --max-rate",
        )
    phases = Phases(warmup_s=timing.settle_s, measure_s=timing.measure_s, drain_s=timing.drain_s)
    rise, level = timing.settle_s / 2, max(LEVEL_SESSIONS, round(rate * LEVEL_S))
    arrivals = (
        ArrivalStage(seconds=rise, rate=rate / 4, to=rate, level=level),
        ArrivalStage(seconds=phases.end_s - rise, rate=rate, level=level),
    )
    phones = min(profile.people, math.ceil(rate * _kept_s(profile)) + LEAST_PHONES)
    return Profile.model_validate(
        {
            **dict(profile),
            "name": f"{profile.name}-step",
            "description": f"A step of a capacity search: {rate:.3g} sessions/s.",
            "phases": phases,
            "arrivals": arrivals,
            "phones": phones,
            "seed": _even_seed(profile, arrivals, timing, rate, profile.seed if seed is None else seed),
            "chaos": (),
            "claim": Claim.POINT,
            "abort": ABORT,
            "promises_evidence": False,
        }
    )


def highest_rate(profile: Profile) -> float:
    """Sessions a second for which the profile has people."""
    return max(0.0, profile.people - LEAST_PHONES) / _kept_s(profile)


def people_for(profile: Profile, rate: float) -> int:
    """How many people such a rate needs."""
    return max(profile.people, math.ceil(rate * _kept_s(profile)) + LEAST_PHONES)


def _kept_s(profile: Profile) -> float:
    """How long a session may keep its person: long ones, and those that a slow target makes longer."""
    return 2 * mean_session(profile).seconds + SLOWER_S


def objectives(slos: tuple[Slo, ...]) -> tuple[Slo, ...]:
    """As a step is judged: by the figure, from few samples on."""
    changed = (
        {"claim": Claim.POINT, "min_samples": min(slo.min_samples, ENOUGH_SAMPLES)}
        if isinstance(slo, LatencySlo)
        else {"claim": Claim.POINT}
        for slo in slos
    )
    return tuple(slo.model_copy(update=update) for slo, update in zip(slos, changed, strict=True))


def _even_seed(profile: Profile, arrivals: tuple[ArrivalStage, ...], timing: Timing, rate: float, first: int) -> int:
    """That of the first few whose thirds of the measure phase come nearest to the profile's mix."""
    if len(profile.mix) == 1:
        return first
    edges = timing.settle_s + timing.measure_s * np.arange(4) / 3
    edges[0] = 0.0  # who comes while it settles is still there when it is measured

    def off(seed: int) -> float:
        found = plan(arrivals, profile.mix, profile.people, seed)
        total = sum(profile.mix.values())
        wanted = np.array([profile.mix[name] / total for name in found.personas])
        cut = np.searchsorted(found.instants_s, edges)
        parts = (found.persona[low:high] for low, high in itertools.pairwise(cut))
        counts = [np.bincount(part, minlength=len(wanted)) for part in parts]
        return float(sum(np.abs(count - count.sum() * wanted).sum() for count in counts))

    tried = SEEDS if rate * timing.measure_s < 5_000 else 20
    return min(range(first, first + tried), key=off)
