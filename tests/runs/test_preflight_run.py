"""A run that asks first: what preflight finds is in record and verdict, and disturbs neither load nor data check."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.core.errors import ExitCode
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from tests.runs.conftest import BRIEF, BRIEF_SLO, finish, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 400.0


def test_the_application_as_shipped_is_not_ready(sandbox: Sandbox, tmp_path: Path) -> None:
    run = finish(
        start(tmp_path, BRIEF, "--url", sandbox.url, "--slo", BRIEF_SLO, "--preflight", "--no-html"),
        tmp_path,
        PATIENCE_S,
    )
    assert run.code == ExitCode.TARGET, run.said
    assert ExitCode.DATA not in run.verdict["exit_codes"], run.said
    assert run.manifest["status"] == "complete"
    named = {one["lint"] for one in run.manifest["preflight"]["findings"]}
    assert {"definer_function_for_anyone", "strangers_messages", "payload_uncapped", "write_not_idempotent"} <= named
    suites = ElementTree.parse(run.folder / "junit.xml").getroot().iter("testsuite")
    (suite,) = [one for one in suites if one.get("name") == "preflight"]
    assert int(suite.get("failures", "0")) > 0
    assert "Preflight:" in (run.folder / "summary.md").read_text()


def test_a_hardened_target_is_ready_and_serves_the_app(tmp_path: Path) -> None:
    profile = tmp_path / "asks.toml"
    profile.write_text("preflight = true\n" + BRIEF.read_text(), encoding="utf-8")
    out = tmp_path / "runs"
    with Sandbox(SandboxOptions(people=60, catalogue=300, switches=Switches.parse(["hardened=on"]))) as hardened:
        run = finish(
            start(out, profile, "--url", hardened.url, "--slo", BRIEF_SLO, "--no-html"),
            out,
            PATIENCE_S,
        )
    assert run.manifest["preflight"]["findings"] == []
    assert run.manifest["preflight"]["asked"] > 30
    assert not {ExitCode.TARGET, ExitCode.DATA} & set(run.verdict["exit_codes"]), run.said
