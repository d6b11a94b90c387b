"""What happens to a phone on the way: tunnels, other apps, the system that ends the app (contract 3.8, 10.2).

Requests without a network fail at once and never become packets; those under way break. The outbox sees failures and
stores what it could not send; when the network is back the browser fires `online`, the outbox drains its queue and
every mounted read that has gone stale is fetched again.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.client.device import Device
from harness.client.faults.outages import arm
from harness.client.network_state import Outage


def plan_outages(phone: Device, outages: Iterable[tuple[float, float]]) -> None:
    """Have the network go and come back by itself: pairs of seconds from now and seconds of outage."""
    now = phone.now()
    for after, seconds in outages:
        phone.network.plan(Outage(now + after, seconds))
    arm(phone.network, phone.clock)


def go_offline(phone: Device) -> None:
    """Into the tunnel, now and until `come_back`."""
    phone.network.lose(phone.now())


def come_back(phone: Device) -> None:
    """Out of the tunnel."""
    phone.network.regain(phone.now())


async def use_another_app(phone: Device, seconds: float) -> None:
    """The app goes to the background for that long: it flushes its events, its pollers pause, then it catches up."""
    phone.network.hide()
    await phone.pause(seconds)
    phone.network.show()


def kill(phone: Device) -> None:
    """The system ends the app without a word to the page: what was only in memory is gone, what was stored stays.

    The session is over after that; what the person does next is another session.
    """
    phone.network.kill()
