"""One client's connection state: connect, heartbeat, reconnect, and the channels on it. (pure)

A state machine without I/O: sockets are made by an injected `Carrier`, timers turn on an injected wheel. It does what
the imitated generation does, defects included. Source: contract realtime 1.7 and 1.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.client.realtime.phoenix import codec
from harness.client.realtime.phoenix.channel import Channel
from harness.client.realtime.phoenix.codec import PHOENIX, Buffer, FrameKind
from harness.client.realtime.phoenix.generation import Generation
from harness.client.realtime.phoenix.heartbeat import HEARTBEAT_TIMEOUT, Heartbeat
from harness.client.realtime.phoenix.stats import Stats
from harness.client.realtime.phoenix.tally import FrameTally
from harness.client.realtime.phoenix.timer_wheel import Backoff, Timer, Wheel
from harness.core.outcome import Outcome

FALLBACK_S = 0.1
"""How soon after a heartbeat timeout the older generation plans a reconnect, close answered or not."""
NORMAL, GOING_AWAY = 1000, 1001
OFFLINE, RESET = "offline", "reset"
"""The codes of a socket that broke because the network went, or under a network that stayed."""
UNANSWERED = "close unanswered"
"""The code of a socket whose peer did not answer our close frame: half-open, most likely."""
APP_CLOSE_WAIT_S = 1.0
"""How long a closed app's socket is kept for the answer to its close frame."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a socket, or the try to open one, ended."""

    outcome: Outcome
    code: str
    offline: bool = False  # the phone had no network: no packet left


class Handle(Protocol):
    """A socket, or the try to open one. After `abort`, `PhoenixConnection.closed` is told within the call or soon."""

    @property
    def over(self) -> bool: ...
    def write(self, data: bytes, *, binary: bool) -> None: ...
    def close(self, code: int | None, reason: str, wait_s: float) -> None: ...
    def abort(self, code: str) -> None: ...


class Carrier(Protocol):
    """Who makes sockets. They report to `opened`, `received` and, once each, `PhoenixConnection.closed`."""

    def open(self, connection: PhoenixConnection) -> Handle: ...


class Reporter(Protocol):
    """The part of the phone's observer that is needed here; names begin with `realtime_`, the method is WS."""

    def attempt(
        self, method: str, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str
    ) -> None: ...

    def problem(self, error: BaseException) -> None: ...


Through = Callable[[Callable[[float], None], float], None]
"""Given what takes a message in, told when it came, and when it was read from the network."""


class PhoenixConnection:
    """One client's connection to the server. `token` gives the person's access token, None while signed out."""

    __slots__ = (
        "_backoff",
        "_carrier",
        "_closed",
        "_connect_at",
        "_dropped_at",
        "_empty_timer",
        "_handle",
        "_heartbeat",
        "_hidden",
        "_later",
        "_observer",
        "_open",
        "_ref",
        "_tally",
        "_timed_out",
        "_timed_out_at",
        "_token",
        "_wanted",
        "access_token",
        "channels",
        "generation",
        "stats",
        "through",
        "wheel",
    )

    def __init__(
        self,
        carrier: Carrier,
        wheel: Wheel,
        generation: Generation,
        observer: Reporter,
        token: Callable[[], str | None],
        *,
        stats: Stats,
        tally: FrameTally | None = None,
        later: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """later: seconds added to each wait before connecting anew, drawn each time; none as shipped."""
        self._later = later
        self.wheel = wheel
        self.generation = generation
        self.stats = stats
        self.channels: dict[str, Channel] = {}
        self.access_token: str | None = None
        self.through: Through | None = None  # what messages pass on their way in; None: nothing
        self._carrier = carrier
        self._observer = observer
        self._token = token
        self._tally = tally
        self._handle: Handle | None = None
        self._open = False
        self._wanted = False  # the app has not asked for the end of the socket
        self._closed = False
        self._hidden = False
        self._ref = generation.first_ref - 1
        self._connect_at = 0.0
        self._dropped_at: float | None = None
        self._backoff = Backoff(wheel, self._delay, self._reconnect)
        self._heartbeat = Heartbeat(self)
        self._timed_out: Handle | None = None  # closed by us for a heartbeat timeout, its end not yet known
        self._timed_out_at = 0.0
        self._empty_timer: Timer | None = None

    # ---- what channels need ---------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether there is an open socket."""
        return self._open

    def _opens(self, open_: bool) -> None:
        self.stats.sockets += open_ - self._open
        self._open = open_

    def new_ref(self) -> str:
        """The next number of this client."""
        self._ref += 1
        return str(self._ref)

    def push(self, channel: Channel, ref: str, event: str, payload: Mapping[str, Any]) -> None:
        """Write a channel's message on the open socket."""
        if event == "phx_join":
            self.stats.joins += 1
        self._write(codec.encode(self.generation.version, channel.join_ref, ref, channel.topic, event, payload))

    def broadcast(self, channel: Channel, ref: str, event: str, payload: Mapping[str, Any] | bytes) -> None:
        """Write a broadcast on the open socket. :raises ValueError: as `codec.encode_broadcast`."""
        version, join_ref = self.generation.version, channel.join_ref or ""
        data, binary = codec.encode_broadcast(version, join_ref, ref, channel.topic, event, payload)
        self._write(data, binary=binary)

    def _write(self, data: bytes, *, binary: bool = False) -> None:
        if self._handle is not None and self._open:
            self.stats.sent(len(data))
            self._handle.write(data, binary=binary)

    def detach(self, channel: Channel) -> None:
        """The channel is closed."""
        if self.channels.get(channel.topic) is channel:
            del self.channels[channel.topic]
            self.stats.held(len(channel.config.changes), -1)

    def leaked(self) -> None:
        """A join goes out that nobody will listen to."""
        self.stats.leaked_joins += 1

    def tell(self, listener: Callable[..., object], *news: object) -> None:
        """Call a listener; what it raises is its own problem and not the socket's."""
        try:
            listener(*news)
        except Exception as error:
            self._observer.problem(error)

    def report(self, name: str, outcome: Outcome, at: float, seconds: float, size: int, code: str) -> None:
        """One attempt is over."""
        if outcome is Outcome.OK and name.startswith("realtime_join"):
            self.stats.joined += 1
        self._observer.attempt("WS", name, outcome, at, seconds, size, code)

    # ---- what the app does ----------------------------------------------------------------------------------

    def add(self, channel: Channel) -> None:
        """:raises ValueError: for a topic that has a channel already."""
        if channel.topic in self.channels:
            raise ValueError(f"{channel.topic} has a channel already; remove that one first")
        if self._closed:
            raise RuntimeError("this client is closed; make a new one")
        self.channels[channel.topic] = channel
        self.stats.held(len(channel.config.changes), 1)
        if self._empty_timer is not None:
            self._empty_timer.cancel()
            self._empty_timer = None

    def remove(self, channel: Channel, *, twice: bool = False) -> None:
        """Leave a channel. With the last one the socket goes too, sooner or later."""
        channel.leave(twice=twice)
        if not self.channels and not self._closed and self._empty_timer is None:
            self._empty_timer = self.wheel.after(self.generation.empty_close_s, self._close_empty)

    def connect(self) -> None:
        """Open a socket unless there is one or will be one."""
        self._wanted = True
        if self._closed or (self._handle is not None and not self._orphaning):
            return
        now = self.wheel.clock()
        self._connect_at = now
        self.stats.connects += 1
        if self._dropped_at is not None:
            self.stats.reconnect(now, now - self._dropped_at)
        self._opens(False)
        self._handle = self._carrier.open(self)

    @property
    def _orphaning(self) -> bool:
        """Whether the socket is one that the older generation closed and will not wait for."""
        return self._handle is self._timed_out and self.generation.gone_checks_s is None

    def refresh_token(self) -> None:
        """Ask for the person's token, as the client does when it connects, joins and sends a heartbeat."""
        token = self._token()
        if token is not None:
            self.set_token(token)

    def set_token(self, token: str) -> None:
        """The person has this token now; joined channels pass it on when it is new."""
        if token == self.access_token:
            return
        self.access_token = token
        for channel in tuple(self.channels.values()):
            channel.new_token(token)

    def network_lost(self) -> None:
        """Sockets break, what is tried fails. The client tries on, as it would."""
        self._break(OFFLINE)

    def reset(self) -> None:
        """Sockets break, the network stays."""
        self._break(RESET)

    def _break(self, code: str) -> None:
        for handle in (self._handle, self._timed_out):
            if handle is not None and not handle.over:
                handle.abort(code)

    def hidden(self) -> None:
        """The page is in the background."""
        self._hidden = True

    def visible(self) -> None:
        """The page is back on screen."""
        self._hidden = False
        if self.generation.waits_while_hidden and self._wanted and self._handle is None:
            self.connect()

    def close(self) -> None:
        """The app is gone: nothing is joined, tried or answered any more. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for channel in tuple(self.channels.values()):
            channel.discard()
        self._disconnect(GOING_AWAY)
        # All of these know it as it knows them, and what still comes is for none of them.
        self._backoff.end()
        self._heartbeat.end()
        del self._carrier

    def _close_empty(self) -> None:
        self._empty_timer = None
        if not self.channels:
            self._disconnect(None)

    def _disconnect(self, code: int | None) -> None:
        self._wanted = False
        self._dropped_at = None
        self._backoff.reset()
        self._heartbeat.stop()
        self._heartbeat.forget()
        if self._empty_timer is not None:
            self._empty_timer.cancel()
            self._empty_timer = None
        handle, was_open, self._handle = self._handle, self._open, None
        self._opens(False)
        if handle is not None:
            if not was_open and handle is not self._timed_out:
                self._report_connect(Ending(Outcome.GAVE_UP, "client closed"))
            handle.close(code, "", APP_CLOSE_WAIT_S if self._closed else self.generation.close_wait_s)
        if self._closed and self._timed_out is not None and not self._timed_out.over:
            self._timed_out.abort(OFFLINE)

    # ---- what sockets tell ----------------------------------------------------------------------------------

    def opened(self, handle: Handle) -> None:
        """The handshake is done."""
        if handle is not self._handle:
            return
        now = self.wheel.clock()
        self._opens(True)
        self._timed_out = None if self._timed_out is None or self._timed_out.over else self._timed_out
        self._dropped_at = None
        self.stats.opened += 1
        self._observer.attempt("WS", "realtime_connect", Outcome.OK, self._connect_at, now - self._connect_at, 0, "")
        self._backoff.reset()
        self._heartbeat.start()
        self.refresh_token()  # asked for when it connected, here since about then
        for channel in tuple(self.channels.values()):
            channel.line_opened()

    def held_back(self, handle: Handle, seconds: float) -> None:
        """Our own limits kept the try to open this socket waiting: not the server's time."""
        if handle is self._handle:
            self._connect_at += seconds

    def closed(self, handle: Handle, ending: Ending) -> None:
        """A socket, or the try to open one, has ended."""
        orphan = handle is not self._handle
        if orphan and handle is not self._timed_out:
            return  # we asked for it
        if handle is self._timed_out:
            if self.generation.gone_checks_s is not None:
                return  # noticed at the next look
            self._timed_out = None
            if ending.code == UNANSWERED:
                self._report_half_open()
        else:
            self._report_end(ending)
        if not orphan:
            self._handle = None
            self._opens(False)
            self._heartbeat.stop()
            self._drop()
        self._fail_channels(ending.code)
        if self._wanted:
            self._backoff.schedule()

    def _report_end(self, ending: Ending) -> None:
        if self._open:
            self.stats.drops += 1
            outcome = Outcome.GAVE_UP if ending.code == OFFLINE else ending.outcome  # the phone, not the target
            self._observer.attempt("WS", "realtime_drop", outcome, self.wheel.clock(), 0.0, 0, ending.code)
        else:
            self._report_connect(ending)

    def _report_connect(self, ending: Ending) -> None:
        if not ending.offline:
            lasted = self.wheel.clock() - self._connect_at
            self._observer.attempt("WS", "realtime_connect", ending.outcome, self._connect_at, lasted, 0, ending.code)

    def _drop(self) -> None:
        if self._dropped_at is None:
            self._dropped_at = self.wheel.clock()

    def _fail_channels(self, reason: str) -> None:
        for channel in tuple(self.channels.values()):
            channel.line_failed(reason)

    def wants(self, topic: str, event: str) -> bool:
        """Whether a frame has to be parsed."""
        channel = self.channels.get(topic)
        if channel is not None:
            return channel.wants(event)
        return topic == PHOENIX

    def received(self, data: Buffer, at: float, *, binary: bool) -> None:
        """One whole message, read from the network at `at`. Frames of an orphaned socket count as well."""
        if self.through is None:
            self._take(data, at, binary=binary)
        else:
            self.through(lambda when: self._take(data, when, binary=binary), at)

    def _take(self, data: Buffer, at: float, *, binary: bool) -> None:
        frame = codec.decode(self.generation.version, data, binary=binary, wants=self.wants)
        kind, size = frame.kind, len(data)
        self.stats.received(kind, size)
        if self._tally is not None:
            self._tally.add(kind, size, at)
        if kind is FrameKind.MALFORMED:
            self._observer.attempt("WS", "realtime_frame", Outcome.SERVER_ERROR, at, 0.0, size, frame.detail)
        elif kind is FrameKind.HEARTBEAT:
            self._heartbeat.answered(frame.ref, at, size)
        elif kind is FrameKind.PRESENCE_STATE and (channel := self.channels.get(frame.topic)) is not None:
            channel.who_is_there(at, size)
            if frame.payload is not None:
                channel.received(frame, at, size)
        elif frame.payload is not None and (channel := self.channels.get(frame.topic)) is not None:
            channel.received(frame, at, size)

    # ---- reconnect ------------------------------------------------------------------------------------------

    def _delay(self, tries: int) -> float:
        return self.generation.delay(tries) + self.generation.reconnect_extra_s + self._later()

    def _reconnect(self) -> None:
        if not self._wanted or self._open or (self._hidden and self.generation.waits_while_hidden):
            return
        self.connect()

    # ---- heartbeat ------------------------------------------------------------------------------------------

    def send_heartbeat(self, ref: str) -> None:
        """Write one; the client looks for a new token on this occasion."""
        self._write(codec.encode(self.generation.version, None, ref, PHOENIX, "heartbeat", {}))
        self.refresh_token()

    def heartbeat_missed(self) -> None:
        """No answer in time: the client closes the socket, healthy or not."""
        handle = self._handle
        if handle is None:
            return
        now = self.wheel.clock()
        self.stats.drops += 1
        self._observer.attempt("WS", "realtime_drop", Outcome.TIMEOUT, now, 0.0, 0, HEARTBEAT_TIMEOUT)
        self._opens(False)
        self._timed_out = handle
        self._timed_out_at = now
        self._drop()
        checks = self.generation.gone_checks_s
        if checks is not None:
            self._fail_channels(HEARTBEAT_TIMEOUT)
        handle.close(NORMAL, HEARTBEAT_TIMEOUT, self.generation.close_wait_s)
        if checks is None:
            self.wheel.after(FALLBACK_S, self._fall_back)
        else:
            self._look_after(checks)

    def _fall_back(self) -> None:
        if self._wanted and not self._open:
            self._backoff.schedule()

    def _look_after(self, checks: tuple[float, ...]) -> None:
        """Plan a reconnect once the closed socket is gone, or when it has been waited for long enough."""
        at, later = checks[0], checks[1:]

        def look() -> None:
            handle = self._timed_out
            if handle is None or self._closed:
                return
            if not handle.over:
                if later:
                    self._look_after(later)
                    return
                self._report_half_open()
            self._timed_out = None
            if self._handle is handle:
                self._handle = None
            if self._wanted:
                self._backoff.schedule()

        self.wheel.at(self._timed_out_at + at, look)

    def _report_half_open(self) -> None:
        """The peer answered neither heartbeat nor close; the seconds are those the phone was deaf since it noticed."""
        at = self._timed_out_at
        lasted = self.wheel.clock() - at
        self._observer.attempt("WS", "realtime_half_open", Outcome.TIMEOUT, at, lasted, 0, UNANSWERED)
