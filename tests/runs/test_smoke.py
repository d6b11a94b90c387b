"""The main job, exactly as `make smoke` does it, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.exclusive import alone
from tests.reports.chrome import browser
from tests.runs.conftest import Run

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, float]:
    out = tmp_path_factory.mktemp("smoke")
    with alone():  # its limits are for a machine that does nothing else
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "harness", "run", "smoke", "--out", str(out)],
            capture_output=True,
            text=True,
            timeout=220,
            stdin=subprocess.DEVNULL,
        )
        took = time.monotonic() - begun
    (folder,) = out.iterdir()
    return Run(done.returncode, done.stdout + done.stderr, folder), took


pytestmark = pytest.mark.timeout(400)  # waiting for the machine included


NEAR = 1.2
"""Times its limit: where an objective that is not shown may lie, of a sandbox that shares two cores with all else."""


def test_the_smoke_run_answers_within_two_minutes(smoke: tuple[Run, float]) -> None:
    """And passes: no limit may be missed. Where it doubts its own generator it says so, and answers 20.

    So it does where decks, which the sandbox computes on the same two cores, are near their limit: with one slow one of
    some fifty that objective is not shown. Their 95th percentile was 296 to 731 ms of 700 in six runs on one machine
    whose neighbours took up to 15 % of it in a second. A miss for certain is still one.
    """
    run, took = smoke
    assert run.code in (0, 20), run.said
    unshown = [slo for slo in run.verdict["slos"] if slo["status"] == "inconclusive"]
    near = [slo for slo in unshown if "too few: the true rate" in slo["note"] and slo["value"] <= NEAR * slo["limit"]]
    near += [slo for slo in unshown if "but other programs on this machine" in slo["note"]]  # named, with their share
    assert [slo for slo in unshown if slo not in near and slo["name"] not in run.doubted] == [], run.said
    assert (run.code == 20) == bool(run.doubts or near), run.said
    assert [slo["name"] for slo in run.verdict["slos"] if slo["status"] == "fail"] == [], run.said
    failing = [row["name"] for row in run.verdict["catch_all"]["rows"] if row["failures"] in ("missed", "doubt")]
    assert failing == [], run.said
    assert [row["id"] for row in run.verdict["access"] if row["status"] in ("missed", "doubt")] == [], run.said
    assert run.verdict["integrity"]["status"] == "held", run.said
    assert took < 120
    assert f"{run.folder}/report.html" in run.said


def test_it_records_more_than_3000_attempts_of_every_kind(smoke: tuple[Run, float]) -> None:
    run, _ = smoke
    table = pq.read_table(run.folder / "latency.parquet")
    server = table.filter(pc.equal(table["view"], "server"))
    assert pc.sum(server["count"]).as_py() > 3000
    assert set(server["operation"].to_pylist()) >= {
        "sign_in",
        "user",
        "experiments",
        "background_deck",
        "home_feed",
        "swipe_deck",
        "swipe_events",
        "title_detail",
        "conversation_list",
        "messages_poll",
        "blocked_check",
        "message_send",
        "delivery_receipt",
        "read_receipt",
    }
    outcomes = server.group_by("outcome").aggregate([("count", "sum")]).to_pydict()
    counts = dict(zip(outcomes["outcome"], outcomes["count_sum"], strict=True))
    assert counts["ok"] >= 0.98 * sum(counts.values()), counts  # closing pages cut a few requests off
    assert set(table["phase"].to_pylist()) == {"warmup", "measure", "drain"}


def test_its_files_are_what_other_tools_expect(smoke: tuple[Run, float]) -> None:
    run, _ = smoke
    root = ElementTree.parse(run.folder / "junit.xml").getroot()
    assert len(list(root.iter("testcase"))) >= 9
    assert "| " in (run.folder / "summary.md").read_text()
    assert json.loads((run.folder / "verdict.json").read_text())["version"] == 1
    assert len(run.manifest["plan_digest"]) == 64


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (scripts/test-tools.sh installs it)")
def test_its_report_opens_offline_without_a_console_error(smoke: tuple[Run, float], tmp_path: Path) -> None:
    run, _ = smoke
    artifacts = Path(os.environ.get("HARNESS_TEST_ARTIFACTS") or tmp_path)
    address = (run.folder / "report.html").as_uri()
    with browser(str(CHROMIUM), tmp_path / "chromium") as page:
        page.open(address)
        page.wait_for("document.querySelectorAll('.chart .bk-Figure').length >= 8")
        page.resize(1280)
        page.screenshot(artifacts / "smoke-report.png")
        assert page.problems == []
        assert [one for one in page.requests if one != address and not one.startswith(("data:", "blob:"))] == []
    assert (artifacts / "smoke-report.png").stat().st_size > 50_000
