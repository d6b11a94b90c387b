"""Being there: the last-seen write, and looking away from the app and back (contract 5.5, 7.4, 10.2)."""

from __future__ import annotations

from harness.client.api.calls import PRESENCE
from harness.client.device import Device
from harness.client.network_state import NetworkChange
from harness.core.instants import epoch_us
from harness.core.ledger import WriteKind


async def touch_presence(phone: Device) -> None:
    """Tell the others when this person was last seen, at most once a minute (`last_seen_every_s`, the app's
    `ux.presence.db_touch_min_interval_ms`) per page; nobody waits for it."""
    now, last = phone.now(), phone.page.last_seen_at
    if last is not None and now - last < phone.settings.last_seen_every_s:
        return
    phone.page.last_seen_at = now
    at = phone.clock.wall_clock()
    write = phone.notes.write(WriteKind.SEEN, subject=phone.user_id, key=epoch_us(at) or 0)
    write.sent()
    write.answered(await phone.api.request(PRESENCE, phone.user_id, body={"last_seen_at": at}))


async def heartbeat(phone: Device) -> None:
    """The page's presence timer, from load to close: a track each time, and the write; a hidden tab writes nothing.

    A channel that was joined a moment ago tracks by itself, as soon as the server says SUBSCRIBED. The timer begins
    anew with the app's user, as the channel does. Its interval is the app's `ux.presence.heartbeat_ms`.
    """
    every_s = phone.settings.presence_every_s
    phone.page.realtime.enter_presence()
    unwatch = phone.network.watch(lambda change: _back(phone, change))
    try:
        while True:
            if phone.network.visible and phone.auth.account is not None:
                await touch_presence(phone)
            begun = phone.now()
            while (wait := max(begun, phone.page.realtime.user_since) + every_s - phone.now()) > 0:
                await phone.pause(wait)
            phone.page.realtime.track()
    finally:
        unwatch()


def _back(phone: Device, change: NetworkChange) -> None:
    """On coming back to the app the others are told at once, and so is the table."""
    if change is NetworkChange.VISIBLE and phone.auth.account is not None:
        phone.background.start(touch_presence(phone))


async def look_away(phone: Device, seconds: float) -> None:
    """Another app for a while: what the outbox holds leaves now, and on return everything stale on screen is read."""
    phone.network.hide()
    await phone.pause(seconds)
    phone.network.show()


async def maybe_look_away(phone: Device, persona: str) -> None:
    """As often and as long as the persona's `away` (share of occasions) and `away_s` say; never without them."""
    if phone.behaviour.chance(persona, "away"):
        await look_away(phone, phone.behaviour.draws(persona, "away_s"))
