"""How long a presence channel waits for the list of who is there, which is counted and not read."""

from __future__ import annotations

import pytest

from harness.client.realtime.phoenix.channel import Channel
from harness.client.realtime.phoenix.events import Config
from harness.client.realtime.phoenix.generation import GENERATIONS, Generation
from harness.core.outcome import Outcome
from tests.client.realtime_stage import Stage

BOTH = pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
TOPIC = "realtime:presence:global"


def joined(stage: Stage, *, presence: bool) -> Channel:
    channel = Channel(stage.connection, TOPIC, Config(presence_key="me", label="presence"), presence=presence)
    stage.connection.add(channel)
    channel.subscribe()
    stage.run(0.1)
    assert channel.joined
    return channel


def waits(stage: Stage) -> list[float]:
    return [round(seconds, 1) for name, outcome, _, seconds, _ in stage.attempts if name == "realtime_presence"]


@BOTH
def test_a_list_that_comes_late_is_an_attempt_that_took_so_long(generation: Generation) -> None:
    stage = Stage(generation)
    joined(stage, presence=True)
    stage.run(6.0)
    for _ in range(2):  # only the first of a join is its answer
        stage.peer.say(TOPIC, "presence_state", {"me": {"metas": []}})
        stage.run(0.1)
    assert waits(stage) == [6.1]
    assert stage.outcomes("realtime_presence") == [(Outcome.OK, "")]


@BOTH
def test_each_join_has_its_list(generation: Generation) -> None:
    stage = Stage(generation)
    joined(stage, presence=True)
    stage.peer.say(TOPIC, "presence_state", {})
    stage.run(0.1)
    stage.peer.drop()
    stage.run(30.0)
    stage.peer.say(TOPIC, "presence_state", {})
    stage.run(0.1)
    assert len(waits(stage)) == 2


@BOTH
def test_a_channel_that_asks_for_no_presence_waits_for_none(generation: Generation) -> None:
    stage = Stage(generation)
    joined(stage, presence=False)
    stage.peer.say(TOPIC, "presence_state", {})
    stage.run(0.1)
    assert waits(stage) == []
