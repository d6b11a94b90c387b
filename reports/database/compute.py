"""The cores that the endpoints keep busy at the planned peak, beside the sizes that can be had. (pure)"""

from __future__ import annotations

from harness.plan.prices import BY_NEED, Compute, Prices


def beside(cores: float | None, prices: Prices) -> str:
    """In a sentence; empty where nothing is known."""
    if cores is None:
        return ""
    enough = [(one.hour, name) for name, one in prices.computes.items() if one.cores >= cores]
    if enough:
        _, name = min(enough)
        needed = f"the smallest with as many as that takes is {name}, {_told(prices.computes[name], prices)}."
    else:
        needed = "no size has as many as that takes."
    if prices.compute == BY_NEED:
        return f"Of compute sizes {needed}"
    return f"The price file's compute, {prices.compute}, has {_told(prices.computes[prices.compute], prices)}; {needed}"


def _told(size: Compute, prices: Prices) -> str:
    return f"{size.cores:g} cores for ${size.hour * prices.hours_per_month:,.0f} a month"
