"""A phone on the virtual clock whose target answers everything well, a twentieth of a second later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import orjson

from harness.client.api.calls import SWIPE_EVENTS
from tests.client.stage import Heard, usual
from tests.client.virtual import Sent, VirtualPhone, World

TRACES = Path(__file__).parents[1] / "data" / "traces"
EVENTS = SWIPE_EVENTS.path


def answer(sent: Sent) -> None:
    """As a healthy target."""
    heard = Heard(sent.method, sent.path, {}, sent.json, sent.at)
    status, body = usual(heard, 0)[:2]
    sent.answer(body, status)


def answered(world: World, number: int = 0) -> VirtualPhone:
    """A signed-in phone of that world."""
    phone = world.phone(number).signed_in()
    phone.server = answer
    return phone


def meanwhile(world: World, work: Coroutine[Any, Any, Any], seconds: float) -> None:
    """Begin something, and let time pass."""
    task = world.loop.create_task(work)
    world.loop.sleep(seconds)
    if task.done():
        task.result()


def kinds(sent: Sent) -> list[str]:
    """The types of the events that a request carries."""
    return [event["eventType"] for item in sent.json["items"] for event in item["events"]]


def endpoints(requests: list[Sent]) -> Counter[str]:
    """How many went where."""
    return Counter(f"{sent.method} {sent.path.partition('?')[0]}" for sent in requests)


def flow(name: str, *, more: bool = False) -> list[dict[str, Any]]:
    """The lines of one flow of the real client's recording."""
    path = TRACES / ("real-client-more.jsonl" if more else "real-client.jsonl")
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    begins = next(place for place, line in enumerate(lines) if line["event"] == "flow" and line["flow"] == name)
    ends = next(
        (place for place, line in enumerate(lines) if place > begins and line["event"] == "flow"),
        len(lines),
    )
    return lines[begins + 1 : ends]


def batches(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Its requests that carried swipe events."""
    return [line for line in lines if line["event"] == "request" and line["method"] == "POST" and EVENTS in line["url"]]
