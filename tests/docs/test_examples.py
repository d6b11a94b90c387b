"""Python examples of the how-tos do what their pages say."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from harness.cli.init import PROJECT
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.config.load import load_profile, load_slo_file, load_target
from harness.core.read_log import ReadViolation
from harness.run.plan_limits import peak_of

ROOT = Path(__file__).resolve().parents[2]


def block(page: str, language: str) -> str:
    """The page's first fenced block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    assert found
    return found[1]


def test_the_rule_of_adding_a_check_is_one() -> None:
    module = ModuleType("feed_length")
    exec(compile(block("docs/adding-a-check.md", "python"), "feed_length.py", "exec"), module.__dict__)
    rule = module.FEED_LENGTH
    assert isinstance(rule, ReadRule)
    for rows, broken in ((41, 0), (42, 1)):
        found: list[ReadViolation] = []
        reply = CheckedReply("home_feed", "me", (), {"p_limit": 40}, [{}] * rows)
        assert rule.check(reply, PhoneMemory(), found) == 1
        assert len(found) == broken
    assert rule.check(CheckedReply("home_feed", "me", (), {}, []), PhoneMemory(), []) == 0


def test_the_files_of_the_how_tos_are_right(tmp_path: Path) -> None:
    (tmp_path / "slo.toml").write_text(block("docs/slo.md", "toml"))
    assert len(load_slo_file(tmp_path / "slo.toml").slo) == 2
    (tmp_path / "chatty.toml").write_text(block("docs/own-persona.md", "toml"))
    profile = load_profile(tmp_path / "chatty.toml")
    assert dict(profile.mix) == {"chatter": 0.3, "reader": 0.7}


def test_the_target_file_of_the_page_allows_the_run_that_the_page_shows(tmp_path: Path) -> None:
    (tmp_path / "staging.toml").write_text(block("docs/targets.md", "toml"))
    target, profile = load_target(tmp_path / "staging.toml"), load_profile("nightly")
    assert "harness run nightly --target staging" in (ROOT / "docs" / "targets.md").read_text(encoding="utf-8")
    assert peak_of(profile, profile.seed).fits(target.limits[target.host])


def test_the_target_file_of_a_new_project_allows_its_first_run() -> None:
    target = load_target(PROJECT / "targets" / "staging.toml")
    profile = load_profile(PROJECT / "profiles" / "first.toml")
    assert peak_of(profile, profile.seed).fits(target.limits[target.host])
