"""The page of a comparison of levers: what each does, the largest saving first. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.counted import counted
from harness.levers import text as words
from harness.levers.answer import Effect, LeverAnswer, LeversAnswer
from harness.plan.text import money, number
from reports.render.html import environment

SPAN = 1.0
"""What a bar's half is wide for: a change by a hundred percent. What is larger fills it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A change with its interval, in percent of a cell's width; 50 is no change."""

    left: float
    width: float
    point: float
    more: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one lever. shown: it differs. text: as the terminal has it."""

    text: str
    title: str
    shown: bool
    more: bool
    bar: Bar | None


def render(found: LeversAnswer) -> str:
    """As one page that opens offline."""
    return (
        environment()
        .get_template("levers.html")
        .render(
            found=found,
            columns=words.COLUMNS,
            cell=cell,
            dollars=lambda one: dollars(one, found.currency),
            worth=lambda one: worth(one, found.currency),
            count=counted(len(found.levers), "lever"),
            headline=headline(found),
            further=words.further,
            figures=words.figures,
            number=number,
        )
    )


def cell(effect: Effect | None) -> Cell:
    """How a figure looks."""
    if effect is None:
        return Cell("-", "not counted", shown=False, more=False, bar=None)
    return Cell(
        words.change(effect) if effect.shown or effect.low is None else "nothing shown",
        words.figures(effect),
        effect.shown,
        (effect.factor or 2.0) > 1,
        bar(effect),
    )


def bar(effect: Effect) -> Bar | None:
    """None without an interval."""
    if effect.factor is None or effect.low is None:
        return None
    low, point = _place(effect.low), _place(effect.factor)
    high = 100.0 if effect.high is None else _place(effect.high)
    return Bar(round(low, 1), round(max(high - low, 0.6), 1), round(point, 1), effect.factor > 1)


def _place(factor: float) -> float:
    return 50 + 50 * max(-1.0, min(1.0, (factor - 1) / SPAN))


def headline(found: LeversAnswer) -> str:
    """Which saves most, if any does."""
    shown = [one for one in found.ranked if one.verdict == "measured"]
    if not shown:
        return "none was shown to do anything"
    best = shown[0]
    if best.dollars is None or best.dollars.likely >= 0:
        return f"{counted(len(shown), 'lever')} shown to do something; none saves money"
    return f"{best.name} saves most: {money(-best.dollars.likely, found.currency)} a month"


def worth(one: LeverAnswer, currency: str) -> str:
    """A month's change in a word; its interval is `dollars`."""
    if one.verdict == "nothing":
        return "does nothing"
    if one.dollars is None:
        return one.verdict
    return money(one.dollars.likely, currency)


def dollars(one: LeverAnswer, currency: str) -> str:
    """A month's change; what an unfinished lever saves is not known."""
    if one.dollars is None:
        return ""
    likely = money(one.dollars.likely, currency)
    if one.dollars.low == one.dollars.high:
        return likely
    return f"{likely} ({money(one.dollars.low, currency)} to {money(one.dollars.high, currency)})"
