"""Shipped profiles with faults have the time before and after them that an answer takes (docs/recovery.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import load_profile, load_slo_file
from harness.core.profile import Profile
from harness.core.slo import LatencySlo
from reports.recovery.steady import ENOUGH_S, GUARD_S

SHIPPED = Path(__file__).parents[2] / "scenarios" / "profiles"
MARGIN_S = 5.0
AFTER_S = 60.0
LEAST_PER_SESSION = {"home_feed": 1.0, "swipe_deck": 0.5, "message_send": 0.5, "message_delivery": 0.25}
"""Samples that a mean session of the smoke mix has of what SLOs name, cautiously (seen: 2.2, 0.6, 1.0, 0.4)."""


def with_a_before_and_after() -> list[Profile]:
    profiles = [load_profile(str(path)) for path in sorted(SHIPPED.glob("*.toml"))]
    profiles = [one for one in profiles if not one.name.startswith("prove")]  # which answer to gates, not to recovery
    return [one for one in profiles if any(_comes_and_goes(one, number) for number in range(len(one.chaos)))]


def _comes_and_goes(profile: Profile, number: int) -> bool:
    """Not one that is on for the whole of the measure phase: that is how things are in such a run."""
    entry, phases = profile.chaos[number], profile.phases
    start = entry.start_s(phases.starts)
    return start > phases.warmup_s or start + entry.for_s < phases.end_s


@pytest.mark.parametrize("profile", with_a_before_and_after(), ids=lambda profile: profile.name)
def test_there_is_time_for_a_baseline_for_recovery_and_for_samples(profile: Profile) -> None:
    phases = profile.phases
    spans = [(entry.start_s(phases.starts), entry.for_s, entry) for entry in profile.chaos]
    calm_before = min(start for start, *_ in spans) - phases.warmup_s
    assert calm_before >= ENOUGH_S + GUARD_S + MARGIN_S
    assert phases.end_s - max(start + length for start, length, _ in spans) >= AFTER_S
    excused = [  # a broken provider of models excuses the assistant's calls alone, and no objective here is about them
        (start, start + length + (entry.allow.recover_s or 0.0))
        for start, length, entry in spans
        if not entry.judged and entry.fault != "provider"
    ]
    calm_s = sum(
        not any(start <= second < end for start, end in excused)
        for second in range(int(phases.warmup_s), int(phases.end_s))
    )
    rate = profile.arrivals[-1].rate
    for slo in load_slo_file().slo:
        if isinstance(slo, LatencySlo) and profile.realtime and set(profile.mix) >= {"swiper", "chatter"}:
            assert calm_s * rate * LEAST_PER_SESSION[slo.operation] >= slo.min_samples, slo.name
