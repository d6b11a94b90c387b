"""The plan of a run beside the limits of its target: its peak, and the largest part of it that is allowed. (pure)"""

from __future__ import annotations

import math

from harness.core.profile import Profile
from harness.core.scaled_profile import scaled
from harness.core.target import TargetLimits
from harness.plan.run_peak import RunPeak, run_peak
from harness.schedule.arrivals import plan

STEP = 0.98
TRIES = 60


def peak_of(profile: Profile, seed: int) -> RunPeak:
    """The most that a run with that seed will ask for at once."""
    return run_peak(profile, plan(profile.spread_arrivals, profile.mix, profile.people, seed))


def largest_scale(profile: Profile, seed: int, limits: TargetLimits) -> float | None:
    """The largest factor of the profile's rate that the limits allow, two digits; None when none does."""
    factor = 1.0
    for _ in range(TRIES):
        found = peak_of(scaled(profile, factor), seed)
        if found.fits(limits):
            return factor
        wire = limits.wire
        assert limits.phones is not None  # of a host that takes load
        least = min(
            wire.requests_per_second / max(found.requests_per_second, 1e-9),
            wire.connections_per_second / max(found.connections_per_second, 1e-9),
            limits.phones / found.phones,
            wire.sockets / found.sockets,
        )
        if found.requests_per_second == 0:
            return None
        factor = _two_digits(factor * min(least, STEP))
    return None


def _two_digits(value: float) -> float:
    """Rounded down."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit + 1e-9) * unit:.2g}")
