"""Numbers as people read them. (pure)"""

from __future__ import annotations

from collections.abc import Callable

from harness.plan.outlook import Spread

SCALES = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"))


def number(value: float) -> str:
    """Three figures that matter: 0.42, 7.3, 1,234, 43.2 M, 1.3 bn."""
    if value < 0:
        return f"-{number(-value)}"
    for scale, sign in SCALES:
        if value >= scale * 0.9995:
            return f"{three_figures(value / scale)} {sign}"
    return three_figures(value)


def three_figures(value: float) -> str:
    """Without a scale; whole above a hundred."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}".removesuffix(".0")
    text = f"{value:.2f}"
    if value and text == "0.00":
        return f"{value:.1g}" if value >= 1e-4 else "~0"
    return text.rstrip("0").rstrip(".")


def money(value: float, currency: str) -> str:
    """Whole units, or cents below a hundred."""
    sign, size = ("-", -value) if value < 0 else ("", value)
    amount = f"{size:,.2f}" if 0 < size < 100 else number(size) if size >= 1e7 else f"{size:,.0f}"
    return f"{sign}{'$' if currency == 'USD' else currency + ' '}{amount}"


def short_money(value: float, currency: str) -> str:
    """In thousands or millions from ten thousand on, where columns are narrow."""
    if value < 1e4:
        return money(value, currency)
    sign = "$" if currency == "USD" else f"{currency} "
    return f"{sign}{number(value)}" if value >= 999_500 else f"{sign}{three_figures(value / 1000)} k"


def volume(gigabytes: float) -> str:
    """GB, TB or PB."""
    for size, unit in ((1e6, "PB"), (1e3, "TB")):
        if gigabytes >= size * 0.9995:
            return f"{three_figures(gigabytes / size)} {unit}"
    return f"{three_figures(gigabytes)} GB"


def percent(share: float) -> str:
    """Of a share; a multiple where percent stop being readable."""
    return f"{share * 100:+.0f} %"


def between(one: Spread, told: Callable[[float], str]) -> str:
    """Low and high end of an interval; nothing where there is none."""
    low, high = told(one.low), told(one.high)
    return f"{low} - {high}" if low != high else ""
