"""The pages under axe-core, at three widths, light and dark; how long they are on a phone; keyboard and search."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.compare import compare
from reports.frames import load
from reports.integrity.model import UNCHECKED, Integrity
from reports.render import html as render_html
from reports.side_by_side import Entrant, lay
from reports.verdict import judge_frames
from tests.reports import build
from tests.reports.chrome import Page, browser
from tests.reports.test_first_screen import LOST

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[1] / "node/axe/node_modules/axe-core/axe.min.js"
PHONE_SCREEN = 844
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH (scripts/test-tools.sh installs it)"),
]
GRAVE = """axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => one.id + ": " + one.nodes.map((node) => node.html.slice(0, 200)).join(" | ")))"""
EVERYTHING_OPEN = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with browser(str(CHROMIUM), tmp_path / "chromium") as opened:
        yield opened


def written(folder: Path, which: str) -> Path:
    """A page of each kind, from a run with slow decks, server errors and lost data beside healthy ones."""
    before = [load(build.realistic(seed, run_id=f"base-{seed}")) for seed in (2, 3)]
    path = folder / f"{which}.html"
    if which == "compare":
        now = load(build.realistic(slow=3.2, bad=0.03))
        path.write_text(render_html.side_by_side(lay([Entrant(one, None) for one in (now, *before)])), encoding="utf-8")
        return path
    run = build.realistic(slow=3.2, bad=0.03) if which == "fail" else build.realistic()
    if which == "inconclusive":
        run = build.realistic(rate=1)
    frames = load(run)
    lost = Integrity(status="broken", text="1 check of 54 found data that is lost", checks=(LOST,))
    verdict = judge_frames(frames, compare(frames, before), integrity=lost if which == "fail" else UNCHECKED)
    path.write_text(render_html.render(verdict, frames), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (scripts/test-tools.sh installs it)")
@pytest.mark.parametrize("which", ["pass", "fail", "inconclusive", "compare"])
def test_axe_finds_nothing_serious(page: Page, tmp_path: Path, which: str) -> None:
    page.open(written(tmp_path, which).as_uri())
    page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    for width, dark in ((1440, False), (1440, True), (800, False), (390, False), (390, True)):
        page.resize(width, dark=dark)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"scrolls sideways at {width} px"
        assert page.evaluate(GRAVE) == [], (width, dark)
    page.evaluate(EVERYTHING_OPEN)
    page.resize(390)
    assert page.evaluate(GRAVE) == [], "with every section open"
    assert page.problems == []


def test_a_failing_run_is_few_screens_long_on_a_phone(page: Page, tmp_path: Path) -> None:
    page.open("about:blank")
    page.resize(390)
    page.open(written(tmp_path, "fail").as_uri())
    assert page.evaluate("document.documentElement.scrollHeight") <= 8 * PHONE_SCREEN
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    first = page.evaluate(f"document.elementsFromPoint(195, {PHONE_SCREEN - 4}).some((one) => one.id === 'top')")
    assert first, "the first screen is the answers'"


def test_on_a_wide_screen_cause_and_remedy_are_in_the_first_screen(page: Page, tmp_path: Path) -> None:
    page.open("about:blank")
    page.resize(1440)
    page.open(written(tmp_path, "fail").as_uri())
    bottom = "[...document.querySelectorAll('.answers > div')].map((one) => one.getBoundingClientRect().bottom)"
    assert page.evaluate(f"Math.max(...{bottom})") < 900


def key(page: Page, name: str, text: str = "") -> None:
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, text=text if kind == "keyDown" else "")


def test_search_and_links_by_keyboard(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path, "fail").as_uri())
    shown = "[...document.querySelectorAll('main tbody tr')].filter((one) => one.checkVisibility()).length"
    before = page.evaluate(shown)
    key(page, "/", "/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.call("Input.insertText", text="swipe_deck server")
    page.wait_for("document.getElementById('found').textContent.endsWith('rows')")
    rows = "[...document.querySelectorAll('main tbody tr')].filter((one) => one.checkVisibility())"
    assert page.evaluate(f"{rows}.length > 2 && {rows}.every((one) => /swipe_deck/.test(one.textContent))")
    assert page.evaluate("document.querySelector('#facts').hidden")
    key(page, "Escape")
    assert page.evaluate(shown) == before
    assert page.evaluate("document.querySelectorAll('[data-hidden]').length") == 0
    assert not page.evaluate("document.querySelector('#generator > details').open")
    page.evaluate("location.hash = '#generator'")
    page.wait_for("document.querySelector('#generator > details').open")
    assert page.problems == []


def test_paper_shows_everything(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path, "pass").as_uri())
    closed = "document.querySelectorAll('main details:not([open])').length"
    before = page.evaluate(closed)
    assert before > 5
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(closed) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == before
