"""A profile file that rehearses the plan's busiest hour. (pure)

It holds people, phones, arrivals, mix and behaviour; everybody's session has the plan's mean length, so that as many
phones are open as the plan says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from harness.core.distributions import Constant, Distribution, LogNormal, Uniform
from harness.core.errors import UsageError
from harness.core.profile import MAX_PEOPLE, MAX_SESSIONS
from harness.plan.inputs import PlanInputs, Range, refuse
from harness.plan.model import CapacityPlan
from harness.plan.text import number

BASE = "nightly"
"""The shipped profile that the file extends: habits that do not decide how long a session lasts come from there."""

QUERIES, QUESTIONS, PICKS = (Range(2, 4), Range(2, 4), Range(6, 10))
"""A searcher's, an assistant user's, a newcomer's session, as `nightly` has it about."""
SECONDS_BESIDE = 10.0
"""What a query takes besides reading its results: typing it, and now and then a title's page."""

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
) -> str:
    """Ramp to the peak, let the number of open phones settle, hold for `minutes`, cool down.

    `scale` is the share of the peak to rehearse.

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
    mix = shares(inputs.mix)
    made = _behaviours(inputs)
    return "\n".join(
        (
            *_head(plan, inputs, scale, people, phones),
            *_schedule(_round(rate), ramp, hold, cool),
            *_mix(mix),
            *(line for persona in mix for line in _behaviour(persona, made[persona])),
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


def shares(mix: Mapping[str, float]) -> dict[str, float]:
    """A mix as a profile takes it: personas that nobody is left out, six digits, a sum of exactly 1."""
    rounded = {persona: round(share, 6) for persona, share in mix.items() if round(share, 6) > 0}
    largest = max(rounded, key=lambda persona: rounded[persona])
    rounded[largest] = round(rounded[largest] + 1 - math.fsum(rounded.values()), 6)
    return rounded


# ---- behaviour --------------------------------------------------------------------------------------------------


def _behaviours(inputs: PlanInputs) -> dict[str, dict[str, Distribution]]:
    """The quantities that make a session as long as the plan's mean one, with the manual's swipes and messages."""
    seconds = inputs.session_seconds
    swipes, messages = inputs.swipes_per_session, _messages(inputs)
    swiping = {"swipes": _even(swipes), "dwell_s": human(seconds / max(swipes.mean, 1.0))}
    pages = max(1.0, inputs.feed_pages_per_session)
    typing = min(inputs.typing_seconds, seconds / 2 / messages.mean) if messages.mean else inputs.typing_seconds
    reading = max(0.0, seconds - messages.mean * typing) / (messages.mean + 1)
    asking = min(inputs.typing_seconds, seconds / 2 / QUESTIONS.mean)
    return {
        "swiper": swiping,
        "commuter": swiping,
        "reader": {"pages": human(pages, least=min(1.0, pages / 2)), "read_s": human(seconds / pages)},
        "chatter": {"messages": _even(messages), "typing_s": human(typing), "read_s": human(reading)},
        "searcher": {
            "queries": _even(QUERIES),
            "read_s": human(max(seconds / QUERIES.mean - SECONDS_BESIDE, seconds / QUERIES.mean / 2)),
        },
        "assistant_user": {
            "questions": _even(QUESTIONS),
            "typing_s": human(asking),
            "read_s": human(seconds / QUESTIONS.mean - asking),
        },
        "newcomer": {
            "form_s": human(seconds / 10),
            "puzzled_s": human(seconds / 50),
            "likes": _even(PICKS),
            "pick_s": human(seconds * 0.8 / PICKS.mean),
            "landing_s": human(seconds * 0.08),
        },
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
        "# `harness plan`. Everybody stays for the plan's mean session, so that as many phones are open as it says;",
        f"# other habits are those of the shipped profile {BASE}.",
        "",
        'name = "planned-peak"',
        f'extends = "{BASE}"',
        f'description = "{part}the planned peak of {number(inputs.dau)} people a day: ramp, hold, cool down."',
        f"seed = {SEED}",
        f"people = {people} # nobody comes round while still there; provision as many on a target",
        f"phones = {phones} # {expected}; the rest is head-room",
        *(() if inputs.browser else ('client = "native" # no browser that asks before requests',)),
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


def _mix(mix: Mapping[str, float]) -> list[str]:
    return ["# Share of sessions.", "[mix]", *(f"{persona} = {share:.9g}" for persona, share in mix.items()), ""]


def _behaviour(persona: str, quantities: Mapping[str, Distribution]) -> list[str]:
    lines = []
    for name, distribution in quantities.items():
        values = distribution.model_dump(exclude_none=True)
        lines += [f"[behaviour.{persona}.{name}]", f'dist = "{values.pop("dist")}"']
        lines += [*(f"{key} = {_plain(value)}" for key, value in values.items()), ""]
    return lines


def _plain(value: float) -> str:
    return f"{value:.15g}"
