"""What a sandbox here carries, and the part of a profile that fits."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.load import load_profile, load_slo_file
from harness.core.errors import UsageError
from harness.core.resolved_target import ResolvedTarget
from harness.load.discovery import discover
from harness.plan.run_peak import mean_session
from harness.record.run_log import NO_LOG
from harness.run.calibration import DECK, FEED, READ, SIGN_IN, calibrate, kind_of, session_cost
from harness.run.fitting import busiest, fitted, share_that_fits
from harness.run.resolved_target import realtime_for
from harness.run.run_request import RunRequest
from sandbox.options import SandboxOptions
from sandbox.realtime import RealtimeSettings
from sandbox.server import Sandbox


@given(rate=st.floats(0.01, 1000), carried=st.floats(0.01, 1000))
def test_the_part_that_fits_is_the_largest_tenth_that_does(rate: float, carried: float) -> None:
    share = share_that_fits(rate, carried)
    assert 0 <= share <= 1
    assert share * rate <= carried * (1 + 1e-6)
    assert share == 1.0 or (share + 0.1) * rate > carried * (1 - 1e-6)


@pytest.mark.parametrize(
    ("name", "rate"), [("smoke", 1.6), ("nightly", 1.5), ("spike", 6.0), ("rehearsal", 2.16667), ("soak", 1.0)]
)
def test_the_busiest_minute_of_a_profile(name: str, rate: float) -> None:
    assert busiest(load_profile(name)) == pytest.approx(rate, rel=0.08)


def test_a_run_of_seconds_is_no_sustained_load() -> None:
    brief = load_profile(str(Path(__file__).parents[1] / "data" / "kill.toml"))
    assert busiest(brief) == pytest.approx(4 * 7 / 60)


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("POST functions/media-swipe-deck", DECK),
        ("POST rpc/get_home_feed_v2", FEED),
        ("GET media_items", READ),
        ("POST auth/token", SIGN_IN),
    ],
)
def test_each_endpoint_of_the_plan_has_a_call_that_stands_for_it(endpoint: str, kind: str) -> None:
    assert kind_of(endpoint) == kind
    assert endpoint in mean_session(load_profile("nightly")).by_endpoint


def test_a_profile_with_more_sockets_than_the_default_gets_a_plan_that_holds_them() -> None:
    rehearsal, smoke = load_profile("rehearsal"), load_profile("smoke")
    assert realtime_for(smoke) == ()
    assert RealtimeSettings.parse(realtime_for(rehearsal)).max_concurrent_users >= rehearsal.phones
    many = rehearsal.model_copy(update={"people": 30_000, "phones": 20_000})
    assert RealtimeSettings.parse(realtime_for(many)).max_concurrent_users >= 20_000
    named = smoke.model_copy(update={"sandbox": smoke.sandbox.model_copy(update={"plan": "free"})})
    assert realtime_for(named) == ("plan=free",), "who names a plan wants its limits"


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, text: str) -> None:
        self.said.append(text)

    problem = stage

    def progress(self, facts: object) -> None:
        pass


@pytest.mark.slow
def test_a_sandbox_is_calibrated_and_a_profile_fitted_or_refused() -> None:
    profile = load_profile("smoke")
    slos = load_slo_file().slo
    with Sandbox(SandboxOptions(people=profile.sandbox.people, catalogue=600)) as sandbox:
        found = discover(sandbox.url)
        access = ResolvedTarget(
            name="sandbox",
            url=sandbox.url,
            environment="sandbox",
            anon_key=found.anon_key,
            password=found.people.password,
            email_pattern=found.people.email_pattern,
            own=True,
            pid=os.getpid(),
        )
        measured = calibrate(access, profile)
        assert measured is not None
        assert measured.ms[DECK] > measured.ms[READ] > 0, "a deck is the dearest call"
        assert measured.session_ms == pytest.approx(session_cost(profile, measured.ms))
        carried = measured.sessions_per_s
        small = profile.model_copy(
            update={"arrivals": tuple(one.model_copy(update={"rate": 0.01, "to": None}) for one in profile.arrivals)}
        )
        big = profile.model_copy(
            update={
                "arrivals": tuple(
                    one.model_copy(update={"rate": carried * 2.5, "to": None}) for one in profile.arrivals
                )
            }
        )
        huge = profile.model_copy(
            update={
                "arrivals": tuple(one.model_copy(update={"rate": carried * 50, "to": None}) for one in profile.arrivals)
            }
        )
        ask = RunRequest(profile=small, source="smoke", slos=slos, out=Path("runs"), fit=True)
        watcher = Watcher()
        same, noted = fitted(ask, access, watcher, NO_LOG)
        assert same.profile == small
        assert "this sandbox carries about" in noted.notes[-1]
        less, noted = fitted(replace(ask, profile=big), access, watcher, NO_LOG)
        assert 0.1 * busiest(big) <= busiest(less.profile) <= 0.7 * busiest(big)
        assert "do not fit" in noted.notes[-1]
        with pytest.raises(UsageError, match="not even a tenth"):
            fitted(replace(ask, profile=huge), access, watcher, NO_LOG)
        kept, noted = fitted(replace(ask, profile=huge, fit=False), access, watcher, NO_LOG)
        assert kept.profile == huge
        assert "all the same" in noted.notes[-1]
        elsewhere = replace(access, own=False)
        assert fitted(ask, elsewhere, watcher, NO_LOG) == (ask, elsewhere)
