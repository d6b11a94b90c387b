"""A locustfile for `harness`' own shell: people who have the app open and do one thing, once, at a planned instant."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from harness.client.api.call import Call, Caller, Service
from harness.client.device import Device
from harness.load.locust_adapter import PhoneUser
from harness.load.precise_timer import PreciseTimers

AHEAD_S = 0.5
"""From opening the app, at the ticket's instant, to what is measured. A first request would also have to connect."""


@dataclass(frozen=True, slots=True)
class PlainCall(Call):
    """A call of this benchmark's own, which no profile and no report names."""

    def __post_init__(self) -> None:
        """Any name will do."""


OPEN = PlainCall("open", "GET", "/open", Service.REST, Caller.PLAIN, signed_in=False)
PROBE = PlainCall("probe", "GET", "/probe/{}", Service.REST, Caller.PLAIN, signed_in=False)

_alarms: list[PreciseTimers] = []


async def until(instant: float) -> None:
    """Wait for an instant of the loop's clock."""
    loop = asyncio.get_running_loop()
    if not _alarms:
        _alarms.append(PreciseTimers(loop))
    come: asyncio.Future[None] = loop.create_future()
    _alarms[0].at(instant, lambda: None if come.done() else come.set_result(None))
    await come


def tell_zero(zero: float) -> None:
    """The plan's zero on CLOCK_MONOTONIC, for whoever lays plan and log side by side."""
    Path(os.environ["TRUTH_ZERO"]).write_text(repr(zero))


class Prober(PhoneUser):
    async def session(self, phone: Device) -> None:
        """One request; its number is the ticket's, so that plan and the target's log can be laid side by side."""
        if phone.notes.ticket == 0:
            tell_zero(phone.kit.zero)
        with phone.notes.operation("open") as opening:
            intended = opening.intended + AHEAD_S
            opening.ends((await phone.api.request(OPEN)).outcome)
        await until(intended)
        with phone.notes.operation("probe", intended=intended) as operation:
            operation.ends((await phone.api.request(PROBE, str(phone.notes.ticket))).outcome)
