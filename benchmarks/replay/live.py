"""What happens by itself in Realtime of a replay: who is there, what was written, who types.

Presence as it stands is the square of the crowd, which no server delivers. So all that join are told who is there, and
of the changes so many messages a second leave as the platform's limit is, always the newest, to one phone after the
other. What a phone inserts is told to two of those who have its conversation open, and what it types to one other, as
in a conversation of two: the people of a replay share the conversations of few recorded ones. Source: contract
realtime 1.5 and 1.6.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from harness.client.realtime.conversation_channel import CHANGES, TABLES
from harness.client.realtime.presence_channel import PRESENCE
from sandbox.realtime import encoded
from sandbox.realtime.frames import ClientPush, ServerPush, UserBroadcast, encode
from sandbox.realtime.presence import PresenceDiff, PresenceState, references

ONLINE = f"realtime:{PRESENCE}"
REST = "/rest/v1/"
STATE_S = 1.0
"""For so long a list of who is there stays good: with 10,400 phones it is 1.4 MB, and made in milliseconds."""
IN_A_CONVERSATION = 2


class Socket(Protocol):
    """Whom something is told."""

    vsn: str

    def __hash__(self) -> int: ...

    def bindings(self, topic: str) -> Mapping[str, int]:
        """What it asked for there: tables, with the numbers that it was given for them."""
        ...

    def write(self, frame: bytes) -> None:
        """A whole frame."""
        ...


class Turns:
    """Sockets of a topic, of which some are told at a time: those that wait longest."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[Socket, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, socket: Socket) -> None:
        self._waiting[socket] = None

    def discard(self, socket: Socket) -> None:
        self._waiting.pop(socket, None)

    def take(self, number: int, beside: Socket | None = None) -> list[Socket]:
        """The next ones, without `beside`; nobody twice."""
        taken = list(itertools.islice((one for one in self._waiting if one is not beside), number))
        for one in taken:
            del self._waiting[one]
            self._waiting[one] = None
        return taken


class Live:
    """One process' share of it.

    :param presence_per_s: messages of presence that leave here in a second.
    :param crowd: who is there, in multiples of those that this process knows: its sockets may be a part of those at its
        port, and all of them a share of the crowd that is meant.
    """

    def __init__(self, presence_per_s: float, crowd: int = 1) -> None:
        self.told = {"presence diffs": 0, "presence states": 0, "changes": 0, "broadcasts": 0}
        self._presence_per_s, self._crowd = presence_per_s, crowd
        self._present = PresenceState(references(random.Random(0)))
        self._topics: dict[str, Turns] = {}
        self._newest: encoded.EncodedMessage | None = None
        self._state: tuple[float, bytes] = (-STATE_S, b"{}")
        self._due = 0.0

    # ---- who is there -------------------------------------------------------------------------------------------

    def joined(self, socket: Socket, push: ClientPush, *, presence: bool) -> None:
        """A join was granted; `presence`: it wants to know who is there."""
        self._topics.setdefault(push.topic, Turns()).add(socket)
        if presence and push.topic == ONLINE and self._presence_per_s > 0:
            state = ServerPush(ONLINE, "presence_state", orjson.Fragment(self._everybody()), None, push.join_ref)
            self.told["presence states"] += 1
            socket.write(encode(socket.vsn, state))

    def left(self, socket: Socket, topics: Iterable[str]) -> None:
        """It is in these no more."""
        for topic in topics:
            if (there := self._topics.get(topic)) is not None:
                there.discard(socket)
                if not there:
                    del self._topics[topic]
            if topic == ONLINE:
                self._tell(self._present.untrack(socket))

    def tracks(self, socket: Socket, key: str, payload: Mapping[str, Any]) -> None:
        """Somebody is there, or still."""
        self._tell(self._present.track(socket, key, dict(payload)))

    def _tell(self, diff: PresenceDiff | None) -> None:
        if diff is not None:
            self._newest = encoded.text(ServerPush(ONLINE, "presence_diff", diff.payload()))

    def _everybody(self) -> bytes:
        made_at, state = self._state
        if (now := time.monotonic()) - made_at < STATE_S:
            return state
        known = self._present.state()
        others = {f"{number}{key[1:]}": metas for number in range(1, self._crowd) for key, metas in known.items()}
        self._state = (now, orjson.dumps({**others, **known}))
        return self._state[1]

    def pass_time(self, seconds: float) -> None:
        """As many messages of presence leave as may in this time."""
        if (there := self._topics.get(ONLINE)) is None or self._newest is None:
            return
        self._due = min(self._due + self._presence_per_s * seconds, max(1.0, self._presence_per_s))
        whole = int(self._due)
        self._due -= whole
        for socket in there.take(whole):  # a crowd smaller than that hears less: one of each at a time
            if (frame := self._newest.get(socket.vsn)) is not None:
                self.told["presence diffs"] += 1
                socket.write(frame)

    # ---- what was written, and who types ------------------------------------------------------------------------

    def wrote(self, target: str, asked: bytes, reply: bytes) -> None:
        """A phone posted this, and it was taken."""
        path = target.partition("?")[0]
        table = path.removeprefix(REST)
        if not path.startswith(REST) or table not in TABLES:
            return
        now = datetime.now(UTC).isoformat()
        for row in _rows(asked, reply):
            self._changed(table, {**row, "created_at": now} if "created_at" in row else row, now)

    def _changed(self, table: str, row: Mapping[str, Any], now: str) -> None:
        topic = f"realtime:{CHANGES}{row.get('conversation_id')}"
        if (there := self._topics.get(topic)) is None:
            return
        data = {
            "columns": [{"name": name, "type": "text"} for name in row],
            "commit_timestamp": now,
            "errors": None,
            "record": row,
            "schema": "public",
            "table": table,
            "type": "INSERT",
        }
        for socket in there.take(IN_A_CONVERSATION):
            if (number := socket.bindings(topic).get(table)) is not None:
                self.told["changes"] += 1
                socket.write(encode(socket.vsn, ServerPush(topic, "postgres_changes", {"data": data, "ids": [number]})))

    def broadcast(self, socket: Socket, push: ClientPush) -> None:
        """To the other one."""
        if (there := self._topics.get(push.topic)) is None:
            return
        message = (
            encoded.user_broadcast(push.topic, push.payload)
            if isinstance(push.payload, UserBroadcast)
            else encoded.text(ServerPush(push.topic, "broadcast", push.payload))
        )
        for other in there.take(IN_A_CONVERSATION - 1, beside=socket):
            if (frame := message.get(other.vsn)) is not None:
                self.told["broadcasts"] += 1
                other.write(frame)


def _rows(asked: bytes, reply: bytes) -> Iterator[dict[str, Any]]:
    """What was inserted: as the target answered, or where it did not say, as it was sent."""
    for text in (reply, asked):
        if text[:1] in (b"{", b"["):
            rows = orjson.loads(text)
            yield from ([rows] if isinstance(rows, dict) else [one for one in rows if isinstance(one, dict)])
            return
