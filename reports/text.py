"""Figures as people read them. One rounding for every renderer, so that no two outputs disagree. (pure)"""

from __future__ import annotations

import math
from typing import Protocol

from harness.plan.text import number

DASH = "\N{EN DASH}"  # between the ends of a range, and where there is no value
MINUS = "\N{MINUS SIGN}"


def ms(value: float | None) -> str:
    """A latency in milliseconds; None or infinity is a percentile that falls on a failure."""
    if value is None or math.isinf(value) or math.isnan(value):
        return "no answer"
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.1f}".removesuffix(".0") + " ms"


class Span(Protocol):
    """Two ends, the upper one None where it is open."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float | None: ...


def span(interval: Span | None) -> str:
    """An interval of latencies in milliseconds; empty without one."""
    if interval is None:
        return ""
    return (
        f"at least {ms(round(interval.low, 1))}"
        if interval.high is None
        else f"{ms(interval.low)} {DASH} {ms(interval.high)}"
    )


def percent(share: float | None, digits: int = 2) -> str:
    """A share of one as a percentage with no trailing zeros; a share that is not zero never reads as 0 %."""
    if share is None:
        return DASH
    text = f"{share * 100:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if share > 0 and float(text) == 0:
        return f"< {10**-digits:g} %"
    return f"{text} %"


def count(value: int) -> str:
    return f"{value:,}"


def figure(value: float) -> str:
    """Three figures that matter: 0.42, 7.3, 1,234, 43.2 M, 1.3 bn."""
    return "0" if value == 0 else number(value)


def ratio(value: float | None) -> str:
    """Of two figures: `x 1.04`; a dash where there is nothing to compare with."""
    return DASH if value is None else f"\N{MULTIPLICATION SIGN} {value:.2f}"


def kilobytes(value: float) -> str:
    """Bytes in kB, 1000 of them."""
    return f"{figure(value / 1000)} kB"


def plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(value: float) -> str:
    """A length of time: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(value)
    if whole < 60:
        return f"{value:.0f} s" if value >= 10 or value == whole else f"{value:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(value: float) -> str:
    return f"{value / 2**20:,.0f} MiB"
