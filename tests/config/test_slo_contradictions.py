"""Objectives that say different things of the same samples are refused before a run, with both names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import load_slo_file
from harness.core.errors import ExitCode, UsageError

ROOT = Path(__file__).parents[2]
LATENCY = """
[[slo]]
kind = "latency"
name = "{name}"
operation = "{operation}"
view = "{view}"
percentile = {percentile}
limit_ms = {limit_ms}
"""
SHARE = """
[[slo]]
kind = "share"
name = "{name}"
operations = {operations}
view = "e2e"
outcomes = ["timeout"]
max_share = {max_share}
"""


def latency(
    name: str, percentile: float, limit_ms: float, *, operation: str = "home_feed", view: str = "server"
) -> str:
    return LATENCY.format(name=name, percentile=percentile, limit_ms=limit_ms, operation=operation, view=view)


def share(name: str, max_share: float, operations: str = '["home_feed", "swipe_deck"]') -> str:
    return SHARE.format(name=name, max_share=max_share, operations=operations)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (latency("A", 95, 400) + latency("B", 95, 500), "'A' and 'B' give p95 of home_feed (server) two limits"),
        (latency("A", 95, 400) + latency("B", 99, 300), "p99 of home_feed (server) may have 300 ms, and p95 more, 400"),
        (latency("B", 99, 300) + latency("C", 99.9, 900) + latency("A", 50, 400), "'A' and 'B'"),
        (share("A", 0.01) + share("B", 0.02, '["swipe_deck", "home_feed"]'), "'A' and 'B' allow the same failures two"),
    ],
)
def test_a_contradiction_names_both(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "slo.toml").write_text(text)
    with pytest.raises(UsageError, match="contradicts itself") as caught:
        load_slo_file(tmp_path / "slo.toml")
    assert said in caught.value.what
    assert caught.value.exit_code is ExitCode.USAGE
    assert "slo.toml" in caught.value.where


@pytest.mark.parametrize(
    "text",
    [
        latency("A", 50, 100) + latency("B", 95, 400) + latency("C", 99, 400) + latency("D", 99.9, 2000),
        latency("A", 95, 400) + latency("B", 95, 500, view="e2e") + latency("C", 99, 300, operation="swipe_deck"),
        latency("A", 95, 400) + latency("B", 95, 500) + "window_s = 300\n",
        share("A", 0.01) + share("B", 0.02, '["home_feed"]'),
    ],
)
def test_what_only_looks_like_one_is_taken(text: str, tmp_path: Path) -> None:
    (tmp_path / "slo.toml").write_text(text)
    assert load_slo_file(tmp_path / "slo.toml").slo


@pytest.mark.parametrize(
    "path",
    sorted(path for path in ROOT.rglob("*slo.toml") if ".venv" not in path.parts),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_file_of_the_repository_contradicts_itself(path: Path) -> None:
    assert load_slo_file(path).slo
