"""Which compute size carries the database: the cheapest with enough of everything. (pure)

What a size really carries only a test says (`harness capacity`): this is arithmetic with assumed times per call.
"""

from __future__ import annotations

from harness.plan.model import ComputeChoice, Peak
from harness.plan.prices import BY_NEED, Compute, Prices

NEEDS = ("cores", "connections", "disk operations", "disk MB/s", "database size")


def choose(peak: Peak, disk_gb: float, prices: Prices) -> ComputeChoice:
    """By the busiest hour's needs, and a database of `disk_gb`."""
    needs = (peak.cores, peak.connections, peak.disk_operations, peak.disk_mb, disk_gb)
    sizes = sorted(prices.computes.items(), key=lambda pair: (pair[1].hour, pair[0]))
    if prices.compute != BY_NEED:
        size = prices.computes[prices.compute]
        return ComputeChoice(prices.compute, size.cores, size.hour, "", _lacks(needs, size))
    before: tuple[str, ...] = ()
    for name, size in sizes:
        lacks = _lacks(needs, size)
        if not lacks:
            return ComputeChoice(name, size.cores, size.hour, ", ".join(before), ())
        before = lacks
    name, size = sizes[-1]
    return ComputeChoice(name, size.cores, size.hour, ", ".join(before), before)


def _lacks(needs: tuple[float, ...], size: Compute) -> tuple[str, ...]:
    has = (size.cores, size.connections, size.disk_operations, size.disk_mb, size.max_database_gb)
    return tuple(name for name, need, most in zip(NEEDS, needs, has, strict=True) if need > most)
