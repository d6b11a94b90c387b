"""The switches: what can be asked for, what is refused, and what each does to a reply."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.interference import Interference
from sandbox.realtime import RealtimeSettings
from sandbox.switches import NAMES, REGISTRY, SwitchError, Switches, SwitchKind
from sandbox.switches.documentation import refreshed

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_the_default_is_as_shipped() -> None:
    assert Switches.parse([]) == Switches()
    assert not any(Switches().as_dict().values())
    assert not Interference.needed(Switches())


def test_the_documentation_lists_every_switch_as_declared() -> None:
    """Otherwise: `python -m sandbox.switches docs/sandbox.md`."""
    page = DOCUMENTATION.read_text(encoding="utf-8")
    assert refreshed(page) == page
    for switch in REGISTRY:
        assert page.count(f"| `{switch.name}` |") == 1, switch.name


def test_the_documentation_has_the_realtime_settings_defaults() -> None:
    """Each row of the table names its settings and their defaults in the same order."""
    shown: dict[str, int] = {}
    page = DOCUMENTATION.read_text(encoding="utf-8")
    for names, defaults in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([\d, ]+) \|", page, re.MULTILINE):
        shown |= dict(zip(re.findall(r"\w+", names), map(int, defaults.split(", ")), strict=True))
    assert shown == RealtimeSettings().as_dict()


def test_registry_and_fields_name_the_same_switches() -> None:
    assert tuple(Switches().as_dict()) == NAMES
    assert all(switch.effect and switch.source for switch in REGISTRY)


def test_values_are_parsed() -> None:
    switches = Switches.parse(["delay_deck_ms=900", "unique_client_id=on", "error_share=0.25", "delay_deck_ms=901"])
    assert switches.delay_deck_ms == 901
    assert switches.unique_client_id is True
    assert switches.error_share == 0.25


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("delay_dek_ms=1", "there is no quirk 'delay_dek_ms'; there are: delay_deck_ms, "),
        ("delay_deck_ms", "needs a value: delay_deck_ms=10"),
        ("delay_deck_ms=-1", "takes a whole number of 0 or more, not '-1'"),
        ("delay_deck_ms=1.5", "not '1.5'"),
        ("delay_deck_ms=²", "not '²'"),
        ("error_share=1.01", "takes a number from 0 to 1, not '1.01'"),
        ("error_share=nan", "not 'nan'"),
        ("unique_client_id=yes", "takes on or off, not 'yes'"),
    ],
)
def test_bad_assignments_say_what_would_be_right(text: str, expected: str) -> None:
    with pytest.raises(SwitchError, match="quirk") as caught:
        Switches.parse([text])
    assert expected in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_with_an_error_of_its_own(text: str) -> None:
    try:
        switches = Switches.parse([text])
    except SwitchError:
        return
    name = text.partition("=")[0].strip()
    assert name in switches.as_dict()


@given(st.sampled_from([switch for switch in REGISTRY if switch.kind is SwitchKind.COUNT]), st.integers(0, 10**9 - 1))
def test_counts_come_back_as_given(switch: Any, count: int) -> None:
    assert Switches.parse([f"{switch.name}={count}"]).as_dict()[switch.name] == count


async def _reply(layer: Interference, path: str, method: str = "POST") -> tuple[int, bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await layer({"type": "http", "path": path, "method": method, "headers": []}, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.mark.parametrize(
    ("switch", "path"),
    [
        ("delay_deck_ms", "/functions/v1/media-swipe-deck"),
        ("delay_feed_ms", "/rest/v1/rpc/get_home_feed_v2"),
        ("delay_message_ms", "/rest/v1/messages"),
    ],
)
def test_a_delay_slows_its_own_path_only(switch: str, path: str) -> None:
    layer = Interference(_application, switches=Switches.parse([f"{switch}=120"]), rng=random.Random(1))

    async def timed(at: str, method: str = "POST") -> float:
        started = time.perf_counter()
        status, _ = await _reply(layer, at, method)
        assert status == 200
        return time.perf_counter() - started

    async def measure() -> None:
        assert await timed(path) >= 0.12
        assert await timed(path, "GET") < 0.1
        assert await timed("/rest/v1/profiles") < 0.1

    asyncio.run(measure())


def test_the_gateway_answers_the_asked_share() -> None:
    layer = Interference(_application, switches=Switches(error_share=0.2), rng=random.Random(7))

    async def count(path: str) -> Counter[int]:
        return Counter([(await _reply(layer, path))[0] for _ in range(4000)])

    seen = asyncio.run(count("/functions/v1/media-swipe-event"))
    assert set(seen) == {200, 500, 503}
    # three standard deviations around 800 of 4,000
    assert 724 <= seen[500] + seen[503] <= 876
    assert seen[500] > 300
    assert seen[503] > 300
    assert asyncio.run(count("/auth/v1/token")) == {200: 4000}


def test_the_gateway_answers_html() -> None:
    layer = Interference(_application, switches=Switches(error_share=1), rng=random.Random(3))
    status, body = asyncio.run(_reply(layer, "/rest/v1/messages"))
    assert status in (500, 503)
    assert body.startswith(b"<html>")
