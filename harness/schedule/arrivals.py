"""The seeded open schedule of session starts. (pure)

Sessions start as a non-homogeneous Poisson process whose rate is piecewise linear (a profile's stages). Instants
are made by inversion: the arrival times of a unit-rate Poisson process, mapped through the inverse of the
cumulative rate (E. Cinlar, Introduction to Stochastic Processes, Prentice-Hall, 1975, chapter 4; for piecewise
linear rates R. W. Klein and S. D. Roberts, A time-varying Poisson arrival process generator, Simulation 43(4),
1984, 193-195).

A stage with `spread_s` has its starts moved later, each by a uniform draw of its own, after that.

A stage with `level` has as many starts as its rate says in each stretch of so many sessions, at uniform instants within
the stretch (stratified sampling): bursts shorter than a stretch are those of a Poisson process, longer ones are none.

Consequences worth relying on, each with a test: lengthening a schedule leaves its beginning as it was; changing the
mix moves no instant; the number of workers changes neither instants, personas nor people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.core.profile import ArrivalStage

_INSTANTS, _PERSONAS, _SPREAD, _LEVEL = 0, 1, 2, 3  # positions of the independent random streams; append only
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """One planned session."""

    ticket: int  # position in the plan
    at_s: float  # planned start, seconds since the run's zero
    persona: str
    person: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """Every session of a run. Ticket k is position k in the three arrays, which are read-only."""

    instants_s: npt.NDArray[np.float64]  # sorted; seconds since zero, whole microseconds
    persona: npt.NDArray[np.int16]  # position in `personas`
    person: npt.NDArray[np.int32]
    personas: tuple[str, ...]  # sorted

    def __len__(self) -> int:
        return len(self.instants_s)

    @property
    def planned_us(self) -> npt.NDArray[np.int64]:
        """Planned starts in microseconds since zero."""
        return np.rint(self.instants_s * _MICROSECONDS).astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the schedule: persona names, then microseconds, persona and person of every ticket.

        Integers are little-endian (8, 2 and 4 bytes), so the digest does not depend on the machine.
        """
        canonical = hashlib.sha256("\n".join((f"plan 1 {len(self)}", *self.personas, "")).encode())
        canonical.update(self.planned_us.astype("<i8").tobytes())
        canonical.update(self.persona.astype("<i2").tobytes())
        canonical.update(self.person.astype("<i4").tobytes())
        return canonical.hexdigest()

    def share(self, worker: int, workers: int) -> npt.NDArray[np.int64]:
        """The tickets that worker `worker` of `workers` serves, in order.

        A person always belongs to the same worker (person modulo workers), so nobody is on two phones at once.

        :raises ValueError: unless 0 <= worker < workers.
        """
        if not 0 <= worker < workers:
            raise ValueError(f"worker {worker} of {workers} does not exist")
        return np.flatnonzero(self.person % workers == worker)

    def ticket(self, ticket: int) -> Ticket:
        """The planned session at that position."""
        return Ticket(
            ticket=ticket,
            at_s=float(self.instants_s[ticket]),
            persona=self.personas[self.persona[ticket]],
            person=int(self.person[ticket]),
        )


def plan(stages: Sequence[ArrivalStage], mix: Mapping[str, float], people: int, seed: int) -> Schedule:
    """The schedule that `seed` gives for these stages and shares.

    Person k % people takes ticket k: everybody comes round equally often, and as late as possible after the
    session before.

    :param mix: persona to its share; shares are scaled to sum to 1.
    :param people: number of distinct people, at least 1.
    :param seed: not negative.
    """
    streams = np.random.SeedSequence(seed).spawn(4)
    instants = _spread(stages, *_instants(stages, streams[_INSTANTS], streams[_LEVEL]), streams[_SPREAD])
    personas = tuple(sorted(mix))
    edges = np.cumsum([mix[name] for name in personas])
    uniform = np.random.default_rng(streams[_PERSONAS]).random(len(instants))
    persona = np.searchsorted(edges / edges[-1], uniform, side="right").astype(np.int16)
    person = (np.arange(len(instants)) % people).astype(np.int32)
    for column in (instants, persona, person):
        column.flags.writeable = False
    return Schedule(instants_s=instants, persona=persona, person=person, personas=personas)


def _slope(stage: ArrivalStage) -> float:
    return (stage.end_rate - stage.rate) / stage.seconds


def _edges(stages: Sequence[ArrivalStage]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Times of the stages' borders, and the cumulative rate there; both start at 0."""
    seconds = np.array([stage.seconds for stage in stages])
    sessions = np.array([stage.seconds * (stage.rate + stage.end_rate) / 2 for stage in stages])
    return np.concatenate(([0.0], np.cumsum(seconds))), np.concatenate(([0.0], np.cumsum(sessions)))


def _instants(
    stages: Sequence[ArrivalStage], seed: np.random.SeedSequence, level_seed: np.random.SeedSequence
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sorted starts in whole microseconds, and the stage of each."""
    times, cumulative = _edges(stages)
    unit = _unit_rate_process(float(cumulative[-1]), np.random.default_rng(seed))
    unit = _levelled(stages, unit, cumulative, level_seed)
    at = np.clip(np.searchsorted(cumulative, unit, side="right") - 1, 0, len(stages) - 1)
    rate = np.array([stage.rate for stage in stages])[at]
    slope = np.array([_slope(stage) for stage in stages])[at]
    missing = unit - cumulative[at]
    # Solves rate * x + slope * x^2 / 2 = missing in the form that neither cancels nor divides by the slope.
    divisor = rate + np.sqrt(np.maximum(rate * rate + 2 * slope * missing, 0.0))
    into = np.divide(2 * missing, divisor, out=np.zeros_like(missing), where=divisor > 0)
    instants = times[at] + np.minimum(into, np.diff(times)[at])
    # Whole microseconds, as the record stores them; rounding down keeps every start inside the schedule.
    whole = np.floor(np.minimum(instants, np.nextafter(times[-1], 0)) * _MICROSECONDS) / _MICROSECONDS
    return np.asarray(whole, dtype=np.float64), np.asarray(at, dtype=np.int64)


def _spread(
    stages: Sequence[ArrivalStage],
    instants: npt.NDArray[np.float64],
    at: npt.NDArray[np.int64],
    seed: np.random.SeedSequence,
) -> npt.NDArray[np.float64]:
    """Starts of stages that are spread, later by up to `spread_s`; what other stages start stays where it was."""
    widths = np.array([stage.spread_s for stage in stages])[at]
    if not widths.any():
        return instants
    later = instants + widths * np.random.default_rng(seed).random(len(instants))
    end = np.nextafter(sum(stage.seconds for stage in stages), 0)
    whole = np.floor(np.minimum(later, end) * _MICROSECONDS) / _MICROSECONDS
    return np.asarray(np.sort(np.where(widths > 0, whole, instants)), dtype=np.float64)


def _levelled(
    stages: Sequence[ArrivalStage],
    unit: npt.NDArray[np.float64],
    cumulative: npt.NDArray[np.float64],
    seed: np.random.SeedSequence,
) -> npt.NDArray[np.float64]:
    """`unit` with what falls into level stages drawn anew, stretch by stretch; the rest stays where it was.

    Of a stretch that is worth a fraction of a session more, one more comes as often as that; from stretch to stretch
    the fractions add up (systematic sampling), so the number until any stretch's end is never off by one or more.
    """
    if not any(stage.level for stage in stages):
        return unit
    source = np.random.default_rng(seed)
    carried = source.random()
    kept = np.array([stage.level == 0 for stage in stages])
    parts = [unit[kept[np.clip(np.searchsorted(cumulative, unit, side="right") - 1, 0, len(stages) - 1)]]]
    for number, stage in enumerate(stages):
        if not stage.level:
            continue
        first, end = cumulative[number : number + 2]
        edges = np.append(np.arange(first, end, stage.level), end)
        ends = np.floor(edges + carried).astype(np.int64)
        counts = ends[1:] - ends[:-1]
        low, width = np.repeat(edges[:-1], counts), np.repeat(np.diff(edges), counts)
        drawn = low + width * source.random(len(low))
        parts.append(drawn[drawn < end])
    return np.sort(np.concatenate(parts))


def _unit_rate_process(end: float, source: np.random.Generator) -> npt.NDArray[np.float64]:
    """Arrival times below `end` of a Poisson process of rate 1, drawn in order so that a longer one starts alike."""
    gaps = source.standard_exponential(int(end + 6 * np.sqrt(end)) + 16)
    arrivals = np.cumsum(gaps)
    while arrivals[-1] < end:
        gaps = np.concatenate((gaps, source.standard_exponential(len(gaps))))
        arrivals = np.cumsum(gaps)
    return arrivals[: int(np.searchsorted(arrivals, end, side="left"))]
