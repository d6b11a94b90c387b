"""A profile file that rehearses the plan's busiest hour. (pure)

It holds people, phones, arrivals, mix and behaviour; everybody's session has the plan's mean length, so that as many
phones are open as the plan says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from harness.config.models import MAX_PEOPLE, MAX_SESSIONS, Constant, Distribution, LogNormal, Uniform
from harness.errors import UsageError
from harness.plan.inputs import PlanInputs, Range, refuse
from harness.plan.model import CapacityPlan
from harness.plan.text import number

KNOWN = ("swiper", "reader", "chatter")
"""Personas that exist today."""

STAND_INS: Mapping[str, Mapping[str, float]] = {
    "commuter": {"swiper": 1.0},  # swipes like one; only the offline stretch is missing
    "searcher": {"reader": 1.0},  # reads lists, writes little; its edge calls are missing
    "newcomer": {"swiper": 0.5, "reader": 0.5},  # looks round; its sign-up is missing
    "assistant_user": {"chatter": 1.0},  # a conversation with pollers; its answers are missing
    "swiper": {"reader": 1.0},
    "reader": {"swiper": 1.0},
    "chatter": {"reader": 1.0},
}
"""Who takes the sessions of a persona that does not exist yet."""

FACTOR_OF_PHONES = 1.25
"""Above the expected number open, so that a slow target does not make sessions wait for a phone."""
PEOPLE_PER_PHONE = 3.0
"""People for each open phone: nobody comes round before three mean sessions have passed, when the last one is over."""
MIN_COOL_S = 60.0
SEED = 20260115
_NORMAL = NormalDist()


def profile_toml(
    plan: CapacityPlan,
    inputs: PlanInputs,
    *,
    minutes: float = 15.0,
    scale: float = 1.0,
    known: Sequence[str] = KNOWN,
    behaviour: Mapping[str, Mapping[str, Distribution]] | None = None,
) -> str:
    """Ramp to the peak, let the number of open phones settle, hold for `minutes`, cool down.

    `scale` is the share of the peak to rehearse. Sessions of personas that are not in `known` go to `STAND_INS`.
    `behaviour` has the quantities of personas that this module has none for, as a profile's `[behaviour]` does.

    :raises UsageError: what was asked for is impossible or more than a run can have; the message names the figure.
    """
    _check("minutes", minutes)
    _check("scale", scale)
    seconds, rate = inputs.session_seconds, plan.figures.peak.arrivals * scale
    open_phones = plan.figures.peak.phones * scale
    phones = max(1, math.ceil(open_phones * FACTOR_OF_PHONES + 6 * math.sqrt(open_phones)))
    people = max(2, phones, math.ceil(open_phones * PEOPLE_PER_PHONE))
    ramp = round(seconds, 3)
    hold, cool = round(minutes * 60, 3), round(max(MIN_COOL_S, seconds / 2), 3)
    # As a run counts them: half the rate while ramping and cooling.
    sessions = rate * (ramp / 2 + ramp + hold + cool / 2)
    _bound("people", people, MAX_PEOPLE, "a record numbers people up to that")
    _bound("sessions", sessions, MAX_SESSIONS, "a schedule is held in memory")
    mix = known_mix(inputs.mix, known)
    made = dict(_behaviours(inputs)) | dict(behaviour or {})
    return "\n".join(
        (
            *_head(plan, inputs, scale, people, phones),
            *_schedule(_round(rate), ramp, hold, cool),
            *_mix(inputs, mix),
            *(line for persona in mix for line in _behaviour(persona, made.get(persona, {}))),
            "# The sandbox a run without a target starts.",
            "[sandbox]",
            f"people = {people + 100}",
            "catalogue = 2000",
            "",
        )
    )


def _check(name: str, value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise refuse(name, value, "rehearses nothing", "give more than 0")


def _bound(name: str, need: float, most: float, why: str) -> None:
    if need > most:
        raise UsageError(
            f"the peak needs {name} = {need:,.0f}, more than {most:,}: {why}",
            where=f"profile {name}",
            remedy=f"rehearse a share of it: --scale {most / need:.2g} or less",
        )


def known_mix(mix: Mapping[str, float], known: Sequence[str]) -> dict[str, float]:
    """Shares of `known` personas, with those of the others handed to who stands in for them.

    :raises UsageError: nobody who could stand in is known either.
    """
    shares: dict[str, float] = {}
    for persona, share in mix.items():
        if share <= 0:
            continue
        for heir, part in _heirs(persona, known).items():
            shares[heir] = shares.get(heir, 0.0) + share * part
    rounded = {persona: round(share, 6) for persona, share in shares.items() if round(share, 6) > 0}
    largest = max(rounded, key=lambda persona: rounded[persona])
    rounded[largest] = round(rounded[largest] + 1 - math.fsum(rounded.values()), 6)
    return rounded


def _heirs(persona: str, known: Sequence[str]) -> Mapping[str, float]:
    if persona in known:
        return {persona: 1.0}
    heirs = {heir: part for heir, part in STAND_INS.get(persona, {}).items() if heir in known}
    if not heirs:
        raise UsageError(
            f"persona {persona} does not exist yet, nor does one that could stand in for it",
            where=f"plan input mix.{persona}",
            remedy=f"give its share to one of: {', '.join(known) or 'none known'}",
        )
    total = math.fsum(heirs.values())
    return {heir: part / total for heir, part in heirs.items()}


# ---- behaviour --------------------------------------------------------------------------------------------------


def _behaviours(inputs: PlanInputs) -> dict[str, dict[str, Distribution]]:
    """Quantities of today's personas, so that a session has the plan's mean length and the manual's swipes."""
    seconds = inputs.session_seconds
    swipes, messages = inputs.swipes_per_session, _messages(inputs)
    pages = max(1.0, inputs.feed_pages_per_session)
    typing = min(inputs.typing_seconds, seconds / 2 / messages.mean) if messages.mean else inputs.typing_seconds
    reading = max(0.0, seconds - messages.mean * typing) / (messages.mean + 1)
    return {
        "swiper": {"swipes": _even(swipes), "dwell_s": human(seconds / max(swipes.mean, 1.0))},
        "reader": {"pages": human(pages, least=min(1.0, pages / 2)), "read_s": human(seconds / pages)},
        "chatter": {"messages": _even(messages), "typing_s": human(typing), "read_s": human(reading)},
    }


def _messages(inputs: PlanInputs) -> Range:
    """Of a chatter's session: the day's range with the mean of a session."""
    mean = inputs.messages_per_person.mean
    return inputs.messages_per_person.times(inputs.messages_per_session / mean if mean else 0.0)


def _even(values: Range) -> Distribution:
    if values.low == values.high:
        return Constant(dist="constant", value=_round(values.low))
    return Uniform(dist="uniform", low=_round(values.low), high=_round(values.high))


def human(mean: float, *, sigma: float = 0.6, least: float = 0.0) -> Distribution:
    """A log-normal of that mean between `least` and four times the mean, as times of people are; 0 stays 0."""
    if mean <= 0:
        return Constant(dist="constant", value=0.0)
    most, low = 4 * mean, max(least, mean / 20)
    below, above = low, most
    for _ in range(60):
        median = math.sqrt(below * above)
        below, above = (median, above) if truncated_mean(median, sigma, low, most) < mean else (below, median)
    return LogNormal(dist="lognormal", median=_round(below), sigma=sigma, min=_round(low), max=_round(most))


def truncated_mean(median: float, sigma: float, low: float, high: float) -> float:
    """Mean of a log-normal given that it lies in [low, high], 0 < low.

    E[X; a<X<b] = exp(mu + s^2/2) * (Phi((ln b - mu)/s - s) - Phi((ln a - mu)/s - s)), over P(a<X<b) (Johnson, Kotz,
    Balakrishnan, Continuous Univariate Distributions I, 14.3).
    """
    mu = math.log(median)
    a, b = (math.log(low) - mu) / sigma, (math.log(high) - mu) / sigma
    inside = _NORMAL.cdf(b) - _NORMAL.cdf(a)
    return math.exp(mu + sigma**2 / 2) * (_NORMAL.cdf(b - sigma) - _NORMAL.cdf(a - sigma)) / inside


def _round(value: float) -> float:
    return float(f"{value:.6g}")


# ---- text -------------------------------------------------------------------------------------------------------


def _head(plan: CapacityPlan, inputs: PlanInputs, scale: float, people: int, phones: int) -> list[str]:
    peak = plan.figures.peak
    part = "" if scale == 1 else f"{scale * 100:.4g} % of "
    expected = f"{number(peak.phones * scale)} are open at once on average"
    return [
        f"# {part}the busiest hour ({peak.hour}-{peak.hour + 1} h) of a day with {number(inputs.dau)} people, made by",
        "# `harness plan`. Everybody stays for the plan's mean session, so that as many phones are open as it says.",
        "",
        'name = "planned-peak"',
        f'description = "{part}the planned peak of {number(inputs.dau)} people a day: ramp, hold, cool down."',
        f"seed = {SEED}",
        f"people = {people} # nobody comes round while still there; provision as many on a target",
        f"phones = {phones} # {expected}; the rest is head-room",
        "",
    ]


def _schedule(rate: float, ramp: float, hold: float, cool: float) -> list[str]:
    text = _plain(rate)
    return [
        "[phases]",
        f"warmup_s = {_plain(2 * ramp)} # a mean session to ramp, another until the number of open phones has settled",
        f"measure_s = {_plain(hold + cool)}",
        f"drain_s = {_plain(ramp)} # at most; ends as soon as nothing is under way",
        "",
        "# Sessions per second.",
        *_stage("ramp", ramp, "0", text),
        *_stage("settle, then hold at the peak", ramp + hold, text),
        *_stage("cool down", cool, text, "0"),
    ]


def _stage(remark: str, seconds: float, rate: str, to: str | None = None) -> list[str]:
    end = [] if to is None else [f"to = {to}"]
    return [f"[[arrivals]] # {remark}", f"seconds = {_plain(seconds)}", f"rate = {rate}", *end, ""]


def _mix(inputs: PlanInputs, mix: Mapping[str, float]) -> list[str]:
    missing = [persona for persona, share in inputs.mix.items() if share > 0 and persona not in mix]
    lines = ["# Share of sessions."]
    if missing:
        lines.append(f"# Not built yet, their sessions go to who is most like them: {', '.join(missing)}.")
    return [*lines, "[mix]", *(f"{persona} = {share:.9g}" for persona, share in mix.items()), ""]


def _behaviour(persona: str, quantities: Mapping[str, Distribution]) -> list[str]:
    lines = []
    for name, distribution in quantities.items():
        values = distribution.model_dump(exclude_none=True)
        lines += [f"[behaviour.{persona}.{name}]", f'dist = "{values.pop("dist")}"']
        lines += [*(f"{key} = {_plain(value)}" for key, value in values.items()), ""]
    return lines


def _plain(value: float) -> str:
    return f"{value:.15g}"
