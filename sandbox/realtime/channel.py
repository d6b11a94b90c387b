"""One joined topic of one socket: its state, and what it does with what the client pushes (realtime contract, 1.5)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson

from sandbox.realtime import encoded
from sandbox.realtime.access import AccessError, TokenClaims, examine, expired
from sandbox.realtime.bindings import JoinConfig
from sandbox.realtime.encoded import EncodedMessage
from sandbox.realtime.faults import Place
from sandbox.realtime.frames import ClientPush, ServerPush, UserBroadcast, reply, system
from sandbox.realtime.limits import CallWindow
from sandbox.realtime.ports import ChannelConnection, ChannelHost
from sandbox.realtime.topic import TopicState

_SWAP_LIMIT_S = 1.0


class ServerChannel:
    """Lives from its join to its leave, its replacement, its shutdown or the end of its socket."""

    def __init__(
        self,
        host: ChannelHost[ServerChannel],
        socket: ChannelConnection[ServerChannel],
        push: ClientPush,
        config: JoinConfig,
        access: TokenClaims,
        topic_state: TopicState[ServerChannel],
    ) -> None:
        self.topic = push.topic
        self.name = push.topic.removeprefix("realtime:")
        self.join_ref = push.join_ref or push.ref
        self.config = config
        self.access = access
        self.topic_state = topic_state
        self.socket = socket
        self.open = True
        self.presence_enabled = config.presence_enabled
        self.presence_key = config.presence_key or str(uuid.uuid4())
        self._host = host
        self._calls = CallWindow(host.settings.presence_calls, host.settings.presence_window_ms / 1000)
        self._held: list[EncodedMessage] = []

    @property
    def place(self) -> Place:
        """Where it is, for faults."""
        return Place(self.socket.id, self.access.person, self.name)

    def receive(self, push: ClientPush) -> None:
        """A push on this topic other than a join. Unknown events are dropped, as the server does."""
        if push.event == "phx_leave":
            self._leave(push)
        elif push.event == "broadcast":
            self._broadcast(push)
        elif push.event == "presence":
            self._presence(push)
        elif push.event == "access_token":
            self._token(push)

    # --- what it sends

    def send(self, message: EncodedMessage) -> None:
        """A message that others get too."""
        data = message.get(self.socket.vsn)
        if data is not None:
            self.socket.write(data)

    def say(self, message: ServerPush) -> None:
        """A message of this channel alone."""
        self.send(encoded.text(message))

    def notice(self, message: str, *, status: str = "ok", extension: str = "postgres_changes") -> None:
        """A `system` message."""
        self.say(system(self.topic, message, status=status, extension=extension, join_ref=self.join_ref))

    def deliver(self, frames: EncodedMessage, *, swap: bool, copies: int) -> None:
        """A change; `swap` lets the next one overtake it, for at most a second."""
        if swap and not self._held:
            self._held = [frames] * copies
            asyncio.get_running_loop().call_later(_SWAP_LIMIT_S, self._release)
            return
        for _ in range(copies):
            self.send(frames)
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for frames in held if self.open else ():
            self.send(frames)

    # --- how it ends

    def shut_down(self, message: str) -> None:
        """The server ends it: a notice, then `phx_close`. The client does not join again."""
        if self.open:
            self.notice(message, status="error", extension="system")
            self.close()

    def close(self) -> None:
        """Say `phx_close` and be gone."""
        self.say(ServerPush(self.topic, "phx_close", {}, self.join_ref, self.join_ref))
        self.stop()

    def crash(self) -> None:
        """As if its process had died: `phx_error`; the client joins again."""
        self.say(ServerPush(self.topic, "phx_error", {}, self.join_ref, self.join_ref))
        self.stop()

    def stop(self) -> None:
        """Be gone without a word."""
        if self.open:
            self.open = False
            self._host.stopped(self)

    def check_expiry(self, now: float) -> None:
        """End when the token has."""
        if self.access.expires_at <= now:
            self.shut_down(expired(self.access.expires_at, now))

    # --- what the client asks for

    def _leave(self, push: ClientPush) -> None:
        if push.join_ref is not None and push.join_ref != self.join_ref:
            return
        self.say(reply(push, {}, join_ref=self.join_ref))
        if self._host.fault("realtime_keep_left_channels", self.place):
            return
        self.close()

    def _broadcast(self, push: ClientPush) -> None:
        limit = self._host.settings.max_payload_size_in_kb * 1000 + 500
        message = push.payload
        frames: EncodedMessage
        if isinstance(message, UserBroadcast):
            size = len(message.data)
            frames = encoded.user_broadcast(self.topic, message)
        elif isinstance(message, dict):
            size = push.size if push.size <= limit else len(orjson.dumps(message.get("payload")))
            frames = encoded.text(ServerPush(self.topic, "broadcast", message))
        else:
            return
        if size > limit:
            if self.config.ack:
                self.say(reply(push, "payload_size_exceeded", status="error", join_ref=self.join_ref))
            return
        self._host.count_broadcast()
        self.topic_state.fan_out(frames, None if self.config.self_broadcast else self)
        if self.config.ack and self.open:
            self.say(reply(push, {}, join_ref=self.join_ref))

    def _presence(self, push: ClientPush) -> None:
        given: dict[str, Any] = push.payload if isinstance(push.payload, dict) else {}
        event = str(given.get("event", "")).lower()
        if event not in ("track", "untrack"):
            return
        if not self._calls.take(self._host.monotonic()):
            self.shut_down("Client presence rate limit exceeded")
            return
        if event == "untrack":
            diff = self.topic_state.presence.untrack(self)
        else:
            payload = given.get("payload", {})
            if not isinstance(payload, dict):
                self.say(reply(push, "Presence track payload must be a map", status="error", join_ref=self.join_ref))
                return
            if push.size > self._host.settings.max_payload_size_in_kb * 1000 + 500:
                self.shut_down("Track message size exceeded")
                return
            if self._host.presence_over():
                self.shut_down("Too many presence messages per second")
                return
            self._host.count_presence(1)
            self.presence_enabled = True
            diff = self.topic_state.presence.track(self, self.presence_key, payload)
        self.say(reply(push, {}, join_ref=self.join_ref))
        if diff is not None:
            self.topic_state.tell_presence(diff)

    def _token(self, push: ClientPush) -> None:
        token = push.payload.get("access_token") if isinstance(push.payload, dict) else None
        if not isinstance(token, str) or token.startswith("sb_") or token == self.access.token:
            return
        try:
            self.access = examine(token, self._host.token_keys, self._host.now())
        except AccessError as error:
            self.shut_down(str(error))
            return
        self.socket.expire_by(self.access.expires_at)
        if self.config.bindings:
            self._host.resubscribe(self)
