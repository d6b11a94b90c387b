"""A recording of what one client sent, cleaned: requests, frames, sockets, in flows. (pure)

Instants are seconds since the flow began; a flow's `start` is on the client's own clock, in seconds, so that two of
them can be told apart; None where nothing in the recording says when it was. Ids, texts and secrets are stand-ins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TracedRequest:
    """One request on the wire. query: in the order of the URL. auth: `bearer`, `anon` or `none`. seconds: until its
    reply was there; None where there was none."""

    t: float
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: str = "none"
    body: Any = None
    status: int | None = None
    seconds: float | None = None

    @property
    def end(self) -> float:
        """When its reply was there; when it was sent, where nobody knows."""
        return self.t + (self.seconds or 0.0)

    @property
    def preflight(self) -> bool:
        return self.method == "OPTIONS"


@dataclass(frozen=True, slots=True)
class TracedFrame:
    """One message of Phoenix that the client sent."""

    t: float
    topic: str
    event: str
    payload: Any = None


@dataclass(frozen=True, slots=True)
class TracedSocket:
    """A websocket that was opened, or closed by the client or the server."""

    t: float
    change: str  # "open", "closed by client", "closed by server"


TraceEvent = TracedRequest | TracedFrame | TracedSocket


@dataclass(frozen=True, slots=True)
class TraceFlow:
    """What one thing that the person did caused, in order."""

    name: str
    events: tuple[TraceEvent, ...]
    start: float | None = None
    seconds: float = 0.0  # its length; at least until its last event

    @property
    def requests(self) -> Iterator[TracedRequest]:
        return (event for event in self.events if isinstance(event, TracedRequest))

    @property
    def frames(self) -> Iterator[TracedFrame]:
        return (event for event in self.events if isinstance(event, TracedFrame))


@dataclass(frozen=True, slots=True)
class TraceRecording:
    """All flows of one client. preflights: whether it shows any, so that a lack of them means something. words: texts
    that were searched for, by their stand-in; for the replay alone, shown nowhere."""

    flows: tuple[TraceFlow, ...]
    preflights: bool = True
    words: Mapping[str, str] = field(default_factory=dict, repr=False)

    def flow(self, name: str) -> TraceFlow | None:
        return next((flow for flow in self.flows if flow.name == name), None)
