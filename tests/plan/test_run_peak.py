"""The most that a run asks for at once, from its profile and schedule; and the largest part of it that limits allow."""

from __future__ import annotations

import math

import pytest

from harness.config.load import load_profile
from harness.core.distributions import Constant, LogNormal, Uniform
from harness.core.scaled_profile import scaled
from harness.core.target import TargetLimits
from harness.plan.run_peak import mean
from harness.run.plan_limits import largest_scale, peak_of

SMOKE = load_profile("smoke")


def test_the_peak_of_smoke_is_what_it_was_measured_to_be() -> None:
    """Its screens as the real client's, and what browsers ask before: a run of smoke had 350 requests/s in its busiest
    ten seconds before the landing page asked for nine reads beside the five that it had."""
    found = peak_of(SMOKE, SMOKE.seed)
    assert 320 < found.requests_per_second < 600
    assert (found.phones, found.sockets) == (120, 240)
    assert 10 < found.connections_per_second < 30


@pytest.mark.parametrize("name", ["smoke", "nightly", "spike", "herd", "lost-replies", "soak"])
def test_twice_the_rate_is_about_twice_the_peak(name: str) -> None:
    profile = load_profile(name)
    once, twice = peak_of(profile, 1), peak_of(scaled(profile, 2.0), 1)
    assert 1.4 < twice.requests_per_second / once.requests_per_second < 2.6


@pytest.mark.parametrize(("requests", "phones"), [(20, 500), (100, 500), (1000, 30), (150, 100)])
def test_the_largest_scale_fits(requests: float, phones: int) -> None:
    limits = TargetLimits(requests_per_second=requests, phones=phones)
    assert not peak_of(SMOKE, SMOKE.seed).fits(limits)
    scale = largest_scale(SMOKE, SMOKE.seed, limits)
    assert scale is not None
    assert peak_of(scaled(SMOKE, scale), SMOKE.seed).fits(limits)
    assert not peak_of(scaled(SMOKE, scale * 1.6), SMOKE.seed).fits(limits)


def test_what_fits_needs_no_scale() -> None:
    assert largest_scale(SMOKE, SMOKE.seed, TargetLimits(requests_per_second=5000, phones=5000)) == 1.0


def test_limits_of_connections_and_sockets_count_too() -> None:
    found = peak_of(SMOKE, SMOKE.seed)
    base = {"requests_per_second": 1000.0, "phones": 500}
    assert found.fits(TargetLimits.model_validate(base))
    assert not found.fits(TargetLimits.model_validate(base | {"connections_per_second": 5}))
    assert not found.fits(TargetLimits.model_validate(base | {"sockets": 239}))


def test_scaling_keeps_shape_and_people() -> None:
    half = scaled(SMOKE, 0.5)
    assert [stage.rate for stage in half.arrivals] == [stage.rate / 2 for stage in SMOKE.arrivals]
    assert (half.phones, half.people) == (60, SMOKE.people)
    assert scaled(SMOKE, 3.0).phones == SMOKE.people
    assert scaled(SMOKE, 1.0) is SMOKE


def test_means() -> None:
    assert mean(Constant(dist="constant", value=3)) == 3
    assert mean(Uniform(dist="uniform", low=1, high=4)) == 2.5
    assert mean(LogNormal(dist="lognormal", median=2, sigma=0.5)) == pytest.approx(2 * math.exp(0.125), rel=1e-6)
    assert mean(LogNormal(dist="lognormal", median=2, sigma=0.5, min=1.9, max=2.1)) == pytest.approx(2, rel=0.01)
