"""The most that a run will ask of its target at once: from its profile, and the schedule that its seed draws. (pure)

Each planned session sends its page load in its first second and the rest evenly over its length; both follow from the
contract's rules (`harness.plan.calls`) and from the means of the profile's own quantities. The peak is the highest mean
over PEAK_OVER_S: what is shorter waits at the wire, where the limits are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.core.app_client import AppClient
from harness.core.distributions import Constant, Distribution, Uniform
from harness.core.profile import Profile
from harness.core.target import TargetLimits
from harness.plan.calls import Driver
from harness.plan.inputs import PlanInputs, Range
from harness.plan.profile_file import truncated_mean
from harness.plan.sessions import Amounts, amounts
from harness.plan.traffic import sent

PEAK_OVER_S = 10
"""Seconds over which a rate is a peak."""
AT_LOAD = (
    Driver.REFRESH,
    Driver.LOAD,
    Driver.LANDING,
    Driver.BACKGROUND,
    Driver.SIGN_UP,
    Driver.FRESH_LOAD,
)
"""What a session does in its first moments."""
CONNECTIONS = 6
"""HTTP connections that a page load opens, as a browser does."""
KEYS_OF_A_WORD = 6
LEAST_SECONDS = 1.0

MOST: Mapping[str, object] = {
    "external_ids_per_search": 20.0,
    "synced_per_search": 5.0,
    "messages_on_page": 40.0,
}
"""The most by contract 5.3 and 6.2: nobody knows what a target finds, and a peak is what may come."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RunPeak:
    """Over all workers. Rates are means over PEAK_OVER_S; phones and sockets are the most that can be open at once,
    sockets counted as one HTTP connection a phone and, with Realtime, one WebSocket."""

    requests_per_second: float
    connections_per_second: float
    phones: int
    sockets: int

    def fits(self, limits: TargetLimits) -> bool:
        """Whether all of it is allowed."""
        wire = limits.wire
        assert limits.phones is not None  # of a host that takes load
        return (
            self.phones <= limits.phones
            and self.requests_per_second <= wire.requests_per_second
            and self.connections_per_second <= wire.connections_per_second
            and self.sockets <= wire.sockets
        )


class Starts(Protocol):
    """A schedule of sessions; see `harness.schedule.arrivals.Schedule`."""

    @property
    def instants_s(self) -> Floats: ...

    @property
    def persona(self) -> npt.NDArray[np.int16]: ...

    @property
    def personas(self) -> tuple[str, ...]: ...


def run_peak(profile: Profile, schedule: Starts) -> RunPeak:
    """The peak of a run of `profile` whose sessions start so."""
    seconds = math.ceil(profile.phases.end_s + profile.phases.drain_s) + 1
    requests, sessions = np.zeros(seconds), np.zeros(seconds)
    second = schedule.instants_s.astype(np.int64)
    for number, persona in enumerate(schedule.personas):
        starts = np.bincount(second[schedule.persona == number], minlength=seconds).astype(np.float64)[:seconds]
        session = _session(persona, profile.behaviour.get(persona, {}), browser=profile.client is AppClient.BROWSER)
        requests += starts * session.at_load + _spread(starts, session.seconds) * session.later / session.seconds
        sessions += starts
    sockets = 1 + int(profile.realtime)
    return RunPeak(
        requests_per_second=round(_highest(requests), 3),
        connections_per_second=round(_highest(sessions) * (CONNECTIONS + int(profile.realtime)), 3),
        phones=profile.phones,
        sockets=profile.phones * sockets,
    )


@dataclass(frozen=True, slots=True)
class _Session:
    """Requests in a session's first moments and later, and how long it lasts."""

    at_load: float
    later: float
    seconds: float


def _session(persona: str, behaviour: Mapping[str, Distribution], *, browser: bool) -> _Session:
    units, inputs, seconds = units_of(persona, behaviour, browser=browser)
    total = sum(of.requests for of in sent(units, inputs).values())
    at_load = sum(of.requests for of in sent({driver: units.get(driver, 0.0) for driver in AT_LOAD}, inputs).values())
    return _Session(at_load, max(0.0, total - at_load), seconds)


def units_of(
    persona: str, behaviour: Mapping[str, Distribution], *, browser: bool
) -> tuple[Amounts, PlanInputs, float]:
    """What drives one session, the plan's inputs for it, and how long it lasts."""
    means = {name: mean(distribution) for name, distribution in behaviour.items()}
    known = persona if persona in _SECONDS else "reader"
    inputs, seconds = _inputs(known, means)
    inputs = inputs.changed(browser=browser)
    units = amounts(known, inputs)
    if again := units.pop(Driver.SEEN_COPY, 0.0):  # conversations of synthetic people have no long history
        units[Driver.RECEIPT_POST] -= again
    return units, inputs, seconds


def _inputs(persona: str, means: Mapping[str, float]) -> tuple[PlanInputs, float]:
    """The plan's inputs for a day on which there is one session, of this persona, and how long that lasts."""
    seconds = max(LEAST_SECONDS, _SECONDS[persona](means))
    changed: dict[str, object] = {
        "dau": 1.0,
        "sessions_per_day": 1.0,
        "mix": {persona: 1.0},
        "session_minutes": seconds / 60,
        "messaging_share": None,
        "library_writes_per_session": 0.0,
        **MOST,
    }
    if persona == "newcomer":
        changed["swipes_per_session"] = Range(0.0, 0.0)  # ours have nothing left to swipe
    for name, quantity, of in _QUANTITIES.get(persona, ()):
        if quantity in means:
            value = means[quantity] * (means.get(of, 0.0) if of else 1.0)
            changed[name] = Range(value, value) if name in ("swipes_per_session", "messages_per_person") else value
    return PlanInputs().changed(**changed), seconds


_SWIPES = (("swipes_per_session", "swipes", ""), ("titles_per_session", "titles", "swipes"))
_QUANTITIES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "swiper": _SWIPES,
    "commuter": _SWIPES,
    "reader": (("feed_pages_per_session", "pages", ""), ("titles_per_session", "titles", "pages")),
    "chatter": (("messages_per_person", "messages", ""),),
    "searcher": (("searches_per_session", "queries", ""), ("titles_per_session", "titles", "queries")),
    "assistant_user": (("turns_per_session", "questions", ""),),
}
"""Inputs of the plan, by the profile's quantity of that persona, times another one."""


def _beside(means: Mapping[str, float], times: float) -> float:
    """Seconds with a title's page, and in the background, on so many occasions."""
    return times * (
        means.get("titles", 0.0) * means.get("title_s", 0.0) + means.get("away", 0.0) * means.get("away_s", 0.0)
    )


def _swiping_s(means: Mapping[str, float]) -> float:
    swipes = means.get("swipes", 0.0)
    return means.get("landing_s", 0.0) + swipes * means.get("dwell_s", 0.0) + _beside(means, swipes)


def _reading_s(means: Mapping[str, float]) -> float:
    pages = means.get("pages", 0.0)
    return means.get("landing_s", 0.0) + pages * means.get("read_s", 0.0) + _beside(means, pages)


def _searching_s(means: Mapping[str, float]) -> float:
    queries, typing = means.get("queries", 0.0), means.get("words", 0.0) * KEYS_OF_A_WORD * means.get("key_s", 0.0)
    return means.get("landing_s", 0.0) + queries * (typing + means.get("read_s", 0.0)) + _beside(means, queries)


def _talking_s(means: Mapping[str, float], times: str) -> float:
    each = means.get("typing_s", 0.0) + means.get("read_s", 0.0)
    return means.get("read_s", 0.0) + means.get(times, 0.0) * each


def _joining_s(means: Mapping[str, float]) -> float:
    picking = means.get("likes", 0.0) * means.get("pick_s", 0.0)
    return means.get("form_s", 0.0) + means.get("puzzled_s", 0.0) + picking + means.get("landing_s", 0.0)


_SECONDS: Mapping[str, Callable[[Mapping[str, float]], float]] = {
    "swiper": _swiping_s,
    "commuter": _swiping_s,
    "reader": _reading_s,
    "searcher": _searching_s,
    "chatter": lambda means: _talking_s(means, "messages"),
    "assistant_user": lambda means: _talking_s(means, "questions"),
    "newcomer": _joining_s,
}
"""How long a session of each persona lasts, by the means of its quantities."""


def mean(distribution: Distribution) -> float:
    """Expected value of what is drawn."""
    match distribution:
        case Constant():
            return distribution.value
        case Uniform():
            return (distribution.low + distribution.high) / 2
        case _:
            median, sigma = distribution.median, distribution.sigma
            low = max(distribution.min, median * math.exp(-8 * sigma))
            high = distribution.max or median * math.exp(8 * sigma)
            return truncated_mean(median, sigma, low, high)


def _spread(starts: Floats, seconds: float) -> Floats:
    """Sessions open in each second, when each lasts so long from its start on."""
    length = max(1, round(seconds))
    total = np.concatenate(([0.0], np.cumsum(starts)))
    end = np.arange(1, len(starts) + 1)
    return np.asarray(total[end] - total[np.maximum(end - length, 0)], dtype=np.float64)


def _highest(rates: Floats) -> float:
    """The highest mean over PEAK_OVER_S seconds, or over all when there are fewer."""
    span = min(PEAK_OVER_S, len(rates))
    total = np.concatenate(([0.0], np.cumsum(rates)))
    return float((total[span:] - total[:-span]).max() / span)


@dataclass(frozen=True, slots=True)
class MeanSession:
    """Of a profile's mix: seconds, and requests that reach the target, by the plan's endpoints."""

    seconds: float
    by_endpoint: Mapping[str, float]

    @property
    def requests(self) -> float:
        """All of them."""
        return sum(self.by_endpoint.values())


def mean_session(profile: Profile) -> MeanSession:
    """The session that a profile's mix has on average, from its own quantities."""
    browser = profile.client is AppClient.BROWSER
    seconds, made = 0.0, dict[str, float]()
    for persona, share in profile.mix.items():
        units, inputs, length = units_of(persona, profile.behaviour.get(persona, {}), browser=browser)
        seconds += share * length
        for endpoint, of in sent(units, inputs).items():
            made[endpoint.name] = made.get(endpoint.name, 0.0) + share * of.requests
    return MeanSession(seconds, made)
