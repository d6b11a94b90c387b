"""What a join has to pass, in the server's order, and what a channel gets when it does (realtime contract, 1.4)."""

from __future__ import annotations

from typing import TypeAlias

from sandbox.realtime.access import AccessError, TokenClaims, examine
from sandbox.realtime.bindings import JoinConfig, join_config, join_token
from sandbox.realtime.channel import ServerChannel
from sandbox.realtime.frames import ClientPush, ServerPush, reply
from sandbox.realtime.ports import JoinHost, JoiningConnection
from sandbox.realtime.topic import TopicState

Host: TypeAlias = JoinHost[ServerChannel, TopicState[ServerChannel]]

PREFIX = "realtime:"
TOO_MANY_JOINS = "ClientJoinRateLimitReached: Too many joins per second"


class JoinError(Exception):
    """A refused join; the text is the reply's reason. closes: the socket goes with it."""

    def __init__(self, reason: str, *, closes: bool = False) -> None:
        super().__init__(reason)
        self.closes = closes


def join(host: Host, socket: JoiningConnection[ServerChannel], push: ClientPush) -> None:
    """Answer the join and set its channel going. :raises JoinError: when it is refused."""
    config = join_config(push.payload)
    access = _admit(host, socket, push, config)
    host.joins.add(1, host.monotonic())
    before = socket.channels.get(push.topic)
    if before is not None:
        before.stop()
    channel = ServerChannel(host, socket, push, config, access, host.topic(push.topic, private=config.private))
    host.started(channel)
    channel.say(reply(push, {"postgres_changes": [one.answer() for one in config.bindings]}, join_ref=channel.join_ref))
    if before is not None:
        channel.say(ServerPush(push.topic, "phx_close", {}, before.join_ref, before.join_ref))
    if config.replication_ready:
        channel.notice("Replication connection established", extension="system")
    if config.presence_enabled:
        if host.presence_over():
            channel.shut_down("Too many presence messages per second")
            return
        host.count_presence(1)
        state = channel.topic_state.presence.state()
        channel.say(ServerPush(push.topic, "presence_state", state, None, channel.join_ref))
    if config.bindings:
        host.subscribe(channel)


def _admit(host: Host, socket: JoiningConnection[ServerChannel], push: ClientPush, config: JoinConfig) -> TokenClaims:
    settings, now = host.settings, host.monotonic()
    if host.draining:
        raise JoinError("RealtimeRestarting: Realtime is restarting, please standby")
    if push.topic == PREFIX:
        raise JoinError("TopicNameRequired: You must provide a topic name")
    if not socket.channels and 0 < settings.max_concurrent_users <= host.users:
        raise JoinError("ConnectionRateLimitReached: Too many connected users")
    if host.joins.over(now):
        raise JoinError(TOO_MANY_JOINS, closes=True)
    if push.topic not in socket.channels and 0 < settings.max_channels_per_client <= len(socket.channels):
        raise JoinError("ChannelRateLimitReached: Too many channels")
    try:
        access = examine(join_token(push.payload) or socket.key, host.token_keys, host.now())
    except AccessError as error:
        raise JoinError(error.reason) from error
    # The application ships no policy on realtime.messages, so a private channel is closed to all but the service role.
    if config.private and access.role != "service_role":
        name = push.topic.removeprefix(PREFIX)
        raise JoinError(f"Unauthorized: You do not have permissions to read from this Channel topic: {name}")
    if config.replay is not None and not config.private:
        raise JoinError("UnableToReplayMessages: Replay is not allowed for public channels")
    return access
