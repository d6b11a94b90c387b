"""One topic: the channels on it and who is present there."""

from __future__ import annotations

from typing import Generic, TypeVar

from sandbox.realtime import encoded
from sandbox.realtime.encoded import EncodedMessage
from sandbox.realtime.frames import ServerPush
from sandbox.realtime.ports import TopicHost, TopicMember
from sandbox.realtime.presence import PresenceDiff, PresenceState

Member = TypeVar("Member", bound=TopicMember)


class TopicState(Generic[Member]):
    """Exists while a channel is on it. Private and public channels of one name do not hear each other."""

    def __init__(self, host: TopicHost, topic: str) -> None:
        self.topic = topic
        self.channels: dict[Member, None] = {}
        self.presence = PresenceState(host.references)
        self._host = host

    def fan_out(self, message: EncodedMessage, sender: Member | None) -> None:
        """To everybody but the sender. Over the limit of events, receivers are shut down instead."""
        for channel in tuple(self.channels):
            if channel is sender:
                continue
            if self._host.count_event():
                channel.shut_down("Too many messages per second")
            else:
                channel.send(message)

    def tell_presence(self, diff: PresenceDiff) -> None:
        """To everybody who has presence enabled, whoever caused it included."""
        message = encoded.text(ServerPush(self.topic, "presence_diff", diff.payload()))
        receivers = [channel for channel in self.channels if channel.presence_enabled]
        self._host.count_presence(1 + len(receivers))
        for channel in receivers:
            channel.send(message)
