"""What a page's Realtime sees of its device."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

from harness.client.clock import DeviceClock
from harness.client.context import SignedIn
from harness.client.http.origin import Origin
from harness.client.http.wire_budget import WireBudget
from harness.client.network_state import NetworkState
from harness.client.notes import SessionNotes
from harness.client.realtime.phoenix.connection import Reporter
from harness.client.realtime.shared import SharedRealtime
from harness.core.client_settings import ClientSettings
from harness.core.people import Person
from harness.egress.gate import Gate


class RealtimeKit(Protocol):
    """What all devices of a worker share, as far as sockets need it. sockets: None where there are none."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    @property
    def origin(self) -> Origin: ...

    @property
    def tls(self) -> ssl.SSLContext | None: ...

    @property
    def gate(self) -> Gate: ...

    @property
    def observer(self) -> Reporter: ...

    @property
    def wire_budget(self) -> WireBudget | None: ...

    @property
    def sockets(self) -> SharedRealtime | None: ...

    @property
    def settings(self) -> ClientSettings: ...


class RealtimeHost(Protocol):
    """The device."""

    @property
    def kit(self) -> RealtimeKit: ...

    @property
    def person(self) -> Person: ...

    @property
    def clock(self) -> DeviceClock: ...

    @property
    def network(self) -> NetworkState: ...

    @property
    def notes(self) -> SessionNotes: ...

    @property
    def jitter(self) -> Callable[[], float]: ...

    @property
    def auth(self) -> SignedIn: ...
