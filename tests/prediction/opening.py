"""Opening the app, being there, signing up: contract 10.1, 6.5, 6.6, 7.4. (pure)"""

from __future__ import annotations

import itertools
import math
from collections import Counter

from tests.prediction.base import DECK_STALE_S, DEFAULT_STALE_S, Counts, kept, life
from tests.prediction.reads import inside
from tests.prediction.story import Device, Page, Span

PRESENCE_TICK_S, PRESENCE_S = 20.0, 60.0  # 7.4
HINT_S = {"swipe": 120.0, "search": 120.0, "messages": 120.0, "title": 300.0, "home": 420.0, "diary": 600.0}  # 6.6
HINT_STALE_S, PREFERENCES_STALE_S = 60.0, 300.0


def sign_in(page: Page, device: Device) -> Counts:
    """1.1: a form, unless the device has a session; after a sign-up the names."""
    if page.of("sign_up"):
        return Counter(sign_up=1, profile_names=1)
    return Counter() if device.signed_in or page.live_at is None else Counter(sign_in=1)


def page_load(page: Page, device: Device) -> Counts:
    """Rows 1, 2, 4, 5. The first edge call of a page dies on it (quirk A), which is TMDb's; signed in without a reload,
    nothing that needs the second token store leaves (quirk B)."""
    made = Counter(app_settings=1)
    if page.live_at is not None and not page.fresh:
        made += Counter(user=1, background_deck=4)
        made += Counter() if device.assistant_known else Counter(assistant_conversation=3)
    return made


def shell(page: Page) -> Counts:
    """Row 5: who one is, in three reads that stay mounted as long as the page lives, and that home mounts once more;
    and whether hints are wanted. Following somebody has the three read again."""
    names = ("own_profile", "own_profile_public", "own_stats")
    times = kept(page, sorted(life(page) + page.visits("home")), DEFAULT_STALE_S) if life(page) else 0
    times += len(page.of("follow", "unfollow"))
    return Counter(dict.fromkeys(names, times)) + Counter(own_preferences=kept(page, life(page), PREFERENCES_STALE_S))


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
    """6.6: each surface with its context by itself, fresh for a minute; `shown` whenever another one comes first. The
    assistant's own route has no hint, and asks for its conversation."""
    places: dict[str, list[Span]] = {}
    lines = page.of("surface")
    for line, until in zip(lines, [*(line.at for line in lines[1:]), page.end], strict=False):
        places.setdefault(line.subject, []).append((line.at, until))
    asked = len(places.pop("", []))
    times = 0
    for about, spans in places.items():
        every_s = HINT_S[about.partition(":")[0]]
        times += kept(page, spans, HINT_STALE_S, every_s=lambda at, s=every_s: s)
    return Counter(assistant_suggestions=times, suggestion_shown=len(page.of("hint")), assistant_conversation=asked)


def onboarding(page: Page) -> Counts:
    """A deck for the taste page, unless signed up without a reload (quirk B); what was picked, and the gate."""
    made: Counts = Counter()
    if not page.fresh:
        made["onboarding_deck"] = kept(page, page.visits("taste"), DECK_STALE_S)
    # The likes never leave: a browser asks first, and the answer leaves out a header of theirs (6.5).
    return made + Counter(user_update=len(page.of("liked")))
