"""One topic: the channels on it and who is present there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.realtime import fan
from sandbox.realtime.frames import Out
from sandbox.realtime.presence import Diff, Presence

if TYPE_CHECKING:
    from sandbox.realtime.channel import Channel
    from sandbox.realtime.fan import Fan
    from sandbox.realtime.hub import Hub


class Topic:
    """Exists while a channel is on it. Private and public channels of one name do not hear each other."""

    def __init__(self, hub: Hub, topic: str) -> None:
        self.topic = topic
        self.channels: dict[Channel, None] = {}
        self.presence = Presence(hub.references)
        self._hub = hub

    def fan_out(self, frames: Fan, sender: Channel | None) -> None:
        """To everybody but the sender. Over the limit of events, receivers are shut down instead."""
        for channel in tuple(self.channels):
            if channel is sender:
                continue
            if self._hub.count_event():
                channel.shut_down("Too many messages per second")
            else:
                channel.send(frames)

    def tell_presence(self, diff: Diff) -> None:
        """To everybody who has presence enabled, whoever caused it included."""
        frames = fan.text(Out(self.topic, "presence_diff", diff.payload()))
        receivers = [channel for channel in self.channels if channel.presence_enabled]
        self._hub.count_presence(1 + len(receivers))
        for channel in receivers:
            channel.send(frames)
