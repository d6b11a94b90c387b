"""The page of a real run in a real browser: figures, buttons, its last figures and the verdict's; who is refused."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.server import Sandbox
from tests.exclusive import alone
from tests.live.shown import Shown, shown
from tests.load.test_web_ui import page as plain_page
from tests.reports.chrome import browser

CHROMIUM = shutil.which("chromium")
MARK = {"x-harness": "verdict"}


def values(text: str) -> dict[str, list[Any]]:
    return {family.name: list(family.samples) for family in text_string_to_metric_families(text)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_last_figures_shown_are_the_verdicts(processes: str, sandbox: Sandbox, tmp_path: Path) -> None:
    with alone(), shown(tmp_path, sandbox.url, "--processes", processes, measure_s=12) as page:
        page.wait_for("measure")
        scraped = values(page.http.get("/metrics").text)
        run, last = page.to_the_end()
    verdict = run.verdict
    assert run.code in (0, 10, 20), run.said
    assert len(last["slos"]) == len(verdict["slos"]) == 3
    for live, row in zip(last["slos"], verdict["slos"], strict=True):
        assert (live["name"], live["samples"]) == (row["name"], row["samples"])
        assert live["value"] == pytest.approx(row["value"]), "the same histogram, so the same value"
    assert last["attempts"] == verdict["facts"]["attempts"]
    assert last["started"] == verdict["facts"]["sessions"]["started"]
    lag = next(row for row in verdict["health"] if row["check"] == "loop lag")
    figure = next(line["figure"] for line in last["health"] if line["check"] == "loop lag")
    assert f"p99 {round(figure * 1000, 1):,g}" in lag["value"] or lag["value"].endswith(" s")
    assert len(last["workers"]) == int(processes)
    assert scraped["harness_slo_samples"]
    assert {sample.labels["worker"] for sample in scraped["harness_worker_up"]} == set(map(str, range(int(processes))))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (scripts/test-tools.sh installs it)")
@pytest.mark.timeout(600)
def test_the_tab_in_a_browser_its_buttons_and_what_they_leave_in_the_record(sandbox: Sandbox, tmp_path: Path) -> None:
    artifacts = Path(os.environ.get("HARNESS_TEST_ARTIFACTS") or tmp_path)
    with alone(), shown(tmp_path, sandbox.url, "--fault-buttons", measure_s=120) as page:
        page.wait_for("measure")
        problems = used(page, tmp_path / "chromium", artifacts)
        run, last = page.to_the_end()
    assert problems == []
    assert run.code == 30, run.said
    assert run.manifest["abort_reason"] == "ended by hand (web page)"
    (window,) = [one for one in run.manifest["chaos"] if one["entry"] == "by-hand-1"]
    assert (window["fault"], window["judged"]) == ("latency", True)
    assert 0 < window["end_s"] - window["start_s"] < 100, "it was ended before its time"
    assert "faults were switched on by hand, and are judged: by-hand-1 (latency)" in run.manifest["notes"][-1]
    lines = [json.loads(line) for line in (run.folder / "chaos.jsonl").read_text().splitlines()]
    assert [(line["event"], line["entry"]) for line in lines] == [("start", "by-hand-1"), ("end", "by-hand-1")]
    assert lines[-1]["hits"] > 0
    assert last["stopping"] == "ended by hand (web page)"


def used(page: Shown, profile: Path, artifacts: Path) -> list[str]:
    """As somebody does who looks, breaks something, mends it, and ends the run; what the browser found wrong."""
    with browser(str(CHROMIUM), profile) as tab:
        tab.open(page.url)
        tab.wait_for("document.querySelector('[data-verdict]')")
        first = "document.querySelector('[role=tablist]').children[0].textContent"
        assert tab.evaluate(first) == "Statistics", "Locust counts the places of its own"
        tab.screenshot(artifacts / "locust-with-tab.png", whole=False)
        tab.evaluate("document.querySelector('[data-verdict]').click()")
        tab.wait_for("location.pathname === '/verdict' && document.querySelectorAll('#slos tbody tr').length === 3")
        tab.wait_for("/measure/.test(document.getElementById('about').textContent)")
        assert tab.evaluate("document.querySelectorAll('#health tbody tr').length") == 4
        assert (
            int(tab.evaluate("document.querySelector('[data-figure=\"requests\"] b').textContent.replaceAll(',', '')"))
            > 0
        )
        for width, dark in ((1440, False), (360, True)):
            tab.resize(width, dark=dark)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, f"scrolls sideways at {width} px"
            tab.screenshot(artifacts / f"verdict-so-far-{width}.png")
        tab.evaluate("document.getElementById('seconds').value = 100")
        tab.evaluate("document.querySelector('[data-fault=slow]').click()")
        tab.wait_for("/by-hand-1: latency/.test(document.getElementById('faults').textContent)")
        assert values(page.http.get("/metrics").text)["harness_fault_active"][0].labels["fault"] == "latency"
        tab.wait_for("document.querySelector('#faults button')")
        tab.evaluate("document.querySelector('#faults button').click()")
        tab.wait_for("document.getElementById('faults').textContent === 'none'")
        refused_elsewhere(page.http)
        problems = list(tab.problems)
        assert [one for one in tab.requests if not one.startswith((page.url, "data:"))] == []
        tab.evaluate("window.confirm = () => true; document.getElementById('stop').click()")
        return problems


def refused_elsewhere(http: httpx.Client) -> None:
    """Nobody else's page does anything here, and nobody changes the load of a plan."""
    for path in ("/verdict/stop", "/verdict/cut", "/verdict/fault", "/verdict/fault/end"):
        assert http.post(path).status_code == 403, "without the header"
        assert http.post(path, headers=MARK | {"origin": "http://evil.test"}).status_code == 403
        assert http.post(path, headers=MARK | {"host": "evil.test"}).status_code == 403
        assert http.post(path, headers=MARK | {"sec-fetch-site": "cross-site"}).status_code == 403
        assert http.get(path).status_code == 405
    assert http.get("/verdict.json", headers={"host": "evil.test"}).status_code == 403
    assert http.get("/metrics", headers={"host": "evil.test"}).status_code == 403
    assert http.options("/verdict/stop", headers={"origin": "http://evil.test"}).status_code == 403
    for path in ("/swarm", "/user", "/stats/reset"):
        assert http.post(path, data={"user_count": "9", "spawn_rate": "9"}).status_code == 409
    for bad in ({}, {"name": "slow"}, {"name": 1, "seconds": 5}, {"name": "slow", "seconds": True}, ["slow"]):
        assert http.post("/verdict/fault", json=bad, headers=MARK).status_code == 400
    for bad in ({"name": "rm", "seconds": 5}, {"name": "slow", "seconds": 1e9}, {"name": "slow", "seconds": -1}):
        assert http.post("/verdict/fault", json=bad, headers=MARK).status_code == 409
    assert http.post("/verdict/fault", content=b"{" * 5000, headers=MARK).status_code == 413
    assert http.get("/verdict.json").json()["stopping"] == ""
    page = http.get("/verdict")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in page.headers


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_for_others_there_is_a_login_and_a_token_for_metrics(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password, token = "correct-horse-battery", "metrics-token-of-this-test"
    monkeypatch.setenv("HARNESS_WEB_PASSWORD", password)
    monkeypatch.setenv("HARNESS_METRICS_TOKEN", token)
    with alone(), shown(tmp_path, sandbox.url, measure_s=120, host="0.0.0.0") as page:
        bearer = {"authorization": f"Bearer {token}"}
        deadline = time.monotonic() + 150
        text = ""
        while 'phase="measure"} 1' not in text and time.monotonic() < deadline and page.process.poll() is None:
            try:
                text = page.http.get("/metrics", headers=bearer).text
            except httpx.TransportError:
                time.sleep(0.5)
        assert values(text)["harness_run_info"][0].labels["profile"] == "shown"
        for path in ("/verdict", "/verdict.json", "/metrics", "/verdict/page.js"):
            assert page.http.get(path).status_code == 302
        assert (
            page.http.get("/metrics", headers={"authorization": "Bearer wrong-token-of-this-test"}).status_code == 302
        )
        for path in ("/verdict/stop", "/verdict/cut", "/stop"):
            assert page.http.post(path, headers=MARK | bearer).status_code == 302, "a token for metrics ends no run"
        assert page.http.get("/verdict.json", headers=bearer).status_code == 302
        page.http.post("/harness-login", data={"username": "harness", "password": password})
        figures = page.http.get("/verdict.json").json()
        assert figures["stopping"] == ""
        assert figures["hand_faults"] == []
        assert page.http.post("/verdict/fault", json={"name": "slow", "seconds": 5}, headers=MARK).status_code == 409
        everything = "".join(
            page.http.get(path).text for path in ("/", "/verdict", "/verdict.json", "/metrics", "/logs")
        )
        assert page.http.post("/stop").json()["success"]
        run, _ = page.to_the_end()
    assert run.code == 30, run.said
    assert run.manifest["abort_reason"] == "ended by hand (web page)"
    for secret in (password, token):
        assert secret not in everything
        assert secret not in run.said
        for file in run.folder.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_plain_locust_has_the_tab_and_keeps_its_own_buttons(sandbox: Sandbox) -> None:
    with alone(), plain_page("--host", sandbox.url) as (url, _), httpx.Client(base_url=url, timeout=30.0) as http:
        assert 'src="/verdict/tab.js"' in http.get("/").text
        assert http.get("/verdict.json").status_code == 204, "no test yet"
        assert http.get("/metrics").text == ""
        assert http.post("/swarm", data={"user_count": "3", "spawn_rate": "3"}).json()["success"]
        deadline = time.monotonic() + 90
        now: dict[str, Any] = {"attempts": 0}
        while not now["attempts"] and time.monotonic() < deadline:
            reply = http.get("/verdict.json")
            now = reply.json() if reply.status_code == 200 else now
            time.sleep(0.3)
        assert now["attempts"] > 0
        assert now["started"] > 0
        assert now["hand_faults"] == []
        assert values(http.get("/metrics").text)["harness_sessions_open"][0].value > 0
        assert http.post("/verdict/stop").status_code == 403
        assert http.post("/verdict/stop", headers=MARK).text == "the run is being ended\n"
        while http.get("/stats/requests").json()["state"] != "stopped" and time.monotonic() < deadline + 30:
            time.sleep(0.3)
        assert http.get("/stats/requests").json()["state"] == "stopped"
