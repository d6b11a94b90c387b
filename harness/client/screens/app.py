"""Opening the app: the signed-in page load, call for call (contract 10.1).

Row 1   the signed-in person; nothing else before the answer
Row 2   TMDb's configuration and the public settings. As shipped the first edge call of a page load dies on the phone
        (quirk A); that is TMDb's, each time, because what never arrives is never remembered. The settings go out.
Row 3   presence
Row 4   what the app reads ahead: feed, conversations, diary, and four decks that no screen reads (trap T40)
Row 5   the shell: who one is (three reads, one after another), whether hints are wanted, the assistant's conversation
        three times, and the first hint: of the surface "home", because the page begins at "/"
Row 6   the route: the landing page, on which the person stays until they open something else

After a sign-in without a reload (quirk B) the same calls are made, but those that insist on a signed-in person stay on
the phone: no deck, no event, no assistant (trap T41).
"""

from __future__ import annotations

from harness.client.api.calls import APP_SETTINGS, BACKGROUND_DECK, TMDB_CONFIGURATION, USER
from harness.client.cache.local_storage import PUBLIC_SETTINGS, TMDB_CONFIGURATION_S
from harness.client.cache.local_storage import TMDB_CONFIGURATION as TMDB_KEPT
from harness.client.device import Device
from harness.client.screens.browse.decks import ask_for_deck, base_seed, fetch_deck
from harness.client.screens.browse.feed import first_page
from harness.client.screens.browse.landing import Landing
from harness.client.screens.browse.library import diary_stats
from harness.client.screens.browse.suggestions import HintChip, ensure_assistant
from harness.client.screens.conversation_list import ConversationList
from harness.client.screens.own_profile import own_profile, preferences
from harness.client.screens.presence import heartbeat
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

BACKGROUND_DECKS = (("combined", 36), ("for_you", 18), ("friends", 18), ("trending", 18))


async def open_app(phone: Device, *, landing: bool = True) -> bool:
    """From tapping the icon to a signed-in app with its landing page; False when the person cannot get in.

    A device without a stored session signs in first, as an operation of its own, and then loads the page: that is
    what an earlier visit left behind.
    """
    if phone.auth.account is None:
        with phone.notes.operation("sign_in") as operation:
            outcome = await phone.auth.sign_in()
            if not operation.ends(outcome):
                phone.notes.could_not_get_in(outcome)
                return False
    phone.load_page()
    phone.notes.did(UserAction.PAGE_LOAD, "signed_in")
    phone.background.start(_load_tmdb_configuration(phone))
    with phone.notes.operation("app_open") as operation:
        phone.page.realtime.enter_presence()
        user = await phone.api.request(USER)
        if not operation.ends(user.outcome) or phone.auth.account is None:
            phone.notes.could_not_get_in(Outcome.AUTH if user.outcome.good else user.outcome)
            return False
        phone.page.realtime.user_told()
    phone.background.start(_load_settings(phone))
    await enter(phone, landing=landing)
    return True


async def open_signed_out(phone: Device) -> None:
    """The page load of somebody who is not signed in: TMDb's call dies on the phone as ever, then the settings."""
    phone.load_page()
    phone.notes.did(UserAction.PAGE_LOAD, "signed_out")
    await _load_tmdb_configuration(phone)
    await _load_settings(phone)


async def enter(phone: Device, *, landing: bool) -> None:
    """Rows 3 to 6, all at once, as soon as somebody is signed in on the page.

    Waits for the landing page alone, because that is what the person sees.
    """
    phone.background.start(heartbeat(phone))
    phone.background.start(phone.auth.tick())
    read_ahead(phone)
    shell = Screen(phone)  # never left: its reads are shown as long as the page lives
    shell.mount(own_profile(phone))
    shell.mount(preferences(phone))
    phone.background.start(ensure_assistant(phone))
    if landing:
        HintChip.of(phone).show("home")
        page = Landing(phone)
        page.stays()
        await page.open()


def read_ahead(phone: Device) -> None:
    """Row 4, once per page load."""
    queries = phone.page.queries
    queries.prefetch(first_page(phone))
    phone.background.start(ConversationList.of(phone).prefetch())
    queries.prefetch(diary_stats(phone))
    for mode, limit in BACKGROUND_DECKS[: phone.settings.background_decks]:
        phone.background.start(_background_deck(phone, mode, limit))


async def _background_deck(phone: Device, mode: str, limit: int) -> None:
    ahead = {"kindFilter": None, "skipRerank": True}
    ask = fetch_deck if phone.settings.deck_ttl_s > 0 else ask_for_deck  # whoever keeps decks has to read their cards
    await ask(phone, BACKGROUND_DECK, mode, limit, base_seed(phone, mode), ahead=ahead)


async def _load_settings(phone: Device) -> None:
    """Failure keeps the defaults (contract 6.1), so it fails nothing else."""
    reading = await phone.api.request(APP_SETTINGS, body={})
    if reading.outcome.good:
        phone.local.put(PUBLIC_SETTINGS, reading.data is not None or None, phone.now())  # that, not what: nobody asks


async def _load_tmdb_configuration(phone: Device) -> None:
    if phone.local.young(TMDB_KEPT, TMDB_CONFIGURATION_S, phone.now()) is not None:
        return
    reading = await phone.api.request(TMDB_CONFIGURATION, body={"path": "/configuration", "params": {}})
    if reading.outcome.good:
        phone.local.put(TMDB_KEPT, reading.data is not None or None, phone.now())
