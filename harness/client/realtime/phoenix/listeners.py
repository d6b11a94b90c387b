"""Who listens to a channel, and from a parsed frame to what they are told. (pure)

Source: contract realtime 1.5: a change goes to the bindings whose number is among its `ids` and whose event fits;
broadcasts match their event without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.client.realtime.phoenix.codec import Frame, FrameKind, text
from harness.client.realtime.phoenix.events import (
    Binding,
    BroadcastEvent,
    DatabaseChange,
    PresenceEvent,
    Status,
    SystemEvent,
)

Tell = Callable[..., None]
_ALWAYS = frozenset(("phx_reply", "phx_close", "phx_error", "system"))


class Listeners:
    """Of one channel."""

    __slots__ = ("broadcasts", "change", "presence", "status", "system")

    def __init__(self) -> None:
        self.change: Callable[[DatabaseChange], object] | None = None
        self.broadcasts: dict[str, Callable[[BroadcastEvent], object]] | None = None
        self.presence: Callable[[PresenceEvent], object] | None = None
        self.status: Callable[[Status, str], object] | None = None
        self.system: Callable[[SystemEvent], object] | None = None

    def add_broadcast(self, event: str, listener: Callable[[BroadcastEvent], object]) -> None:
        """In place of an earlier one of the same event."""
        if self.broadcasts is None:
            self.broadcasts = {}
        self.broadcasts[event.lower()] = listener

    def wants(self, event: str) -> bool:
        """Whether a frame of this event has to be parsed."""
        if event == "postgres_changes":
            return self.change is not None
        if event == "broadcast":
            return self.broadcasts is not None
        if event in ("presence_diff", "presence_state"):
            return self.presence is not None
        return event in _ALWAYS

    def tell_change(
        self,
        tell: Tell,
        payload: Mapping[str, Any],
        bindings: tuple[Binding, ...],
        positions: Mapping[int, int],
        at: float,
        size: int,
    ) -> None:
        """`positions` maps the server's number of a binding to its place in `bindings`."""
        data, numbers = payload.get("data"), payload.get("ids")
        if self.change is None or not isinstance(data, dict) or not isinstance(numbers, list):
            return
        kind = text(data.get("type"))
        for number in numbers:
            position = positions.get(number) if isinstance(number, int) else None
            if position is not None and bindings[position].takes(kind):
                tell(self.change, _change(kind, data, position, at, size))

    def tell_broadcast(self, tell: Tell, payload: Mapping[str, Any], at: float, size: int) -> None:
        """To the listener of its event, else to that of `*`."""
        if self.broadcasts is None:
            return
        event = text(payload.get("event"))
        listener = self.broadcasts.get(event.lower()) or self.broadcasts.get("*")
        if listener is not None:
            meta = payload.get("meta")
            tell(
                listener,
                BroadcastEvent(event, payload.get("payload"), meta if isinstance(meta, dict) else None, at, size),
            )

    def tell_presence(self, tell: Tell, frame: Frame, at: float, size: int) -> None:
        """A state or a diff."""
        if self.presence is None:
            return
        if frame.kind is FrameKind.PRESENCE_STATE:
            tell(self.presence, PresenceEvent(True, frame.payload, {}, at, size))
        else:
            joins, leaves = _mapping(frame.payload.get("joins")), _mapping(frame.payload.get("leaves"))
            tell(self.presence, PresenceEvent(False, joins, leaves, at, size))


def _change(kind: str, data: Mapping[str, Any], position: int, at: float, size: int) -> DatabaseChange:
    errors = data.get("errors")
    return DatabaseChange(
        text(data.get("table")),
        kind,
        _mapping(data.get("record")),
        _mapping(data.get("old_record")),
        text(data.get("commit_timestamp")) or None,
        [text(error) for error in errors] if isinstance(errors, list) else None,
        position,
        at,
        size,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
