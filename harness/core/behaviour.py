"""What personas do, in quantities that a profile sets: the one place that knows their names, units and meanings. (pure)

Profiles are checked from it (`harness.config.behaviour`), the tables of `docs/personas.md` are made from it
(`scripts/personas_page.py`), and the names of the shipped personas are its keys. How much of a quantity there is stands
in profiles alone: `scenarios/profiles/nightly.toml` has every one, with its source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that is drawn from a distribution of the profile, in `unit`.

    A share is a chance from 0 to 1, per case of `unit`; a profile that leaves it out means never, and no number is
    drawn for it. Of the others, `default` is what a profile means that leaves it out; without one it has to be there,
    or, where it belongs to a share (`only_with`), has to be there whenever that share is.
    """

    name: str
    unit: str
    meaning: str
    share: bool = False
    default: float | None = None
    only_with: str = ""


def _share(name: str, of: str, meaning: str) -> Quantity:
    return Quantity(name, of, meaning, share=True, default=0.0)


def _seconds(name: str, meaning: str, *, default: float | None = None, only_with: str = "") -> Quantity:
    return Quantity(name, "s", meaning, default=default, only_with=only_with)


def _landing(meaning: str = "on the landing page before going on") -> Quantity:
    return _seconds("landing_s", meaning, default=0.0)


def _away(occasion: str) -> tuple[Quantity, Quantity]:
    return (
        _share("away", occasion, "the app goes to the background: a message, a call"),
        _seconds("away_s", "in the background, each time", only_with="away"),
    )


_TITLE_S = _seconds("title_s", "on a title's own page", only_with="titles")
_WATCHLIST = _share("watchlist", "titles looked at", "the title is put on the watchlist")

BEHAVIOUR: Mapping[str, tuple[Quantity, ...]] = {
    "swiper": (
        _landing(),
        Quantity("swipes", "swipes a session", "cards swiped before the person closes the app"),
        _seconds("dwell_s", "a card is looked at"),
        _share("titles", "swipes", "the title's own page is opened; coming back mounts the swipe page anew"),
        _TITLE_S,
        _WATCHLIST,
        _share("rates", "cards", "rated with stars before it is swiped"),
        _share("marks_watched", "cards", "marked as watched before it is swiped"),
        _share("bookmarks", "cards", "put on the watchlist before it is swiped"),
        _share("not_interested", "cards", "swiped by the button for not interested, instead of a gesture"),
        _share("more_like_this", "cards", "swiped by the button for more like this, instead of a gesture"),
        *_away("swipes"),
    ),
    "reader": (
        _landing(),
        Quantity("pages", "pages a session", "pages of the home feed, 40 entries each"),
        _seconds("read_s", "on each page, in the diary, and between unfollowing and following again"),
        _share("titles", "pages", "a title's own page is opened from the feed"),
        _TITLE_S,
        _share("like", "titles looked at", "a heart"),
        _WATCHLIST,
        _share("watched", "titles looked at", "marked as watched"),
        _share("review", "titles looked at", "a review is written"),
        _share("follow", "titles looked at", "whoever it came from is unfollowed and followed again"),
        _share("diary", "sessions", "the session ends in the person's own diary"),
        *_away("pages"),
    ),
    "chatter": (
        Quantity("messages", "messages a session", "messages written"),
        _seconds("typing_s", "to write a message"),
        _seconds("read_s", "between sending and writing again: reading, waiting for an answer"),
        _share("retry", "messages that failed", 'the person taps "try again", once, with the same client id'),
        _share("edit", "messages", "corrected after it was sent"),
        _share("delete", "messages", "deleted for everybody"),
        _share("react", "messages", "one of the latest ten is answered with an emoji"),
        _share("takes_back", "reactions", "thought better of: after another look the same emoji is tapped again"),
        _share("attach", "messages", "with a picture"),
        Quantity("attachment_bytes", "bytes", "size of that picture", only_with="attach"),
        _share("scrolls_up", "sessions", "up to one older page: 40 more receipts at most, one more GET in every poll"),
        _share("new_chat", "sessions", "the conversation is asked for anew, by create-direct-conversation"),
        _share("in_largest", "sessions", "the conversation with the most members, where people meet"),
        _share("overhears", "sessions", "also listens to a conversation of others, which Realtime must keep from it"),
    ),
    "searcher": (
        _landing(),
        Quantity("queries", "queries a session", "things searched for"),
        Quantity("words", "words a query", "length of a query, rounded"),
        _seconds("key_s", "between two keys; the field asks when it has stood still for 0.25 s"),
        _seconds("read_s", "on the results of a query"),
        _share("titles", "queries", "a title that was found is opened"),
        _TITLE_S,
        _WATCHLIST,
        _share("people", "queries", "people are searched for as well"),
        _share("chips", "queries", "the chip for films is tapped, then the one for everything again"),
        *_away("queries"),
    ),
    "commuter": (
        Quantity("swipes", "swipes a session", "cards swiped before the person closes the app"),
        _seconds("dwell_s", "a card is looked at; the app records looks only when the page is left"),
        Quantity("tunnels", "outages a session", "times that the network goes away, rounded"),
        _seconds("daylight_s", "with a network before each outage"),
        _seconds("tunnel_s", "each outage lasts"),
        _share("looks_away", "cards", "another app comes first"),
        _seconds("away_s", "in that other app", only_with="looks_away"),
        _share("killed", "sessions", "the system kills the app at the end: what was in memory is lost, as in the app"),
    ),
    "newcomer": (
        _seconds("form_s", "in the sign-up form"),
        _seconds("puzzled_s", "before an empty taste page is reloaded (as shipped it always is empty)"),
        Quantity("likes", "titles a session", "titles picked on the taste page, which wants five to twenty"),
        _seconds("pick_s", "a pick"),
        _landing("on the landing page, once onboarding let the person through"),
    ),
    "assistant_user": (
        Quantity("questions", "questions a session", "questions asked"),
        _seconds("typing_s", "to write a question"),
        _seconds("read_s", "to read an answer, its coming included"),
    ),
}
"""Persona -> its quantities."""

PERSONAS = tuple(BEHAVIOUR)
"""The shipped personas: each is a file and a Locust User class of `scenarios`."""


def quantities(persona: str) -> Mapping[str, Quantity] | None:
    """A shipped persona's quantities by name; None for a persona that is not shipped."""
    known = BEHAVIOUR.get(persona)
    return None if known is None else {quantity.name: quantity for quantity in known}


def persona_of(class_name: str) -> str:
    """The persona that a Locust User class plays: its name in lower case with underscores."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()
