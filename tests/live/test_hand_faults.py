"""Faults by hand, through a real proxy before a real server: on, off by themselves, off at a run's end, recorded."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.config.load import load_profile
from harness.core.fault_record import CHAOS
from harness.run.hand_faults import HandFaults
from harness.run.proxy_conductor import Fronted, fronted


class Told:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.problems: list[str] = []

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def progress(self, facts: Mapping[str, Any]) -> None:
        return None

    def problem(self, text: str) -> None:
        self.problems.append(text)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def front(told: Told) -> Iterator[Fronted]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    nothing_planned = load_profile("smoke").timeline(1)
    with fronted(f"http://127.0.0.1:{server.server_port}", nothing_planned, None, told, by_hand=True) as made:
        yield made
    server.shutdown()
    server.server_close()
    thread.join(10)


def hand(front: Fronted, folder: Path) -> HandFaults:
    assert front.hand is not None
    front.begin(time.time(), folder)
    return front.hand


def took(front: Fronted) -> float:
    begun = time.monotonic()
    assert httpx.get(front.url, timeout=20, trust_env=False).text == "ok"
    return time.monotonic() - begun


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / CHAOS).read_text().splitlines()]


def test_it_is_on_for_its_time_and_off_by_itself(front: Fronted, told: Told, tmp_path: Path) -> None:
    faults = hand(front, tmp_path)
    faults.ask("by-hand-1", "slow", 5.0)
    assert took(front) >= 0.25
    deadline = time.monotonic() + 30
    while not faults.windows and time.monotonic() < deadline:
        time.sleep(0.05)
    (window,) = faults.windows
    assert (window.entry, window.fault, window.judged) == ("by-hand-1", "latency", True)
    assert window.end_s - window.start_s >= 4.9
    assert [(line["event"], line["why"]) for line in lines(tmp_path)] == [("start", "plan"), ("end", "plan")]
    assert lines(tmp_path)[1]["hits"] >= 1
    assert "by-hand-1 (latency)" in faults.note
    assert told.problems == []


def test_it_ends_when_somebody_says_so_and_when_the_run_ends(front: Fronted, told: Told, tmp_path: Path) -> None:
    faults = hand(front, tmp_path)
    faults.ask("by-hand-1", "slow", 100.0)
    faults.ask("by-hand-2", "errors", 100.0)
    faults.end("by-hand-1")
    faults.end("by-hand-1")
    faults.end("by-hand-9")
    front.clear()
    events = [(line["entry"], line["event"], line["why"]) for line in lines(tmp_path)]
    assert events == [
        ("by-hand-1", "start", "plan"),
        ("by-hand-2", "start", "plan"),
        ("by-hand-1", "end", "plan"),
        ("by-hand-2", "end", "abort"),
    ]
    assert [window.entry for window in faults.windows] == ["by-hand-1", "by-hand-2"]
    assert httpx.get(front.url, timeout=20, trust_env=False).status_code == 200, "nothing is left on"


def test_what_cannot_be_is_told_and_changes_nothing(front: Fronted, told: Told, tmp_path: Path) -> None:
    faults = hand(front, tmp_path)
    faults.ask("by-hand-1", "rm -rf", 5.0)
    faults.ask("by-hand-1", "slow", 1e6)
    assert len(told.problems) == 2
    for number in range(5):
        faults.ask(f"by-hand-{number}", "slow", 60.0)
    assert len(told.problems) == 3, "four at once, no more"
    faults.clear()
    assert len(faults.windows) == 4


def test_without_the_option_nobody_has_it(told: Told) -> None:
    with fronted("http://127.0.0.1:9", load_profile("smoke").timeline(1), None, told) as plain:
        assert plain.hand is None
        assert plain.url == "http://127.0.0.1:9"
