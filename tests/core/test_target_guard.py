"""Which targets a run may touch."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import ExitCode, TargetError
from harness.core.target import Target
from harness.core.target_guard import is_loopback, permit

settings.register_profile("patient", deadline=None)  # test machines are busy
settings.load_profile("patient")


def target(url: str, environment: str = "staging", **limits: dict[str, Any]) -> Target:
    named = {host.replace("_", "."): limit for host, limit in limits.items()}
    return Target.model_validate(
        {"name": "t", "url": url, "environment": environment, "keys": {"anon_env": "A"}, "limits": named}
    )


LIMITS = {"requests_per_second": 100, "phones": 50}


@pytest.fixture(autouse=True)
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the guard must not look names up")

    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, asked)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:54321", "http://127.255.0.9", "http://[::1]:80", "https://localhost", "http://LOCALHOST:1"],
)
def test_loopback_is_free(url: str) -> None:
    given = permit(target(url), peak_phones=10**6, peak_requests_per_second=1e9)
    assert given.loopback
    assert (given.requests_per_second, given.phones) == (None, None)


@pytest.mark.parametrize(
    "host",
    [
        "project.example.com",
        "10.0.0.1",
        "128.0.0.1",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "[::]",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "localhost.",
        "loopback.local",
    ],
)
def test_any_other_host_is_refused_unless_listed(host: str) -> None:
    with pytest.raises(TargetError, match="nothing was sent") as caught:
        permit(target(f"http://{host}"), peak_phones=1, peak_requests_per_second=0.1)
    assert caught.value.exit_code is ExitCode.TARGET
    assert f'[limits."{host.strip("[]")}"]' in str(caught.value)


@given(st.ip_addresses())
def test_only_127_8_and_one_are_loopback(address: Any) -> None:
    inside = str(address).startswith("127.") if address.version == 4 else str(address) == "::1"
    assert is_loopback(str(address)) is inside


def test_a_listed_host_is_allowed_up_to_its_limits() -> None:
    there = target("https://Project.example.com", project_example_com=LIMITS)
    allowed = permit(there, peak_phones=50, peak_requests_per_second=100)
    assert (allowed.host, allowed.loopback) == ("project.example.com", False)
    assert (allowed.requests_per_second, allowed.phones) == (100, 50)
    assert permit(there, peak_phones=50, peak_requests_per_second=None) == allowed
    for phones, rate in ((51, 1.0), (1, 100.1), (1, float("nan"))):
        with pytest.raises(TargetError, match="the target file allows"):
            permit(there, peak_phones=phones, peak_requests_per_second=rate)
    with pytest.raises(TargetError):
        permit(target("https://other.example.com", project_example_com=LIMITS), peak_phones=1)


def test_limits_given_for_loopback_hold() -> None:
    here = target("http://127.0.0.1:1", "staging", **{"127_0_0_1": LIMITS})
    with pytest.raises(TargetError, match="51 phones at once"):
        permit(here, peak_phones=51)


@pytest.mark.parametrize("url", ["https://project.example.com", "http://localhost:1"])
def test_production_needs_to_be_said(url: str) -> None:
    there = target(url, "production", project_example_com=LIMITS)
    with pytest.raises(TargetError, match="production") as caught:
        permit(there, peak_phones=1, peak_requests_per_second=1)
    assert caught.value.exit_code is ExitCode.TARGET
    assert permit(there, peak_phones=1, peak_requests_per_second=1, allow_production=True)
    unlisted = target("https://other.example.com", "production")
    with pytest.raises(TargetError, match="listed"):
        permit(unlisted, peak_phones=1, allow_production=True)
