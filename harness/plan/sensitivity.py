"""Which input moves the answer most: each one alone, 20 % up and 20 % down. (pure)"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any, Protocol

from harness.plan.input_checks import HOURS, LEAST, MOST, POSITIVE, SHARES
from harness.plan.inputs import PlanInputs
from harness.plan.model import CostPlan, Sensitivity
from harness.plan.ranges import Range

STEP = 0.2
UNMOVED = (
    *("curve", "mix", "messaging_share", "browser", "days_per_month", "app"),
    *("weekend_factor", "launch_factor", "growth_per_month"),
)
"""Handled on their own below, or nothing that could be otherwise by a little."""

BOUNDS = {"mau_per_dau": (1.0, MOST), "group_size": (2.0, MOST), "session_minutes": (LEAST, HOURS * 60.0)}

Change = Callable[[float], PlanInputs]


class Peaked(Protocol):
    @property
    def requests(self) -> float: ...

    @property
    def sockets(self) -> float: ...


class Planned(Protocol):
    """What is compared of a plan."""

    @property
    def cost(self) -> CostPlan: ...

    @property
    def peak(self) -> Peaked: ...


def sensitivities(inputs: PlanInputs, evaluate: Callable[[PlanInputs], Planned]) -> tuple[Sensitivity, ...]:
    """One row per input, what moves the monthly cost most first; then peak requests, then peak sockets.

    An elasticity of 1 means that 1 % more of the input is 1 % more of the figure. Prices come in whole packages, so
    small costs move in steps.
    """
    base = evaluate(inputs)
    rows = [_elasticity(name, change, base, evaluate) for name, change in _changes(inputs)]
    return tuple(sorted(rows, key=lambda row: (-abs(row.cost), -abs(row.requests), -abs(row.sockets), row.name)))


def _elasticity(name: str, change: Change, base: Planned, evaluate: Callable[[PlanInputs], Planned]) -> Sensitivity:
    up, down = evaluate(change(1 + STEP)), evaluate(change(1 - STEP))
    return Sensitivity(
        name,
        cost=_slope(up.cost.total, down.cost.total, base.cost.total),
        requests=_slope(up.peak.requests, down.peak.requests, base.peak.requests),
        sockets=_slope(up.peak.sockets, down.peak.sockets, base.peak.sockets),
    )


def _slope(up: float, down: float, base: float) -> float:
    return (up - down) / (2 * STEP * base) if base else 0.0


def _changes(inputs: PlanInputs) -> Iterator[tuple[str, Change]]:
    for item in fields(inputs):
        value = getattr(inputs, item.name)
        if item.name not in UNMOVED and value != Range(0, 0) and value != 0:
            yield item.name, _scaled(inputs, item.name)
    if inputs.messaging_share:
        yield "messaging_share", lambda factor: fitting(inputs, messaging_share=inputs.messaging * factor)
    yield "peak of the curve", lambda factor: inputs.changed(curve=sharpened(inputs.curve, factor))
    for persona, share in inputs.mix.items():
        if 0 < share < 1:
            yield f"mix.{persona}", partial(shifted, inputs, persona)


def _scaled(inputs: PlanInputs, name: str) -> Change:
    def change(factor: float) -> PlanInputs:
        value = getattr(inputs, name)
        if isinstance(value, Range):
            return inputs.changed(**{name: Range(min(value.low * factor, MOST), min(value.high * factor, MOST))})
        low, high = BOUNDS.get(name, (LEAST if name in POSITIVE else 0.0, 1.0 if name in SHARES else MOST))
        return fitting(inputs, **{name: min(max(value * factor, low), high)})

    return change


def fitting(inputs: PlanInputs, **values: Any) -> PlanInputs:
    """With other values, and no more messaging people than there are chatters' sessions for them."""
    if inputs.messaging_share is not None:
        sessions = values.get("sessions_per_day", inputs.sessions_per_day)
        most = min(1.0, sessions * values.get("mix", inputs.mix).get("chatter", 0.0))
        values["messaging_share"] = min(values.get("messaging_share", inputs.messaging_share), most)
    return inputs.changed(**values)


def shifted(inputs: PlanInputs, persona: str, factor: float) -> PlanInputs:
    """More of one persona, less of all others in proportion."""
    share = min(inputs.mix[persona] * factor, 1.0)
    rest = (1 - share) / (1 - inputs.mix[persona])
    mix = {name: share if name == persona else other * rest for name, other in inputs.mix.items()}
    return fitting(inputs, mix=mix)


def sharpened(curve: tuple[float, ...], factor: float) -> tuple[float, ...]:
    """The curve with its distance from an even day multiplied; hours cannot fall below nobody."""
    even = 1 / HOURS
    raw = [max(0.0, even + factor * (share - even)) for share in curve]
    total = math.fsum(raw)
    return tuple(share / total for share in raw)
