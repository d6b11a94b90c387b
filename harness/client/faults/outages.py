"""Carries out what a phone's link has planned: one timer ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.client.device import Device


def arm(phone: Device) -> None:
    """To be called when something was planned. A timer that outlived its session finds nothing planned, or does what
    is due anyway."""
    due = phone.link.next_change()
    if due is not None:
        phone.kit.loop.call_later(max(0.0, due - phone.now()), _advance, phone)


def _advance(phone: Device) -> None:
    before = phone.link.next_change()
    phone.link.advance(phone.now())
    if before is not None:
        arm(phone)
