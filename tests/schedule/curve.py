"""What a profile's stages ask for, straight from their definition: the rate, and its integral."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.profile import ArrivalStage


def expected_sessions(stages: Sequence[ArrivalStage]) -> float:
    """The mean number of sessions: the integral of the rate."""
    return sum(stage.seconds * (stage.rate + stage.end_rate) / 2 for stage in stages)


def expected_until(stages: Sequence[ArrivalStage], t_s: float) -> float:
    """The mean number of sessions that start before `t_s` seconds."""
    total, left = 0.0, t_s
    for stage in stages:
        into = min(max(left, 0.0), stage.seconds)
        reached = stage.rate + (stage.end_rate - stage.rate) * into / stage.seconds
        total += into * (stage.rate + reached) / 2
        left -= stage.seconds
    return total


def rate_at(stages: Sequence[ArrivalStage], t_s: float) -> float:
    """Sessions per second at `t_s`; 0 outside the schedule; at a step, the rate after it."""
    start = 0.0
    for stage in stages:
        if start <= t_s < start + stage.seconds:
            return stage.rate + (stage.end_rate - stage.rate) * (t_s - start) / stage.seconds
        start += stage.seconds
    return 0.0
