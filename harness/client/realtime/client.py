"""Realtime for one phone: the surface that personas and screens use.

    ticker = Ticker(loop)                                   # one per worker
    client = RealtimeClient(loop=loop, wheel=ticker.wheel, origin=origin, tls=shared_context(), apikey=key,
                            token=lambda: account.access_token, observer=observer)
    binding = Binding("*", "public", "messages", "conversation_id=eq.<id>")
    channel = client.channel("conversation-db-<id>", changes=[binding])
    channel.on_change(changed)                              # changed(Change)
    channel.on_status(told)                                 # told(Status, reason)
    channel.on_system(noticed)                              # noticed(System): `subscribed_to_postgres`
    channel.subscribe()
    client.remove(channel)                                  # the screen is left
    client.close()                                          # the app is closed

Listeners are called on the loop's thread, one after another, and may call back into client and channel. `send` of a
channel that has not joined answers `Sent.REST`: the client library would POST the broadcast, which is the caller's to
do. As with the real client the first join of a fresh client carries no access token (contract realtime 1.4); call
`set_auth` before it for a person whose sign-in the app has seen.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import urlencode

from websockets.uri import WebSocketURI

from harness.client.http.origin import Origin
from harness.client.http.wire_budget import WireBudget
from harness.client.realtime.phoenix.channel import Channel
from harness.client.realtime.phoenix.connection import PhoenixConnection, Reporter, Through
from harness.client.realtime.phoenix.events import (
    Binding,
    BroadcastEvent,
    Config,
    DatabaseChange,
    PresenceEvent,
    Sent,
    Status,
    SystemEvent,
)
from harness.client.realtime.phoenix.generation import JS_2_90, JS_2_119, Generation
from harness.client.realtime.phoenix.stats import Reconnect, Stats
from harness.client.realtime.phoenix.tally import FrameCount, FrameTally
from harness.client.realtime.phoenix.timer_wheel import Wheel
from harness.client.realtime.socket import Socket
from harness.client.realtime.ticker import Ticker
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.tls import shared_context

__all__ = [
    "JS_2_90",
    "JS_2_119",
    "Binding",
    "BroadcastEvent",
    "Channel",
    "DatabaseChange",
    "FrameCount",
    "FrameTally",
    "Generation",
    "PresenceEvent",
    "RealtimeClient",
    "Reconnect",
    "Reporter",
    "Sent",
    "Stats",
    "Status",
    "SystemEvent",
    "Ticker",
]

PATH = "/realtime/v1/websocket"
PARAMS = (("eventsPerSecond", "10"),)
"""What the app adds to the socket's query; it throttles nothing."""


class RealtimeClient:
    """One client, one socket at most (two for a while after a half-open one). Loop thread only.

    tls: None means `shared_context()` for https; ignored for http. token: the person's access token, None while
    signed out. online: whether the phone has a network; without one connecting fails at once and leaves no attempt.
    observer: hears of attempts, the phone's own fits: `realtime_connect`, `realtime_join`, `realtime_heartbeat`,
    `realtime_drop`, `realtime_channel`, `realtime_postgres`, `realtime_presence`, `realtime_half_open`,
    `realtime_frame`, and of conversations `told_account.ATTEMPTS`, all of method WS.
    stats: to share one between clients. tally: frames by kind and second, for the whole worker.
    through: what messages pass on their way in, for faults. gate: where sockets may go.
    budget: the worker's share of the target's limits. later: seconds added to each wait before connecting anew.
    """

    __slots__ = ("_app_origin", "_budget", "_connection", "_gate", "_loop", "_online", "_origin", "_tls", "_uri")

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        wheel: Wheel,
        origin: Origin,
        apikey: str,
        token: Callable[[], str | None],
        observer: Reporter,
        tls: ssl.SSLContext | None = None,
        generation: Generation = JS_2_90,
        online: Callable[[], bool] = lambda: True,
        stats: Stats | None = None,
        tally: FrameTally | None = None,
        through: Through | None = None,
        gate: Gate = LOOPBACK,
        budget: WireBudget | None = None,
        app_origin: str = "",
        later: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._app_origin = app_origin
        self._budget = budget
        self._loop = loop
        self._gate = gate
        self._origin = origin
        self._tls = (tls or shared_context()) if origin.scheme == "https" else None
        self._online = online
        self._uri = _uri(origin, apikey, generation.version)
        stats = stats or Stats()
        self._connection = PhoenixConnection(
            self, wheel, generation, observer, token, stats=stats, tally=tally, later=later
        )
        self._connection.through = through

    @property
    def stats(self) -> Stats:
        """Sockets, joins, frames, reconnects so far."""
        return self._connection.stats

    @property
    def connected(self) -> bool:
        """Whether there is an open socket."""
        return self._connection.connected

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Made and neither removed nor closed: what the app believes it holds."""
        return tuple(self._connection.channels.values())

    def channel(
        self,
        name: str,
        *,
        changes: Iterable[Binding] = (),
        broadcast_self: bool = False,
        ack: bool | None = False,
        presence_key: str = "",
        presence: bool = False,
        private: bool = False,
        label: str = "",
    ) -> Channel:
        """A channel for topic `realtime:` + `name`, to be subscribed once its listeners are set.

        ack: None where the app says nothing about it. presence: ask for presence even without a listener, to have it
        sent and counted but not parsed.
        label: appended to the names its attempts are recorded under, like `realtime_join_typing`.
        :raises ValueError: when there is a channel of that name. :raises RuntimeError: after `close`.
        """
        config = Config(tuple(changes), broadcast_self, ack, presence_key, private, label)
        channel = Channel(self._connection, f"realtime:{name}", config, presence=presence)
        self._connection.add(channel)
        return channel

    def remove(self, channel: Channel, *, twice: bool = False) -> None:
        """Leave: here at once, there when the server has read it. The last one takes the socket with it.

        twice: the app unsubscribes and then removes it, and the server is told each time.
        """
        self._connection.remove(channel, twice=twice)

    def set_auth(self, token: str) -> None:
        """The person signed in, or the token was refreshed: joined channels pass it on."""
        self._connection.set_token(token)

    def network_lost(self) -> None:
        """The phone lost its network: sockets end now. `online` must say so already."""
        self._connection.network_lost()

    def reset(self) -> None:
        """Sockets end as if the server had reset them; the network stays."""
        self._connection.reset()

    def network_back(self) -> None:
        """The phone has a network again. No client listens for it: the next scheduled try finds it."""

    def hidden(self) -> None:
        """The app went to the background."""
        self._connection.hidden()

    def visible(self) -> None:
        """The app is back on screen."""
        self._connection.visible()

    def close(self) -> None:
        """The app is closed: no leave, a close frame, no way back. Idempotent."""
        self._connection.close()

    # ---- called by the connection ---------------------------------------------------------------------------------

    def open(self, connection: PhoenixConnection) -> Socket:
        """A socket that begins to connect."""
        socket = Socket(connection, self._uri, self._budget, self._app_origin)
        if self._online():
            socket.dial(self._loop, self._origin, self._tls, self._gate)
        else:
            socket.refuse_offline(self._loop)
        return socket


@lru_cache(maxsize=64)
def _uri(origin: Origin, apikey: str, version: str) -> WebSocketURI:
    """One for all clients of a worker. Order of the query as seen from both generations (contract realtime 1.1)."""
    query = urlencode((("apikey", apikey), *PARAMS, ("vsn", version)))
    return WebSocketURI(origin.scheme == "https", origin.host, origin.port, PATH, query)
