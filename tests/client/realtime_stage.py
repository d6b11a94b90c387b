"""A connection on a clock that a test turns by hand, and a peer whose manners the test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from harness.client.realtime.phoenix.channel import Channel
from harness.client.realtime.phoenix.connection import UNANSWERED, Ending, Handle, PhoenixConnection
from harness.client.realtime.phoenix.events import Binding, Config, Status
from harness.client.realtime.phoenix.generation import Generation
from harness.client.realtime.phoenix.stats import Stats
from harness.client.realtime.phoenix.timer_wheel import Wheel
from harness.core.outcome import Outcome

LATENCY_S = 0.001
"""One way, and for the handshake."""


@dataclass
class Said:
    """One message of the client."""

    at: float
    topic: str
    event: str
    payload: Any
    ref: str | None
    join_ref: str | None


class Peer:
    """One socket of the stage's server. alive: still forwards bytes both ways."""

    def __init__(self, stage: Stage, connection: PhoenixConnection) -> None:
        self.stage, self.connection = stage, connection
        self.over = False
        self.alive = True
        self.close_code: int | None = None
        self.said: list[Said] = []

    # ---- the connection's side --------------------------------------------------------------------------------------

    def write(self, data: bytes, *, binary: bool) -> None:
        parts = orjson.loads(data) if not binary else [None, None, "", "broadcast", {}]
        if isinstance(parts, list):
            said = Said(self.stage.now, parts[2], parts[3], parts[4], parts[1], parts[0])
        else:
            event = parts["event"]
            said = Said(self.stage.now, parts["topic"], event, parts["payload"], parts["ref"], parts.get("join_ref"))
        self.said.append(said)
        if self.alive:
            self.stage.after(LATENCY_S, lambda: self.stage.answer(self, said))

    def close(self, code: int | None, reason: str, wait_s: float) -> None:
        self.close_code = code
        if self.alive and self.stage.answers_close:
            self.stage.after(LATENCY_S, lambda: self.end(Ending(Outcome.NETWORK, "closed_1000")))
        else:
            self.stage.after(wait_s, lambda: self.end(Ending(Outcome.TIMEOUT, UNANSWERED)))

    def abort(self, code: str) -> None:
        self.end(Ending(Outcome.NETWORK, code))

    # ---- the server's side --------------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        if not self.over:
            self.over = True
            self.connection.closed(self, ending)

    def drop(self, code: str = "closed_1006") -> None:
        """The server is gone."""
        self.end(Ending(Outcome.NETWORK, code))

    def say(self, topic: str, event: str, payload: Any, ref: str | None = None, join_ref: str | None = None) -> None:
        if self.over or not self.alive:
            return
        if self.connection.generation.version == "2.0.0":
            data = orjson.dumps([join_ref, ref, topic, event, payload])
        else:
            data = orjson.dumps({"event": event, "payload": payload, "ref": ref, "topic": topic})
        self.connection.received(data, self.stage.now, binary=False)

    def reply(self, to: Said, response: Any, status: str = "ok") -> None:
        self.say(to.topic, "phx_reply", {"status": status, "response": response}, to.ref, to.join_ref)


class Stage:
    """Carrier, observer and clock of one connection.

    accepts: whether connects succeed; None: they are never answered. joins: "ok", "silent", or an error's reason.
    join_delay_s: before a join is answered. beats: heartbeats are answered. answers_close: close frames are.
    """

    def __init__(
        self, generation: Generation, *, token: str | None = None, later: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.now = 1000.0
        self.wheel = Wheel(lambda: self.now)
        self.accepts: bool | None = True
        self.joins = "ok"
        self.join_delay_s = 0.0
        self.beats = True
        self.answers_close = True
        self.token = token
        self.peers: list[Peer] = []
        self.unanswered: list[Peer] = []
        self.connects: list[float] = []
        self.attempts: list[tuple[str, Outcome, float, float, str]] = []
        self.problems: list[BaseException] = []
        self.connection = PhoenixConnection(
            self, self.wheel, generation, self, lambda: self.token, stats=Stats(), later=later
        )

    # ---- time -----------------------------------------------------------------------------------------------

    def after(self, seconds: float, action: Any) -> None:
        self.wheel.after(seconds, action)

    def run(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while (due := self.wheel.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.wheel.advance()
        self.now = end

    # ---- carrier and observer -------------------------------------------------------------------------------

    def open(self, connection: PhoenixConnection) -> Handle:
        self.connects.append(self.now)
        peer = Peer(self, connection)
        if self.accepts:
            self.peers.append(peer)
            self.after(LATENCY_S, lambda: None if peer.over else connection.opened(peer))
        elif self.accepts is not None:
            self.after(LATENCY_S, lambda: peer.end(Ending(Outcome.QUOTA, "too_many_connections")))
        else:
            self.unanswered.append(peer)
        return peer

    def connected(self, at: float, seconds: float) -> None:
        """Nobody looks."""

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None:
        assert method == "WS"
        assert seconds >= 0
        self.attempts.append((name, outcome, at, seconds, code))

    def problem(self, error: BaseException) -> None:
        self.problems.append(error)

    def outcomes(self, name: str) -> list[tuple[Outcome, str]]:
        return [(outcome, code) for found, outcome, _, _, code in self.attempts if found == name]

    # ---- the server -----------------------------------------------------------------------------------------

    def answer(self, peer: Peer, said: Said) -> None:
        if said.event == "heartbeat" and self.beats:
            peer.reply(said, {})
        elif said.event == "phx_leave":
            peer.reply(said, {})
            peer.say(said.topic, "phx_close", {}, said.join_ref, said.join_ref)
        elif said.event == "presence":
            peer.reply(said, {})
        elif said.event == "phx_join" and self.joins != "silent":
            self.after(self.join_delay_s, lambda: self._joined(peer, said))

    def _joined(self, peer: Peer, said: Said) -> None:
        if self.joins != "ok":
            peer.reply(said, {"reason": self.joins}, "error")
            return
        bindings = said.payload["config"]["postgres_changes"]
        peer.reply(said, {"postgres_changes": [{**binding, "id": 7 + n} for n, binding in enumerate(bindings)]})

    # ---- what tests look at ---------------------------------------------------------------------------------

    @property
    def peer(self) -> Peer:
        return self.peers[-1]

    def said(self, event: str) -> list[Said]:
        return [said for peer in self.peers for said in peer.said if said.event == event]

    def times(self, event: str, since: float) -> list[float]:
        """When the client said this, in seconds after `since`."""
        return [round(said.at - since, 2) for said in self.said(event) if said.at >= since]

    def channel(self, name: str = "a", *bindings: Binding, **config: Any) -> Watched:
        return Watched(self, f"realtime:{name}", Config(bindings, **config))


class Watched:
    """A channel whose statuses are written down."""

    def __init__(self, stage: Stage, topic: str, config: Config) -> None:
        self.stage = stage
        self.channel = Channel(stage.connection, topic, config)
        stage.connection.add(self.channel)
        self.statuses: list[tuple[float, Status, str]] = []
        self.channel.on_status(lambda status, reason: self.statuses.append((stage.now, status, reason)))

    def subscribe(self) -> Watched:
        self.channel.subscribe()
        return self

    def joined(self) -> Watched:
        """Subscribe and have it answered."""
        self.subscribe()
        self.stage.run(0.1)
        assert self.words == [Status.SUBSCRIBED]
        return self

    @property
    def words(self) -> list[Status]:
        return [status for _, status, _ in self.statuses]

    def when(self, status: Status, since: float) -> list[float]:
        return [round(at - since, 2) for at, told, _ in self.statuses if told is status and at >= since]
