"""What a channel tells its listeners, and what it is told to listen to. (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, NamedTuple


class Status(StrEnum):
    """What the client reports to `subscribe`'s callback."""

    SUBSCRIBED = "SUBSCRIBED"
    CHANNEL_ERROR = "CHANNEL_ERROR"
    TIMED_OUT = "TIMED_OUT"
    CLOSED = "CLOSED"


class Sent(Enum):
    """How a message went out: on the socket, into the buffer until the channel has joined, or not at all, because the
    client would use REST (`POST /realtime/v1/api/broadcast`), which is the caller's to do."""

    SOCKET = "socket"
    BUFFERED = "buffered"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Binding:
    """Which changes of the database a channel asks for. event: `*`, `INSERT`, `UPDATE` or `DELETE`."""

    event: str
    schema: str
    table: str
    filter: str | None = None

    def request(self) -> dict[str, str]:
        """As it stands in the join."""
        asked = {"event": self.event, "schema": self.schema, "table": self.table}
        if self.filter is not None:
            asked["filter"] = self.filter
        return asked

    def takes(self, kind: str) -> bool:
        """Whether a change of this type is one it asks for."""
        return self.event in ("*", kind) or self.event.upper() == kind.upper()

    def echoed_by(self, answer: Any) -> bool:
        """Whether the server's object at the same position is this binding."""
        return isinstance(answer, dict) and (
            answer.get("event"),
            answer.get("schema"),
            answer.get("table"),
            answer.get("filter"),
        ) == (self.event, self.schema, self.table, self.filter)


@dataclass(frozen=True, slots=True)
class Config:
    """A join's `config`, and the name its attempts are recorded under. ack: None where nothing is said about it."""

    changes: tuple[Binding, ...] = ()
    broadcast_self: bool = False
    ack: bool | None = False
    presence_key: str = ""
    private: bool = False
    label: str = ""

    def request(self, *, presence: bool) -> dict[str, Any]:
        """The object that goes into the join."""
        broadcast = (
            {"self": self.broadcast_self} if self.ack is None else {"ack": self.ack, "self": self.broadcast_self}
        )
        return {
            "broadcast": broadcast,
            "presence": {"key": self.presence_key, "enabled": presence},
            "postgres_changes": [binding.request() for binding in self.changes],
            "private": self.private,
        }


class DatabaseChange(NamedTuple):
    """One change of one row.

    type: `INSERT`, `UPDATE` or `DELETE`. record: empty for a DELETE; old_record: empty for an INSERT.
    commit_timestamp: of the database's clock, as text; None when the row may not be read.
    errors: what the server could not do, as texts; None for nothing.
    binding: position in the channel's `changes`. received_at: monotonic seconds, before parsing. size: of the frame.
    """

    table: str
    type: str
    record: Mapping[str, Any]
    old_record: Mapping[str, Any]
    commit_timestamp: str | None
    errors: list[str] | None
    binding: int
    received_at: float
    size: int


class BroadcastEvent(NamedTuple):
    """One message of a peer. payload: what the peer sent, JSON or bytes. meta: of messages from the database."""

    event: str
    payload: Any
    meta: Mapping[str, Any] | None
    received_at: float
    size: int


class PresenceEvent(NamedTuple):
    """Who is there (`full`, after a join) or who came and went. Both map a presence key to `{"metas": [...]}`."""

    full: bool
    joins: Mapping[str, Any]
    leaves: Mapping[str, Any]
    received_at: float
    size: int


class SystemEvent(NamedTuple):
    """A notice of the server, like `Subscribed to PostgreSQL`: the instant from which changes really come."""

    status: str
    message: str
    extension: str
    received_at: float

    @property
    def subscribed_to_postgres(self) -> bool:
        """Changes committed from about now on are delivered; those before were not and never will be."""
        return self.extension == "postgres_changes" and self.status == "ok"
