"""One tab of a headless Chromium, driven through Playwright (an optional extra). It reaches loopback alone."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.egress.gate import host_of
from harness.trace.browser.script import ScriptAction

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-proxy-server",  # which would look up the names that this browser may not, and reach everybody
    "--no-first-run",
)
KEY_MS = 60
EXTRA = "in the harness's checkout: .venv/bin/pip install -e '.[trace]'"
HIDE = """state => {
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
  Object.defineProperty(document, "hidden", { configurable: true, get: () => state === "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
OPEN = """path => { history.pushState({}, "", path); dispatchEvent(new PopStateEvent("popstate", { state: {} })); }"""


class ElementMissing(Exception):
    """What the script waits for did not come."""


def browser_path(given: str | None) -> str:
    """:raises UsageError: there is no browser."""
    found = given or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or not Path(found).is_file():
        raise UsageError(
            "there is no Chromium" if given is None else f"there is no browser at {given}",
            where="harness trace record",
            remedy="install it (Debian: apt-get install chromium), or name it with --browser",
        )
    return found


def driver() -> Any:
    """Playwright's entry. :raises UsageError: the extra is not installed."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise UsageError(
            "recording drives a browser with Playwright, which is not installed",
            where="harness trace record",
            remedy=f"{EXTRA}; no browser has to be downloaded",
        ) from None
    return async_playwright


class BrowserTab:
    """The app in one tab. email, password: of whoever signs in."""

    def __init__(self, page: Any, url: str, email: str, password: str) -> None:
        self._page = page
        self._url = url
        self._texts = {"{email}": email, "{password}": password}

    async def do(self, action: ScriptAction) -> None:
        """:raises ElementMissing: what the action is for did not come."""
        from playwright.async_api import Error
        from playwright.async_api import TimeoutError as Late

        try:
            await self._do(action)
        except Late:
            raise ElementMissing(self._named(action)) from None
        except Error as error:
            raise UsageError(
                f"the browser could not do {self._named(action)}: {str(error).splitlines()[0]}",
                where="harness trace record --script",
            ) from None

    async def _do(self, action: ScriptAction) -> None:
        page = self._page
        if action.goto is not None:
            await page.goto(self._url + action.goto, wait_until="commit")
        elif action.open is not None:
            await page.evaluate(OPEN, action.open)
        elif action.click is not None:
            await page.locator(action.click).first.click()
        elif action.await_ is not None:
            await page.locator(action.await_).first.wait_for()
        elif action.press is not None:
            await page.keyboard.press(action.press)
        elif action.wait is not None:
            await page.wait_for_timeout(action.wait * 1000.0)
        elif action.online is not None:
            await page.context.set_offline(not action.online)
        elif action.shown is not None:
            await page.evaluate(HIDE, "visible" if action.shown else "hidden")
        else:
            await self._write(action)

    async def _write(self, action: ScriptAction) -> None:
        filled = action.fill or action.type
        assert filled is not None
        text = filled.text
        for name, own in self._texts.items():
            text = text.replace(name, own)
        field = self._page.locator(filled.field).first
        if action.fill is not None:
            await field.fill(text)
        else:
            await field.click()
            await field.press_sequentially(text, delay=KEY_MS)

    @staticmethod
    def _named(action: ScriptAction) -> str:
        """Without the text of a field."""
        filled = action.fill or action.type
        said = filled.field if filled else str(next(iter(action.model_dump(exclude_none=True, by_alias=True).items())))
        return said[:200]


def flags(app_url: str) -> list[str]:
    """Of a browser that knows no host but this machine and the app's."""
    here = dict.fromkeys(["127.0.0.1", "localhost", host_of(app_url)])
    rules = ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in here)])
    return [*FLAGS, f"--host-resolver-rules={rules}"]


@contextlib.asynccontextmanager
async def tab(executable: str, app_url: str, email: str, password: str, patience_s: float) -> AsyncIterator[BrowserTab]:
    """A fresh profile; gone afterwards."""
    async with driver()() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=flags(app_url))
        try:
            page = await (await browser.new_context()).new_page()
            page.set_default_timeout(patience_s * 1000.0)
            yield BrowserTab(page, app_url, email, password)
        finally:
            await browser.close()
