"""One channel: joins its topic, hears its news, rejoins as its client generation does. (pure)

A state machine without I/O: the connection it belongs to writes for it and turns its timers. Source: contract realtime
1.4, 1.5 and 1.8. Made by `RealtimeClient.channel`; after CLOSED it is of no more use, make a new one, as the app does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

from harness.client.realtime.phoenix import refusal
from harness.client.realtime.phoenix.codec import Frame, FrameKind, text
from harness.client.realtime.phoenix.events import (
    BroadcastEvent,
    Config,
    DatabaseChange,
    PresenceEvent,
    Sent,
    Status,
    SystemEvent,
)
from harness.client.realtime.phoenix.generation import Generation
from harness.client.realtime.phoenix.listeners import Listeners
from harness.client.realtime.phoenix.pushes import Done, Push, Pushes
from harness.client.realtime.phoenix.timer_wheel import Backoff, Timer, Wheel
from harness.core.outcome import Outcome

MISMATCH = "mismatch between server and client bindings for postgres changes"


class JoinState(Enum):
    """Of a channel, in the client's words."""

    CLOSED = "closed"
    JOINING = "joining"
    JOINED = "joined"
    ERRORED = "errored"


class Uplink(Protocol):
    """What a channel needs of its connection."""

    generation: Generation
    wheel: Wheel

    @property
    def connected(self) -> bool: ...
    @property
    def access_token(self) -> str | None: ...
    def new_ref(self) -> str: ...
    def push(self, channel: Channel, ref: str, event: str, payload: Mapping[str, Any]) -> None: ...
    def broadcast(self, channel: Channel, ref: str, event: str, payload: Mapping[str, Any] | bytes) -> None: ...
    def connect(self) -> None: ...
    def refresh_token(self) -> None: ...
    def detach(self, channel: Channel) -> None: ...
    def leaked(self) -> None: ...
    def tell(self, listener: Callable[..., object], *news: object) -> None: ...
    def report(self, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str) -> None: ...


class Channel:
    """One topic of one client.

    topic: with `realtime:` before it. join_ref: of the latest join. subscribed_at: monotonic seconds of the latest
    join reply; postgres_at: of the latest `Subscribed to PostgreSQL`; None before.
    """

    __slots__ = (
        "_awaits_state",
        "_connection",
        "_join_at",
        "_join_timer",
        "_join_token",
        "_join_written_at",
        "_listeners",
        "_notice",
        "_positions",
        "_presence",
        "_pushes",
        "_rejoin_timer",
        "_token",
        "_used",
        "config",
        "join_ref",
        "postgres_at",
        "state",
        "subscribed_at",
        "topic",
    )

    def __init__(self, connection: Uplink, topic: str, config: Config, *, presence: bool = False) -> None:
        self._connection = connection
        self.topic = topic
        self.config = config
        self.state = JoinState.CLOSED
        self.join_ref: str | None = None
        self.subscribed_at: float | None = None
        self.postgres_at: float | None = None
        self._used = False
        self._presence = presence
        self._awaits_state = False  # joined, and nobody has said who is there
        self._token: str | None = None
        self._join_token: str | None = None  # as it was when the join was made, perhaps before the socket was open
        self._positions: dict[int, int] = {}  # the server's number of a binding to its position
        self._join_at = 0.0
        self._join_written_at: float | None = None
        self._join_timer: Timer | None = None
        self._rejoin_timer = Backoff(connection.wheel, connection.generation.delay, self._rejoin_when_connected)
        self._pushes = Pushes(connection)
        self._listeners = Listeners()
        self._notice = ""  # the last error the server announced

    # ---- listeners ------------------------------------------------------------------------------------------

    def on_change(self, listener: Callable[[DatabaseChange], object]) -> None:
        """Called for every change, once per binding that matches. Without it changes are counted, not parsed."""
        self._listeners.change = listener

    def on_broadcast(self, event: str, listener: Callable[[BroadcastEvent], object]) -> None:
        """Called for broadcasts of `event`, whose case does not matter; `*` takes those that no other listener does."""
        self._listeners.add_broadcast(event, listener)

    def on_presence(self, listener: Callable[[PresenceEvent], object]) -> None:
        """Called for presence states and diffs. The join then asks for them."""
        self._listeners.presence = listener
        self._presence = True

    def on_status(self, listener: Callable[[Status, str], object]) -> None:
        """Called with what the client library reports, and the reason of an error."""
        self._listeners.status = listener

    def on_system(self, listener: Callable[[SystemEvent], object]) -> None:
        """Called for the server's notices."""
        self._listeners.system = listener

    def wants(self, event: str) -> bool:
        """Whether a frame of this event has to be parsed."""
        return self._listeners.wants(event)

    # ---- what the app does ----------------------------------------------------------------------------------

    @property
    def joined(self) -> bool:
        """Whether messages go out on the socket: the channel counts as joined and the socket is open."""
        return self.state is JoinState.JOINED and self._connection.connected

    def subscribe(self) -> Channel:
        """Join, and connect first when there is no socket. :raises RuntimeError: a second time."""
        if self._used:
            raise RuntimeError(f"{self.topic} has been subscribed before; make a new channel")
        self._used = True
        self._token = self._connection.access_token  # a fresh client's token is not there yet (contract realtime 1.4)
        self._connection.connect()
        self._rejoin()
        return self

    def send(self, event: str, payload: Mapping[str, Any] | bytes, done: Done | None = None) -> Sent:
        """Broadcast. `done` is called with the server's acknowledgement when the channel asks for it (`ack`).

        :raises ValueError: when the event's name does not fit into a binary frame (255 bytes).
        """
        if not self.joined:
            return Sent.REST
        ref = self._connection.new_ref()
        self._connection.broadcast(self, ref, event, payload)
        if self.config.ack:
            self._pushes.await_reply(ref, Push(event, {}, self._connection.wheel.clock(), done))
        elif done is not None:
            self._connection.tell(done, Outcome.OK, "")  # the client does not wait either
        return Sent.SOCKET

    def track(self, payload: Mapping[str, Any], done: Done | None = None) -> Sent:
        """Say that this person is here. Sent after the join when that is still to come."""
        return self._push("presence", {"type": "presence", "event": "track", "payload": payload}, done)

    def untrack(self, done: Done | None = None) -> Sent:
        """Say that this person is gone."""
        return self._push("presence", {"type": "presence", "event": "untrack"}, done)

    def _push(self, event: str, payload: Mapping[str, Any], done: Done | None) -> Sent:
        push = Push(event, payload, self._connection.wheel.clock(), done)
        if self.joined:
            self._write(push)
            return Sent.SOCKET
        self._pushes.keep(push)
        return Sent.BUFFERED

    def _write(self, push: Push) -> None:
        ref = self._connection.new_ref()
        self._connection.push(self, ref, push.event, push.payload)
        self._pushes.await_reply(ref, push)

    # ---- joining --------------------------------------------------------------------------------------------

    def _rejoin_when_connected(self) -> None:
        if self._connection.generation.rearms_rejoin:
            self._rejoin_timer.schedule()
        if self._connection.connected:
            self._rejoin()

    def _rejoin(self) -> None:
        self._join_token = self._token
        if self.state is JoinState.JOINING:  # still unanswered: the client takes itself for a second channel (defect c)
            self.leave()
            self._connection.leaked()
            self._connection.push(self, self._new_join_ref(), "phx_join", self._join_payload())
            return
        self.state = JoinState.JOINING
        now = self._connection.wheel.clock()
        self._join_at, self._join_written_at = now, None
        self._cancel_join_timer()
        self._join_timer = self._connection.wheel.after(
            self._connection.generation.join_timeout_s, self._join_timed_out
        )
        if self._connection.connected:
            self._write_join()

    def _write_join(self) -> None:
        self._join_written_at = self._connection.wheel.clock()
        ref = self._new_join_ref()
        self._connection.push(self, ref, "phx_join", self._join_payload())

    def _new_join_ref(self) -> str:
        self.join_ref = ref = self._connection.new_ref()
        return ref

    def _join_payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {"config": self.config.request(presence=self._presence)}
        if self._join_token is not None:
            payload["access_token"] = self._join_token
            if self._connection.generation.joins_say_version:
                payload["version"] = self._connection.generation.client
        return payload

    def _cancel_join_timer(self) -> None:
        if self._join_timer is not None:
            self._join_timer.cancel()
            self._join_timer = None

    def _report_join(self, outcome: Outcome, code: str, size: int = 0) -> None:
        at = self._join_at if self._join_written_at is None else self._join_written_at
        self._report("realtime_join", outcome, code, at=at, size=size)

    def _report(self, name: str, outcome: Outcome, code: str, *, at: float, size: int = 0) -> None:
        label = self.config.label
        now = self._connection.wheel.clock()
        self._connection.report(f"{name}_{label}" if label else name, outcome, at, now - at, size, code)

    def _join_timed_out(self) -> None:
        self._join_timer = None
        generation, connection = self._connection.generation, self._connection
        self._report_join(Outcome.TIMEOUT, "no reply" if self._join_written_at is not None else "not connected")
        if generation.leaves_on_timeout and connection.connected:
            connection.push(self, connection.new_ref(), "phx_leave", {})
            self.join_ref = None  # the answer to that leave is not for the next join
        self.state = JoinState.ERRORED
        self._plan_rejoin()
        self._say(Status.TIMED_OUT, "")

    def _plan_rejoin(self) -> None:
        if self._connection.generation.rearms_rejoin or self._connection.connected:
            self._rejoin_timer.schedule()

    def _join_answered(self, status: str, response: Any, at: float, size: int) -> None:
        if self._join_timer is None:
            return  # too late: given up, or answered before
        self._cancel_join_timer()
        if status != "ok":
            reason = refusal.reason_of(response)
            outcome, code = refusal.join(reason)
            self._report_join(outcome, code, size)
            self.state = JoinState.ERRORED
            self._plan_rejoin()
            self._say(Status.CHANNEL_ERROR, reason)
            return
        self._notice = ""
        self.state = JoinState.JOINED
        self.subscribed_at = at
        self._awaits_state = self._presence
        self._rejoin_timer.reset()
        for push in self._pushes.take_kept():
            self._write(push)
        self._connection.refresh_token()
        if not self._take_positions(response):
            self._report_join(Outcome.SERVER_ERROR, "binding_mismatch", size)
            self.leave(quiet=True)
            self._say(Status.CHANNEL_ERROR, MISMATCH)
            return
        self._report_join(Outcome.OK, "", size)
        self._say(Status.SUBSCRIBED, "")

    def _take_positions(self, response: Any) -> bool:
        """Learn the server's numbers for the bindings; False when it did not answer with the same ones."""
        answers = response.get("postgres_changes") if isinstance(response, dict) else None
        if answers is None:
            return True
        bindings = self.config.changes
        if not isinstance(answers, list) or len(answers) < len(bindings):
            return False
        self._positions = {}
        for position, (binding, answer) in enumerate(zip(bindings, answers, strict=False)):
            if not binding.echoed_by(answer):
                return False
            number = answer.get("id")
            if isinstance(number, int) and number:  # 0 is false in JavaScript and never matches
                self._positions.setdefault(number, position)
        return True

    # ---- what the connection tells --------------------------------------------------------------------------------

    def line_opened(self) -> None:
        """The socket is open: joins that waited for it go out, and the newer generation rejoins."""
        if self._join_timer is not None and self._join_written_at is None:
            self._write_join()
        elif self._connection.generation.rejoins_on_open:
            self._rejoin_timer.reset()
            if self.state is JoinState.ERRORED:
                self._rejoin()

    def line_failed(self, reason: str) -> None:
        """The socket is gone, or the server reports that the channel crashed."""
        if self.state is JoinState.CLOSED or not self._used:
            return
        newer = self._connection.generation.rejoins_on_open
        if newer and self.state is JoinState.ERRORED:
            return
        if self.state is JoinState.JOINING and self._join_written_at is not None:
            self._report_join(Outcome.NETWORK, reason)
        if newer or self._join_written_at is not None:  # the older one keeps an unsent join in its send buffer
            self._cancel_join_timer()
        self.state = JoinState.ERRORED
        self._plan_rejoin()
        self._say(Status.CHANNEL_ERROR, reason)

    def new_token(self, token: str) -> None:
        """The person's token changed: a joined channel passes it on, later joins carry it."""
        self._token = token
        if self.joined:
            self._connection.push(self, self._connection.new_ref(), "access_token", {"access_token": token})

    def leave(self, *, quiet: bool = False, twice: bool = False) -> None:
        """Close here at once; the server is told and its answer not awaited. twice: unsubscribed and then removed, of
        which each tells the server; so does the app with what it joins again at once, and nobody waits for its join.
        Any other join that was sent and has no answer was waited for in vain: an attempt that gave up."""
        if self.state is JoinState.CLOSED:
            self._connection.detach(self)
            return
        if self.state is JoinState.JOINING and self._join_written_at is not None and not twice:
            self._report_join(Outcome.GAVE_UP, "left")
        if self.join_ref is not None and self._connection.connected:
            for _ in range(2 if twice else 1):
                self._connection.push(self, self._connection.new_ref(), "phx_leave", {})
        self._closed(Status.CLOSED if not quiet else None, "leave")

    def discard(self) -> None:
        """The app is gone: a join under way is given up, no timer comes any more."""
        if self.state is JoinState.JOINING and self._join_timer is not None:
            self._report_join(Outcome.GAVE_UP, "client closed")
        self._closed(None, "")

    def _closed(self, status: Status | None, reason: str) -> None:
        self._cancel_join_timer()
        self._rejoin_timer.end()
        self.state = JoinState.CLOSED
        self._connection.detach(self)
        self._pushes.give_up()
        if status is not None:
            self._say(status, reason)

    # ---- what the server says -------------------------------------------------------------------------------

    def received(self, frame: Frame, at: float, size: int) -> None:
        """A parsed frame of this topic."""
        if frame.join_ref is not None and frame.join_ref != self.join_ref:
            return  # of an earlier join; only version 2.0.0 can tell
        match frame.kind:
            case FrameKind.CHANGE:
                tell = self._connection.tell
                self._listeners.tell_change(tell, frame.payload, self.config.changes, self._positions, at, size)
            case FrameKind.BROADCAST:
                self._listeners.tell_broadcast(self._connection.tell, frame.payload, at, size)
            case FrameKind.PRESENCE_STATE | FrameKind.PRESENCE_DIFF:
                self._listeners.tell_presence(self._connection.tell, frame, at, size)
            case FrameKind.REPLY:
                self._answered(frame, at, size)
            case FrameKind.SYSTEM:
                self._noticed(frame.payload, at)
            case FrameKind.CLOSE | FrameKind.ERROR if frame.ref is None or frame.ref == self.join_ref:
                self._ended(frame.kind)

    def _answered(self, frame: Frame, at: float, size: int) -> None:
        ref, payload = frame.ref, frame.payload
        status, response = payload.get("status"), payload.get("response")
        if ref is None:
            return
        if ref == self.join_ref:
            self._join_answered(text(status), response, at, size)
            return
        self._pushes.answered(ref, status, response)

    def _ended(self, kind: FrameKind) -> None:
        """The server closed the channel for good, or its process crashed."""
        now = self._connection.wheel.clock()
        if kind is FrameKind.ERROR:
            self._report("realtime_channel", Outcome.SERVER_ERROR, "channel_crash", at=now)
            self.line_failed("phx_error")
            return
        outcome, code = refusal.shutdown(self._notice)
        self._report("realtime_channel", outcome, code, at=now)
        self._closed(Status.CLOSED, self._notice or "phx_close")

    def _noticed(self, payload: Mapping[str, Any], at: float) -> None:
        status, message = text(payload.get("status")), text(payload.get("message"))
        notice = SystemEvent(status, message, text(payload.get("extension")), at)
        if status == "error":
            if notice.extension == "system":
                self._notice = message
            elif notice.extension == "postgres_changes":
                self._report("realtime_postgres", Outcome.SERVER_ERROR, "not_subscribed", at=self.subscribed_at or at)
        elif notice.subscribed_to_postgres:
            if self.postgres_at is None or self.postgres_at < (self.subscribed_at or 0.0):
                self._report("realtime_postgres", Outcome.OK, "", at=self.subscribed_at or at)
            self.postgres_at = at
        if self._listeners.system is not None:
            self._connection.tell(self._listeners.system, notice)

    def who_is_there(self, at: float, size: int) -> None:
        """The list of who is there came, which nobody reads. The server sends it after each join."""
        if self._awaits_state and self.subscribed_at is not None:
            self._awaits_state = False
            self._connection.report(
                "realtime_presence", Outcome.OK, self.subscribed_at, at - self.subscribed_at, size, ""
            )

    def _say(self, status: Status, reason: str) -> None:
        if self._listeners.status is not None:
            self._connection.tell(self._listeners.status, status, reason)
