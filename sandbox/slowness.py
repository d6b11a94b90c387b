"""How much longer a reply is to take, by the switches that make the sandbox slow. (pure)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sandbox.switches import Switches

ONE_IN = 8
"""Of connections and of calls of a function: how many share one slow one."""
_CHAT = (
    "/rest/v1/messages",
    "/rest/v1/message_",
    "/rest/v1/conversation",
    "/rest/v1/rpc/get_conversation",
    "/rest/v1/blocked_users",
)
_FEED = "/rest/v1/rpc/get_home_feed_v2"


class ServiceQueue:
    """Requests served one after the other, so many a second: those nobody waits for any more take their turn too."""

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._step_s = 1 / per_second
        self._clock = clock
        self._free = 0.0

    def turn(self) -> float:
        """Join at the end. Seconds until it is over."""
        now = self._clock()
        self._free = max(self._free, now) + self._step_s
        return self._free - now


class Slowness:
    """Decides for one request after the other. clock: seconds, monotonic."""

    def __init__(self, switches: Switches, clock: Callable[[], float]) -> None:
        self._switches = switches
        self._clock = clock
        self._began: float | None = None  # with the first request
        self._writes = 0
        self._connections: dict[tuple[str, int], int] = {}
        self._calls: Counter[str] = Counter()
        self._before_s = {
            key: milliseconds / 1000
            for key, milliseconds in (
                (("POST", "/functions/v1/media-swipe-deck"), switches.delay_deck_ms),
                (("POST", _FEED), switches.delay_feed_ms),
                (("POST", "/rest/v1/messages"), switches.delay_message_ms),
            )
        }

    def before(self, method: str, path: str, peer: tuple[str, int]) -> float:
        """Seconds to wait before the application sees the request."""
        switches = self._switches
        if self._began is None:
            self._began = self._clock()
        wait = self._before_s.get((method, path), 0.0) + switches.delay_all_ms / 1000
        wait += self._writes * switches.latency_per_row_us / 1e6
        if method == "POST":
            self._writes += 1
        if switches.slow_connection_ms:
            number = self._connections.setdefault(peer, len(self._connections))
            wait += switches.slow_connection_ms / 1000 if number % ONE_IN == ONE_IN - 1 else 0.0
        if switches.cold_start_ms and path.startswith("/functions/"):
            self._calls[path] += 1
            wait += switches.cold_start_ms / 1000 if self._calls[path] % ONE_IN == 0 else 0.0
        return wait

    def after(self, path: str, took_s: float) -> float:
        """Seconds to keep back a reply that took so long."""
        switches = self._switches
        minutes = 0.0 if self._began is None else (self._clock() - self._began) / 60
        percent = switches.latency_percent + minutes * switches.latency_drift_percent
        if path.startswith(_CHAT):
            percent += switches.chat_latency_percent
        if path == _FEED:
            percent += switches.feed_latency_percent
        return took_s * percent / 100
