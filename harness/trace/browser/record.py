"""Records the real app: tap in front of the target, app in front of the tap, browser in front of the app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from time import monotonic

from harness.core.errors import TargetError, UsageError
from harness.core.people import People, Secrets
from harness.core.resolved_target import ResolvedTarget
from harness.egress.gate import Gate
from harness.trace.browser.app import serving
from harness.trace.browser.chromium import BrowserTab, ElementMissing, browser_path, driver, tab
from harness.trace.browser.script import BrowserScript, ScriptFlow
from harness.trace.model import TraceFlow, TraceRecording
from harness.trace.tap import RecordingProxy

APP_PORT = 5173
"""Vite's; the app's functions allow it as an origin on localhost."""
SETTLE_S = 0.3
"""After a flow's last action; scripts wait as long as they want to see more."""


def record(
    app: str,
    script: BrowserScript,
    target: ResolvedTarget,
    *,
    person: int = 0,
    browser: str | None = None,
    port: int = 0,
    app_port: int = APP_PORT,
    told: Callable[[str], None] = lambda text: None,
) -> TraceRecording:
    """port: of the tap; an app that was built before has to have been built for it. app_port: of the app's
    own origin.

    :raises UsageError: no Playwright, no browser, no app, or the app has not what the script needs.
    """
    driver()
    executable = browser_path(browser)
    if not target.password:
        raise TargetError(
            "the browser signs in with a password, and this target names none",
            where=target.name,
            remedy="name people.password_env in the target file",
        )
    return asyncio.run(_recorded(app, script, target, person, executable, (port, app_port), told))


async def _recorded(
    app: str,
    script: BrowserScript,
    target: ResolvedTarget,
    person: int,
    executable: str,
    ports: tuple[int, int],
    told: Callable[[str], None],
) -> TraceRecording:
    gate = Gate(target.reach)
    proxy = RecordingProxy(target.url, gate=gate, port=ports[0])
    await proxy.start()
    secrets = Secrets(target.anon_key, target.password)
    email = People(target.email_pattern, person + 1, secrets).person(person).email
    ahead = time.time() - monotonic()
    flows: list[TraceFlow] = []
    try:
        async with (
            serving(app, proxy.url, target.anon_key.reveal(), gate, ports[1]) as url,
            tab(executable, url, email, target.password.reveal(), script.patience) as page,
        ):
            for flow in script.flow:
                told(f"recording {flow.name}")
                begin = monotonic()
                if not await _done(page, flow) or flow.name.startswith("_"):
                    continue
                await asyncio.sleep(SETTLE_S)
                events = tuple(sent.event for sent in proxy.events(begin, monotonic()))
                flows.append(TraceFlow(flow.name, events, begin + ahead, monotonic() - begin))
    finally:
        await proxy.stop()
    return TraceRecording(tuple(flows), words=dict(proxy.cleaner.words))


async def _done(page: BrowserTab, flow: ScriptFlow) -> bool:
    """Whether the flow could be done; an optional one may not be."""
    for action in flow.do:
        try:
            await page.do(action)
        except ElementMissing as error:
            if flow.optional:
                return False
            raise UsageError(
                f"the app did not show {error}",
                where=f"harness trace record, flow {flow.name}",
                remedy="look at the script (--script): it has to fit this build of the app",
            ) from None
    return True
