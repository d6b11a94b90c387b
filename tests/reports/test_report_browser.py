"""The page in a real browser: no error, no request, charts drawn, readable from 360 to 1440 pixels."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.report import REPORT, report
from tests.reports import build
from tests.reports.chrome import Page, browser

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (scripts/test-tools.sh installs it)"),
]

COLOURS_OF_FIRST_CHART = """(() => {
  const canvasIn = (root) => {
    for (const one of root.querySelectorAll('*')) {
      const found = one.tagName === 'CANVAS' ? one : one.shadowRoot && canvasIn(one.shadowRoot);
      if (found) return found;
    }
  };
  const bitmap = canvasIn(document.querySelector('.chart'));
  const pixels = bitmap.getContext('2d').getImageData(0, 0, bitmap.width, bitmap.height).data;
  const colours = new Set();
  for (let i = 0; i < pixels.length; i += 4) colours.add(pixels.slice(i, i + 3).join());
  return colours.size;
})()"""


OPEN_CHARTS = "document.querySelector('#time > details').open = true"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with browser(str(CHROMIUM), tmp_path / "chromium") as opened:
        yield opened


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("HARNESS_TEST_ARTIFACTS") or tmp_path / "artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def outside(page: Page, path: Path) -> list[str]:
    return [one for one in page.requests if one != path.as_uri() and not one.startswith(("data:", "blob:"))]


def test_report_opens_offline_without_a_console_error(page: Page, tmp_path: Path, artifacts: Path) -> None:
    before = [build.save(build.realistic(seed, run_id=f"base-{seed}"), tmp_path / f"base{seed}") for seed in (2, 3)]
    folder = build.save(build.realistic(slow=3.2, bad=0.03), tmp_path / "run")
    report(folder, before)
    page.open((folder / REPORT).as_uri())
    drawn = "document.querySelectorAll('.chart .bk-Figure').length"
    page.evaluate(OPEN_CHARTS)  # folded at this width
    page.wait_for(f"{drawn} >= 10")
    assert page.evaluate("document.querySelectorAll('.charts figure').length") == page.evaluate(drawn)
    assert page.evaluate("document.title") == "FAIL: smoke on sandbox"
    assert page.evaluate("document.querySelector('h1').textContent.trim().endsWith('Fail')")

    for width, dark in ((1440, False), (1440, True), (400, False), (360, False)):
        page.resize(width, dark=dark)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"scrolls sideways at {width} px"
        page.screenshot(artifacts / f"report-{width}{'-dark' if dark else ''}.png")
    painted = page.evaluate(COLOURS_OF_FIRST_CHART)
    assert painted > 10, "the first chart is blank"
    assert page.problems == []
    assert outside(page, folder / REPORT) == []


@pytest.mark.slow
def test_hovering_shows_figures(page: Page, tmp_path: Path) -> None:
    folder = build.save(build.realistic(), tmp_path / "run")
    report(folder)
    page.open((folder / REPORT).as_uri())
    page.resize(1440)
    page.evaluate(OPEN_CHARTS)
    page.wait_for("document.querySelectorAll('.chart .bk-Figure').length >= 10")
    page.evaluate("document.querySelectorAll('.charts figure')[2].scrollIntoView({block: 'center'})")
    box = page.evaluate("(() => { const r = document.querySelectorAll('.chart')[2].getBoundingClientRect();"
                        " return [r.x, r.y, r.width, r.height]; })()")  # fmt: skip
    for step in range(8):
        x, y = box[0] + box[2] * (0.4 + step * 0.03), box[1] + box[3] * 0.4
        page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    page.wait_for(
        """(() => { const all = (root) => [...root.querySelectorAll('*')].flatMap((one) => [one,
        ...(one.shadowRoot ? all(one.shadowRoot) : [])]); return all(document).some((one) =>
        one.classList.contains('bk-Tooltip') && one.shadowRoot?.textContent.includes('p95')); })()"""
    )
    assert page.problems == []


def test_hostile_text_runs_nothing(page: Page, tmp_path: Path) -> None:
    text = "</script><img src=x onerror='window.broken = 1'><script>window.broken = 1</script>"
    run = build.Run(build.manifest(profile=build.profile(description=text), notes=(text,))).fit()
    run.spread([10.0] * 200, operation=text)
    folder = build.save(run.finished(), tmp_path / "run")
    report(folder)
    page.open((folder / REPORT).as_uri())
    page.wait_for("document.querySelectorAll('.chart .bk-Figure').length >= 3")
    assert page.evaluate("window.broken === undefined")
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.problems == []
    assert outside(page, folder / REPORT) == []


def test_a_run_without_samples_opens_too(page: Page, tmp_path: Path, artifacts: Path) -> None:
    folder = build.save(build.Run(build.manifest(build.DEFAULT_SLOS)), tmp_path / "run", killed=True)
    report(folder)
    page.open((folder / REPORT).as_uri())
    page.resize(400)
    page.screenshot(artifacts / "report-empty-400.png")
    assert page.evaluate("document.querySelector('h1').textContent").strip().endswith("Inconclusive")
    assert page.problems == []
