"""The presence channel: everybody who has the app open is in it (contract realtime 2.1, 2.2).

Its cost grows with the square of the crowd: each track is one diff to all. Diffs are counted and not read: the app
shows a green dot with them, and nothing that a phone does here depends on it.

As shipped the channel is left and joined again whenever the app's user is another object, though the same person: after
a page load has asked who is signed in, twice; on coming back to the app; with each fresh token. It is left by
unsubscribing and by removing, and the server is told both times.
"""

from __future__ import annotations

from harness.client.realtime.client import Channel, RealtimeClient, Status
from harness.client.realtime.host import RealtimeHost
from harness.core.clock import WALL

PRESENCE = "presence:global"
"""Setting `ux.presence.channel`."""


class PresenceChannel:
    """One page's presence. Join it again after leaving: the app makes a new channel."""

    topic = f"realtime:{PRESENCE}"

    def __init__(self, host: RealtimeHost, client: RealtimeClient) -> None:
        self._host = host
        self._client = client
        self._channel: Channel | None = None

    def join(self) -> None:
        """Subscribe; each time the server says SUBSCRIBED, track."""
        key = self._host.auth.user_id
        channel = self._client.channel(PRESENCE, presence_key=key, presence=True, label="presence")
        channel.on_status(self._status)
        self._channel = channel.subscribe()

    def leave(self) -> None:
        """Unsubscribe and remove."""
        if self._channel is not None:
            self._client.remove(self._channel, twice=True)
            self._channel = None

    def gone(self) -> None:
        """The page is gone, and the client with it."""
        self._channel = None

    def track(self) -> None:
        """Say that this person is here, or away while the app is hidden. `last_seen` differs every time, so that the
        server never finds it to be the same."""
        host = self._host
        if self._channel is None or host.auth.account is None:
            return
        status = "online" if host.network.visible else "away"
        if host.kit.sockets is not None:
            host.kit.sockets.sent["presence"] += 1
        self._channel.track({"user_id": host.auth.user_id, "last_seen": round(WALL.now() * 1000), "status": status})

    def _status(self, status: Status, _reason: str) -> None:
        if status is Status.SUBSCRIBED:
            self.track()
