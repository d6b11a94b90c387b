"""What all devices of a worker share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from harness.client.auth.sign_ins import SignIns
from harness.client.context import Observer
from harness.client.faults.fault_schedule import FaultSchedule
from harness.client.http.origin import Origin
from harness.client.http.wire_budget import WireBudget
from harness.client.interruptible_sleep import InterruptibleSleep
from harness.client.realtime.shared import SharedRealtime
from harness.core.app_client import AppClient
from harness.core.client_settings import SHIPPED, ClientSettings
from harness.core.distributions import Distribution
from harness.core.ledger import Ledger
from harness.core.people import People
from harness.core.retry_policies import RetryPolicy
from harness.egress.gate import LOOPBACK, Gate


@dataclass(frozen=True, slots=True)
class DeviceKit:
    """Made once by the engine. Plain data and shared services; nothing in it belongs to one device."""

    loop: asyncio.AbstractEventLoop
    zero: float  # loop time of the run's zero
    pulse: InterruptibleSleep  # every pause; the run's end wakes it
    origin: Origin
    tls: ssl.SSLContext | None
    people: People
    run_tag: int
    seed: int
    behaviour: Mapping[str, Mapping[str, Distribution]]
    observer: Observer
    ledger: Ledger
    worker: int = 0
    sockets: SharedRealtime | None = None  # None: devices use no Realtime
    fault_schedule: FaultSchedule | None = None  # None: nothing goes wrong on purpose
    retry_policy: RetryPolicy = RetryPolicy.SHIPPED
    budget_ratio: float = 0.1
    jitter_s: float = 0.0  # so much later, at most, a phone does what an event makes all phones do at once
    gate: Gate = LOOPBACK  # where connections may go
    wire_budget: WireBudget | None = None  # None: nothing limits what devices send
    sign_ins: SignIns | None = None  # None: whoever can be minted is
    client: AppClient = AppClient.BROWSER
    app_origin: str = ""  # where the app's page comes from; "": from the target itself
    settings: ClientSettings = SHIPPED
    now: Callable[[], float] = monotonic  # the loop's clock

    @property
    def page_origin(self) -> str:
        """Of a page in a browser that came from another origin than the target's; "" where nothing has to be asked."""
        elsewhere = self.client is AppClient.BROWSER and self.app_origin != str(self.origin)
        return self.app_origin if elsewhere else ""
