"""What happens to a phone on the way: tunnels, other apps, the system that ends the app (contract 3.8, 10.2).

Without a network gestures and reads wait in the page (`cache.paused`); what does not wait fails at once and never
becomes a packet; what is under way breaks. When the network is back the browser fires `online`: what waited goes on,
the outbox drains its queue, every mounted read that has gone stale is fetched again. What waits is lost with its page.
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
