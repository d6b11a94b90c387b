"""Opening the app (contract 10.1)."""

from __future__ import annotations

from harness.phone.calls import APP_SETTINGS, PRESENCE, USER
from harness.phone.clock import utc_now
from harness.phone.phone import Phone


async def open_app(phone: Phone) -> bool:
    """From tapping the icon to a signed-in app; False when the person cannot get in.

    A device without a stored session signs in first, which counts as an operation of its own.
    """
    if phone.account is None:
        with phone.operation("sign_in") as operation:
            if not operation.ends(await phone.sign_in()):
                return False
    with phone.operation("app_open") as operation:
        settings = phone.chore(_load_settings(phone))
        user = await phone.request(USER)
        if not operation.ends(user.outcome):
            return False
        await settings
    phone.chore(touch_presence(phone))
    return True


async def _load_settings(phone: Phone) -> None:
    """Failure keeps the defaults (contract 6.1), so it does not fail the operation; the attempt is recorded."""
    await phone.request(APP_SETTINGS, body={})


async def touch_presence(phone: Phone) -> None:
    """Tell the others when this person was last seen; nobody waits for it."""
    await phone.request(PRESENCE, phone.user_id, body={"last_seen_at": utc_now()})
