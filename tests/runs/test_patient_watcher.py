"""Whoever watches a run may stand still; the run does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from harness.run.patient_watcher import LAST_LINES_S, MOST_LINES, patient


class Stuck:
    """A terminal after Ctrl-S."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.shown: list[str] = []

    def stage(self, text: str) -> None:
        self.goes_on.wait(60)
        self.shown.append(text)

    def problem(self, text: str) -> None:
        self.stage(text)

    def progress(self, facts: Mapping[str, Any]) -> None:
        self.stage(str(facts["at_s"]))


def test_a_watcher_that_stands_still_is_not_waited_for() -> None:
    stuck = Stuck()
    begun = time.monotonic()
    with patient(stuck) as watcher:
        for number in range(3 * MOST_LINES):
            watcher.progress({"at_s": number})
            watcher.stage("x")
    assert time.monotonic() - begun < LAST_LINES_S + 20
    assert stuck.shown == []
    stuck.goes_on.set()


def test_what_is_shown_comes_in_order_and_whole() -> None:
    lively = Stuck()
    lively.goes_on.set()
    with patient(lively) as watcher:
        watcher.stage("one")
        watcher.problem("two")
        watcher.later(lambda: lively.shown.append("three"))
    assert lively.shown == ["one", "two", "three"]
