"""What the parts of the Realtime server see of each other: the narrow protocols that `hub.Hub` and `socket` satisfy.

Parts lower down (topic, channel, feed, join, socket) are given the server as one of these and never import it.
`C` stands for a channel, `T` for a topic's state, `S` for a socket.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sandbox.realtime.access import TokenKeys
from sandbox.realtime.encoded import EncodedMessage
from sandbox.realtime.faults import EVERYWHERE, Faults, Place
from sandbox.realtime.limits import RateCounter
from sandbox.realtime.settings import RealtimeSettings

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass
class ServerCounters:
    """Since the start: frames from clients, those that were none, clients cut off, refusals."""

    received: int = 0
    malformed: int = 0
    killed: int = 0
    refused_joins: int = 0
    refused_upgrades: int = 0


class TopicHost(Protocol):
    """The server, as a topic sees it."""

    @property
    def references(self) -> Iterator[str]:
        """`phx_ref` values."""

    def count_event(self) -> bool:
        """One message reaches a channel; whether that is over the limit."""

    def count_presence(self, events: int) -> None:
        """So many presence events."""


class TopicMember(Protocol):
    """A channel, as its topic sees it."""

    presence_enabled: bool

    def send(self, message: EncodedMessage) -> None:
        """To this channel's client."""

    def shut_down(self, message: str) -> None:
        """The server ends it with a notice."""


class ServerClock(Protocol):
    """The server's time, settings and faults."""

    @property
    def settings(self) -> RealtimeSettings:
        """In force now."""

    def monotonic(self) -> float:
        """Seconds, for durations."""

    def now(self) -> float:
        """Unix time, for tokens."""

    def later(self, seconds: float, work: Callable[[], object]) -> asyncio.TimerHandle:
        """Do it then."""

    def fault(self, name: str, place: Place = EVERYWHERE) -> int:
        """A fault's value there, 0 where it is off."""


class FeedHost(ServerClock, Protocol):
    """The server, as the change feed sees it."""

    @property
    def rng(self) -> random.Random:
        """For waits."""

    @property
    def faults(self) -> Faults:
        """All of them."""

    @property
    def db_events(self) -> RateCounter:
        """Database events delivered."""


class ChannelHost(ServerClock, Protocol[C_contra]):
    """The server, as a channel sees it."""

    @property
    def token_keys(self) -> TokenKeys:
        """What tokens hold by."""

    def count_broadcast(self) -> None:
        """One message was sent."""

    def count_presence(self, events: int) -> None:
        """So many presence events."""

    def presence_over(self) -> bool:
        """Whether presence is over its limit."""

    def resubscribe(self, channel: C_contra) -> None:
        """Its database subscriptions follow its present token."""

    def stopped(self, channel: C_contra) -> None:
        """It ended."""


class ChannelConnection(Protocol[C_contra]):
    """A socket, as a channel on it and the server's bookkeeping see it."""

    @property
    def id(self) -> int:
        """A number that no socket had before."""

    @property
    def vsn(self) -> str:
        """The serializer's version."""

    def write(self, data: bytes) -> None:
        """A whole frame."""

    def expire_by(self, expires_at: float) -> None:
        """A token of its channels ends then, Unix time."""

    def add(self, channel: C_contra) -> bool:
        """A channel was joined; whether it is the only one."""

    def discard(self, channel: C_contra) -> bool:
        """A channel ended; whether the socket has none any more because of it."""


class JoiningConnection(ChannelConnection[C], Protocol[C]):
    """A socket, as a join sees it."""

    @property
    def channels(self) -> Mapping[str, C]:
        """By topic."""

    @property
    def key(self) -> str:
        """The URL's `apikey`."""


class JoinHost(ChannelHost[C_contra], Protocol[C_contra, T_co]):
    """The server, as a join sees it."""

    @property
    def users(self) -> int:
        """Sockets with a channel."""

    @property
    def draining(self) -> bool:
        """Whether joins are refused because the server goes."""

    @property
    def joins(self) -> RateCounter:
        """Channel joins."""

    def topic(self, name: str, *, private: bool) -> T_co:
        """Its state, made when nobody is on it."""

    def started(self, channel: C_contra) -> None:
        """A join succeeded."""

    def subscribe(self, channel: C_contra) -> None:
        """Its database subscriptions are wanted."""


class SocketHost(JoinHost[C_contra, T_co], Protocol[C_contra, T_co, S_contra]):
    """The server, as a socket sees it."""

    @property
    def faults(self) -> Faults:
        """All of them."""

    @property
    def counters(self) -> ServerCounters:
        """To be counted up."""

    def next_socket(self) -> int:
        """A number that no socket had before."""

    def entered(self, socket: S_contra) -> None:
        """An upgrade succeeded."""

    def left(self, socket: S_contra) -> None:
        """A socket ended, and its channels with it."""
