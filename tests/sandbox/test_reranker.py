"""The reranker of decks, switched on: it takes its time, and is left out when a deck says so."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from tests.sandbox.signed_in import Person, enter, sql

TAKES_S = 0.6


@pytest.fixture(scope="module", params=[0, round(TAKES_S * 1000)])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    switches = Switches.parse([f"reranker_ms={request.param}"])
    with Sandbox(SandboxOptions(people=10, catalogue=120, switches=switches)) as running:
        yield running


def deck(person: Person, **extras: Any) -> tuple[dict[str, Any], float]:
    begun = time.monotonic()
    reply = person.call("media-swipe-deck", {"sessionId": person.id, "mode": "combined", "limit": 6, **extras})
    assert reply.status_code == 200
    return dict(reply.json()), time.monotonic() - begun


def noted(sandbox: Sandbox, request: str) -> bool:
    """What each card's training row says of it."""
    statement = "select features from public.media_rank_feature_items_v2 where rec_request_id = $1::uuid"
    rows = [json.loads(row["features"]) for row in sql(sandbox, statement, request)]
    assert rows
    (enabled,) = {bool(row["rerank_enabled"]) for row in rows}
    return enabled


@pytest.mark.parametrize("skipped", [False, True])
def test_a_deck_waits_for_it_unless_it_says_not_to(sandbox: Sandbox, skipped: bool) -> None:
    on = bool(sandbox.discovery["quirks"]["reranker_ms"])
    person = enter(sandbox, 3)
    made, seconds = deck(person, seed="one", **({"skipRerank": True} if skipped else {}))
    assert noted(sandbox, made["recRequestId"]) == (on and not skipped)
    if on and not skipped:
        assert seconds >= TAKES_S
