"""Opening the app, being there, signing up: contract 10.1, 6.5, 6.6, 7.4. (pure)"""

from __future__ import annotations

import itertools
import math
from collections import Counter

from tests.prediction.base import DECK_STALE_S, DEFAULT_STALE_S, Counts, kept, life
from tests.prediction.reads import inside
from tests.prediction.story import Device, Page

PRESENCE_TICK_S, PRESENCE_S = 20.0, 60.0  # 7.4
HINT_S = {"swipe": 120.0, "search": 120.0, "messages": 120.0, "title": 300.0, "home": 420.0, "diary": 600.0}  # 6.6
SURFACES = {"landing": "search", "search": "search", "swipe": "swipe", "title": "title", "home": "home"}
SURFACES |= {"diary": "diary", "list": "messages"}


def sign_in(page: Page, device: Device) -> Counts:
    """1.1: a form, unless the device has a session; after a sign-up the names."""
    if page.of("sign_up"):
        return Counter(sign_up=1, profile_names=1)
    return Counter() if device.signed_in or page.live_at is None else Counter(sign_in=1)


def page_load(page: Page, device: Device) -> Counts:
    """Rows 1, 2, 4, 5. The first edge call of a page dies on it (quirk A), taken to be the settings; signed in without
    a reload, nothing that needs the second token store leaves (quirk B)."""
    if page.live_at is None:
        return Counter()
    made = Counter() if device.tmdb_known else Counter(tmdb_configuration=1)
    if not page.fresh:
        made += Counter(user=1, background_deck=4)
        made += Counter() if device.assistant_known else Counter(assistant_conversation=1)
    return made


def shell(page: Page) -> Counts:
    """Row 5: four reads that stay mounted as long as the page lives."""
    names = ("own_profile", "own_profile_public", "own_stats", "own_preferences")
    times = kept(page, life(page), DEFAULT_STALE_S)
    return Counter(dict.fromkeys(names, times))


def presence(page: Page) -> Counts:
    """Row 3 and 10.2: at most once in 60 s while visible, looked at each 20 s and on coming back to the app."""
    times, last = 0, -math.inf
    for start, end in life(page):
        back = [line.at for line in page.of("back") if start <= line.at < end]
        anew = [start, *back, end]
        beats = [
            at + PRESENCE_TICK_S * tick
            for at, until in itertools.pairwise(anew)
            for tick in range(math.ceil((until - at) / PRESENCE_TICK_S))
        ]
        for at in beats:
            if not inside(at, page.hidden) and at - last >= PRESENCE_S:
                last = at
                times += not inside(at, page.offline)
    return Counter(presence=times)


def hints(page: Page) -> Counts:
    """6.6: each surface by itself; `shown` for each first suggestion that the page has not had."""
    times = 0
    for surface, every_s in HINT_S.items():
        shown = [span for screen, of in SURFACES.items() if of == surface for span in page.visits(screen)]
        times += kept(page, sorted(shown), every_s, every_s=lambda at, s=every_s: s)
    return Counter(assistant_suggestions=times, suggestion_shown=len({line.subject for line in page.of("hint")}))


def onboarding(page: Page) -> Counts:
    """A deck for the taste page, unless signed up without a reload (quirk B); what was picked, and the gate."""
    made: Counts = Counter()
    if not page.fresh:
        made["onboarding_deck"] = kept(page, page.visits("taste"), DECK_STALE_S)
    liked = len(page.of("liked"))
    return made + Counter(onboarding_likes=liked, user_update=liked)
