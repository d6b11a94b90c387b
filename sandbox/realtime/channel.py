"""One joined topic of one socket: its state, and what it does with what the client pushes (realtime contract, 1.5)."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.realtime import fan
from sandbox.realtime.access import Access, AccessError, examine, expired
from sandbox.realtime.bindings import JoinConfig
from sandbox.realtime.faults import Place
from sandbox.realtime.frames import Out, Push, UserBroadcast, reply, system
from sandbox.realtime.limits import CallWindow

if TYPE_CHECKING:
    from sandbox.realtime.fan import Fan
    from sandbox.realtime.hub import Hub
    from sandbox.realtime.socket import Socket
    from sandbox.realtime.topics import Topic

_SWAP_LIMIT_S = 1.0


class Channel:
    """Lives from its join to its leave, its replacement, its shutdown or the end of its socket."""

    def __init__(self, hub: Hub, socket: Socket, push: Push, config: JoinConfig, access: Access, room: Topic) -> None:
        self.topic = push.topic
        self.name = push.topic.removeprefix("realtime:")
        self.join_ref = push.join_ref or push.ref
        self.config = config
        self.access = access
        self.room = room
        self.socket = socket
        self.open = True
        self.presence_enabled = config.presence_enabled
        self.presence_key = config.presence_key or str(uuid.uuid4())
        self._hub = hub
        self._calls = CallWindow(hub.settings.presence_calls, hub.settings.presence_window_ms / 1000)
        self._held: list[Fan] = []

    @property
    def place(self) -> Place:
        """Where it is, for faults."""
        return Place(self.socket.id, self.access.person, self.name)

    def receive(self, push: Push) -> None:
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

    def send(self, frames: Fan) -> None:
        """A fan-out message."""
        data = frames.get(self.socket.vsn)
        if data is not None:
            self.socket.write(data)

    def say(self, message: Out) -> None:
        """A message of this channel alone."""
        self.send(fan.text(message))

    def notice(self, message: str, *, status: str = "ok", extension: str = "postgres_changes") -> None:
        """A `system` message."""
        self.say(system(self.topic, message, status=status, extension=extension, join_ref=self.join_ref))

    def deliver(self, frames: Fan, *, swap: bool, copies: int) -> None:
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
        self.say(Out(self.topic, "phx_close", {}, self.join_ref, self.join_ref))
        self.stop()

    def crash(self) -> None:
        """As if its process had died: `phx_error`; the client joins again."""
        self.say(Out(self.topic, "phx_error", {}, self.join_ref, self.join_ref))
        self.stop()

    def stop(self) -> None:
        """Be gone without a word."""
        if self.open:
            self.open = False
            self._hub.stopped(self)

    def check_expiry(self, now: float) -> None:
        """End when the token has."""
        if self.access.expires_at <= now:
            self.shut_down(expired(self.access.expires_at, now))

    # --- what the client asks for

    def _leave(self, push: Push) -> None:
        if push.join_ref is not None and push.join_ref != self.join_ref:
            return
        self.say(reply(push, {}, join_ref=self.join_ref))
        if self._hub.fault("realtime_keep_left_channels", self.place):
            return
        self.close()

    def _broadcast(self, push: Push) -> None:
        limit = self._hub.settings.max_payload_size_in_kb * 1000 + 500
        message = push.payload
        frames: Fan
        if isinstance(message, UserBroadcast):
            size = len(message.data)
            frames = fan.user_broadcast(self.topic, message)
        elif isinstance(message, dict):
            size = push.size if push.size <= limit else len(orjson.dumps(message.get("payload")))
            frames = fan.text(Out(self.topic, "broadcast", message))
        else:
            return
        if size > limit:
            if self.config.ack:
                self.say(reply(push, "payload_size_exceeded", status="error", join_ref=self.join_ref))
            return
        self._hub.count_broadcast()
        self.room.fan_out(frames, None if self.config.self_broadcast else self)
        if self.config.ack and self.open:
            self.say(reply(push, {}, join_ref=self.join_ref))

    def _presence(self, push: Push) -> None:
        given: dict[str, Any] = push.payload if isinstance(push.payload, dict) else {}
        event = str(given.get("event", "")).lower()
        if event not in ("track", "untrack"):
            return
        if not self._calls.take(self._hub.monotonic()):
            self.shut_down("Client presence rate limit exceeded")
            return
        if event == "untrack":
            diff = self.room.presence.untrack(self)
        else:
            payload = given.get("payload", {})
            if not isinstance(payload, dict):
                self.say(reply(push, "Presence track payload must be a map", status="error", join_ref=self.join_ref))
                return
            if push.size > self._hub.settings.max_payload_size_in_kb * 1000 + 500:
                self.shut_down("Track message size exceeded")
                return
            if self._hub.presence_over():
                self.shut_down("Too many presence messages per second")
                return
            self._hub.count_presence(1)
            self.presence_enabled = True
            diff = self.room.presence.track(self, self.presence_key, payload)
        self.say(reply(push, {}, join_ref=self.join_ref))
        if diff is not None:
            self.room.tell_presence(diff)

    def _token(self, push: Push) -> None:
        token = push.payload.get("access_token") if isinstance(push.payload, dict) else None
        if not isinstance(token, str) or token.startswith("sb_") or token == self.access.token:
            return
        try:
            self.access = examine(token, self._hub.secret, self._hub.now())
        except AccessError as error:
            self.shut_down(str(error))
            return
        self.socket.expires_at = min(self.socket.expires_at, self.access.expires_at)
        if self.config.bindings:
            self._hub.feed.resubscribe(self)
