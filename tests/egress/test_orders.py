"""What a worker takes: orders that its own target file allows, and nothing past it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.timeline import Timeline
from harness.config.load import load_profile
from harness.core.errors import ExitCode, HarnessError, TargetError, UsageError
from harness.core.run_spec import RunSpec, windows_of
from harness.core.run_token import TOKEN_ENV, new_token
from harness.core.target import Target
from harness.core.target_guard import Permit, permit
from harness.core.wire_limits import WireLimits
from harness.egress import web
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.orders import ANY_LOOPBACK, PERMIT_ENV, accepted, handed, received
from harness.egress.proxy_api import entry_url, proxy_api
from harness.load.discovery import discover
from harness.run.proxy_conductor import fronted
from harness.run.worker import work
from tests.egress import liars

PROFILE = load_profile(Path(__file__).parents[1] / "data/brief.toml")
LIMITS = {"requests_per_second": 100, "phones": 50}


def own(
    url: str = "http://10.1.2.3:8787", environment: str = "staging", limits: dict[str, Any] | None = None
) -> Target:
    named = {"10.1.2.3": LIMITS | (limits or {})}
    return Target.model_validate(
        {"name": "t", "url": url, "environment": environment, "keys": {"anon_env": "A"}, "limits": named}
    )


def order(url: str, rate: float | None = 50.0) -> RunSpec:
    return RunSpec(
        run_id="r",
        run_tag=1,
        folder="",
        url=url,
        seed=1,
        profile=PROFILE,
        email_pattern="p{index}@x.test",
        windows=windows_of(PROFILE),
        limits=None if rate is None else WireLimits(requests_per_second=rate, connections_per_second=rate, sockets=100),
    )


def through_the_environment(given: Permit) -> Permit:
    return received(handed(given))


def test_a_permit_survives_the_way_to_a_child() -> None:
    given = permit(own(limits={"private": True}), peak_phones=0)
    assert through_the_environment(given) == given
    assert through_the_environment(ANY_LOOPBACK) == ANY_LOOPBACK
    assert received({}) == ANY_LOOPBACK


@settings(max_examples=30, deadline=None)
@given(st.one_of(st.text(), st.sampled_from(["{}", "[]", "null", '{"host": 1}', "[" * 9999])))
def test_a_permit_that_cannot_be_read_is_exit_2(text: str) -> None:
    if text:
        with pytest.raises(UsageError, match=PERMIT_ENV):
            received({PERMIT_ENV: text})


def test_the_own_target_is_served() -> None:
    given = through_the_environment(permit(own(), peak_phones=0))
    for url in ("http://10.1.2.3:8787", "http://10.1.2.3:8787/"):
        assert accepted(order(url), given).reach.allows("10.1.2.3")
    assert accepted(order("http://127.0.0.1:5"), ANY_LOOPBACK).reach.listed == frozenset()


@pytest.mark.parametrize(
    "url",
    [
        "http://10.9.9.9:8787",
        "http://10.1.2.3:8788",
        "https://10.1.2.3:8787",
        "http://127.0.0.1:8787",
        "http://10.1.2.3.example.com:8787",
        "http://10.1.2.3:99999",
        "http://[::1",
        "",
    ],
)
def test_another_target_is_refused(url: str) -> None:
    for allowed in (permit(own(), peak_phones=0), permit(own("http://127.0.0.1:1"), peak_phones=0)):
        with pytest.raises(TargetError, match="nothing was sent") as caught:
            accepted(order(url), allowed)
        assert caught.value.exit_code is ExitCode.TARGET


def test_without_a_target_file_only_loopback_is_served() -> None:
    with pytest.raises(TargetError, match="no target file"):
        accepted(order("http://10.1.2.3:8787"), ANY_LOOPBACK)


@pytest.mark.parametrize(("rate", "limits"), [(None, {}), (100.1, {}), (50.0, {"phones": 39})])
def test_more_than_the_own_file_allows_is_refused(rate: float | None, limits: dict[str, int]) -> None:
    with pytest.raises(TargetError, match="target file"):
        accepted(order("http://10.1.2.3:8787", rate), permit(own(limits=limits), peak_phones=0))


# ---- what a worker is started with ----------------------------------------------------------------------------------


def test_a_worker_asks_before_it_connects_to_its_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.load.child_process.start", lambda *_, **__: pytest.fail("a process was started"))
    monkeypatch.setenv("A", "key")
    monkeypatch.setenv(TOKEN_ENV, new_token())
    path = tmp_path / "t.toml"
    path.write_text('name = "t"\nurl = "http://127.0.0.1:9"\nenvironment = "staging"\n[keys]\nanon_env = "A"\n')
    with pytest.raises(TargetError, match="the master is at 10"):
        work("10.9.9.9:5557", str(path), None, tmp_path)
    path.write_text(path.read_text().replace("staging", "production"))
    with pytest.raises(TargetError, match="production"):
        work("127.0.0.1:5557", str(path), None, tmp_path)


# ---- what answers on loopback, and leads elsewhere -------------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        {"url": "http://10.1.2.3:8787"},
        {"url": "http://localhost.example.com"},
        {"url": "http://127.0.0.1@10.1.2.3/"},
        {"url": "http://[::1"},
        {"dsn": "postgresql://u:p@10.1.2.3/db"},
        {"dsn": "postgresql://u:p@127.0.0.1,10.1.2.3/db"},
        {"dsn": "postgresql:///db?host=10.1.2.3"},
        {"dsn": "nonsense"},
        {"url": "http://\x1b]0;x\x07/"},
    ],
)
def test_a_sandbox_that_leads_elsewhere_is_refused(lie: dict[str, str]) -> None:
    with liars.liar(liars.discovery(**lie)) as port, pytest.raises(HarnessError) as caught:
        discover(f"http://127.0.0.1:{port}")
    assert caught.value.exit_code is ExitCode.TARGET
    assert str(caught.value).replace("\n", "").isprintable()


@pytest.mark.parametrize("says", ["", "http://127.0.0.1:1", "http://localhost:1"])
def test_the_address_that_was_asked_is_the_one_that_is_used(says: str) -> None:
    local = "postgresql://postgres@/postgres?host=%2Ftmp%2Fx&port=5432"
    with liars.liar(liars.discovery(says, local)) as port:
        assert discover(f"http://localhost:{port}/").url == f"http://localhost:{port}"


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://h:x", "http://h:99999", "ftp://h", "x", "http://u:s3cr3t@127.0.0.1"]
)
def test_what_is_no_url_is_exit_2_and_repeats_no_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        discover(url)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "listen", ["10.9.9.9:80", "proxy.example.com:80", "", "127.0.0.1", "127.0.0.1:0:1", "\x1b[31m:80", "u@127.0.0.1:80"]
)
def test_an_entry_elsewhere_is_refused(listen: str) -> None:
    with liars.liar(liars.proxy(listen)) as port, proxy_api(LOOPBACK, f"http://127.0.0.1:{port}") as client:
        made = client.create("t", "u")
        if listen == "127.0.0.1":
            assert entry_url(LOOPBACK, made) == "http://127.0.0.1"
            return
        with pytest.raises(TargetError) as caught:
            entry_url(LOOPBACK, made)
    assert str(caught.value).replace("\n", "").isprintable()


def test_a_proxy_elsewhere_is_refused() -> None:
    for url in ("http://10.9.9.9:8474", "http://proxy.example.com:8474"):
        with pytest.raises(TargetError, match="neither loopback nor listed"):
            proxy_api(LOOPBACK, url)


def test_phones_are_not_sent_to_an_entry_elsewhere(tmp_path: Path) -> None:
    profile = tmp_path / "p.toml"
    brief = Path(__file__).parents[1] / "data/brief.toml"
    profile.write_text(
        f'name = "p"\nextends = "{brief}"\n[[chaos]]\nfault = "bandwidth"\nat = "measure + 1"\nfor = 2\n'
        "parameters = { rate = 1000 }\n"
    )
    timeline: Timeline = load_profile(profile).timeline(1)

    class Silent:
        def stage(self, text: str) -> None: ...

        def progress(self, facts: Any) -> None: ...

        def problem(self, text: str) -> None: ...

    removed: list[str] = []

    def answer(asked: Any) -> liars.Answer:
        if asked.command == "DELETE":
            removed.append(asked.path)
        return liars.proxy("10.9.9.9:80")(asked)

    with (
        liars.liar(answer) as port,
        pytest.raises(TargetError, match="the entry that the proxy made"),
        fronted("http://127.0.0.1:9", timeline, f"http://127.0.0.1:{port}", Silent()),
    ):
        pytest.fail("phones were sent there")
    assert len(removed) == 1, "what was made is taken back"


def redirect(status: int) -> Callable[[Any], liars.Answer]:
    return lambda asked: (status, {"location": "ws://10.1.2.3:80/"}, {})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_websocket_that_is_redirected_elsewhere_ends(status: int) -> None:
    async def dial(port: int) -> None:
        async with web.websocket(Gate(), f"ws://127.0.0.1:{port}/"):
            pytest.fail("it opened")

    with liars.liar(redirect(status)) as port, pytest.raises(Exception, match="redirect"):
        asyncio.run(dial(port))
