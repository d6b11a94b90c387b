"""Carries out the outages that a device's network has planned: one timer ahead."""

from __future__ import annotations

from harness.client.clock import DeviceClock
from harness.client.network_state import NetworkState


def arm(network: NetworkState, clock: DeviceClock) -> None:
    """To be called when something was planned. A timer that outlived its session finds nothing planned, or does what
    is due anyway."""
    due = network.next_change()
    if due is not None:
        clock.loop.call_later(max(0.0, due - clock.now()), _advance, network, clock)


def _advance(network: NetworkState, clock: DeviceClock) -> None:
    before = network.next_change()
    network.advance(clock.now())
    if before is not None:
        arm(network, clock)
