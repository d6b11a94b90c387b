"""Runs against a deployment as the platform sets it up today: new API keys alone, ES256, and the sign-in limiter on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.exclusive import alone
from tests.sandbox.signed_in import sql

from .conftest import BRIEF, BRIEF_SLO, Run, finish, start

MODERN = ("api_keys=new", "token_signing=ES256", "sign_in_per_5_minutes=150", "sign_in_burst=30")
TARGET = """
name = "modern"
url = "{url}"
environment = "local"
[keys]
anon_env = "MODERN_PUBLISHABLE"
service_env = "MODERN_SECRET"
{signing}
[people]
tag = "p"
domain = "people.sandbox.test"
password_env = "MODERN_PASSWORD"
"""
CROWD = f"""
extends = "{BRIEF}"
name = "crowd"
people = 60
phones = 60
realtime = false
stored_sessions = 0
[phases]
warmup_s = 2
measure_s = 8
drain_s = 20
[[arrivals]]
seconds = 10
rate = 7
"""
MARK = """
update auth.users set raw_app_meta_data = raw_app_meta_data || '{"harness_tag": "p"}' where email like 'p\\_%'
returning id
"""


@pytest.fixture
def modern(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Its people are the target's: they have the mark that `harness users` sets. A limiter of its own for each test."""
    with Sandbox(SandboxOptions(people=130, catalogue=600, switches=Switches.parse(MODERN))) as running:
        known = running.discovery
        assert len(sql(running, MARK)) == 130
        for name, value in (
            ("MODERN_PUBLISHABLE", known["anon_key"]),
            ("MODERN_SECRET", known["service_key"]),
            ("MODERN_SIGNING_KEY", known["signing_key"]),
            ("MODERN_PASSWORD", known["people"]["password"]),
        ):
            monkeypatch.setenv(name, value)
        yield running


def _run(sandbox: Sandbox, folder: Path, profile: str | Path, *options: str | Path, minting: bool) -> Run:
    signing = 'signing_key_env = "MODERN_SIGNING_KEY"' if minting else ""
    target = folder / "modern.toml"
    target.write_text(TARGET.format(url=sandbox.url, signing=signing))
    return finish(start(folder / "runs", profile, "--target", target, *options), folder / "runs", patience_s=280)


def _sign_ins(run: Run) -> str:
    (said,) = [note for note in run.manifest["notes"] if note.startswith("sign-ins: ")]
    return str(said)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_smoke_passes_with_new_keys_and_es256_under_the_limiter_and_says_what_it_did(
    modern: Sandbox, tmp_path: Path
) -> None:
    with alone():  # its limits are for a machine that does nothing else
        run = _run(modern, tmp_path, "smoke", minting=True)
    assert "over_request_rate_limit" not in {one["code"] for one in run.verdict["limits"]}
    assert re.search(r"\d+ people had a stored session \(minted, ES256, kid [0-9a-f-]{36}\)", _sign_ins(run))
    counts = run.manifest["sign_ins"]
    assert counts["stored"] > 30
    assert counts.get("password", 0) <= 30
    assert os.environ["MODERN_SIGNING_KEY"] not in (run.folder / "manifest.json").read_text()
    held = {one["id"]: one["status"] for one in run.manifest["probes"]["answers"]}
    assert held["expired token"] == held["forged token"] == "held"
    run.assert_target_passed()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_without_minting_the_limiter_keeps_people_out_and_the_verdict_names_it(modern: Sandbox, tmp_path: Path) -> None:
    profile = tmp_path / "crowd.toml"
    profile.write_text(CROWD)
    run = _run(modern, tmp_path, profile, "--slo", BRIEF_SLO, minting=False)
    assert run.code == 10, run.said
    assert run.verdict["sentence"].startswith("The target's sign-in limit, not the app, kept "), run.said
    assert set(run.manifest["sign_ins"]) == {"password"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_nobody_signed_in_people_ask_at_the_limiters_pace_and_the_others_are_minted(
    modern: Sandbox, tmp_path: Path
) -> None:
    profile = tmp_path / "crowd.toml"
    profile.write_text(CROWD)
    run = _run(modern, tmp_path, profile, "--slo", BRIEF_SLO, minting=True)
    counts = run.manifest["sign_ins"]
    assert 20 <= counts["password"] <= 30, counts
    assert counts["paced"] > 5, counts
    assert "stored" not in counts
    assert not [one for one in run.verdict["limits"] if one["code"] == "over_request_rate_limit"], run.said
