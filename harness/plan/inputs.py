"""What a capacity plan starts from: people, habits, and how the shipped client is set. (pure)

"Manual" is the app's operational scaling manual; "contract" the app's wire contract. Where neither has a figure the
comment says "our assumption": replace those first, from analytics.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from harness.core.behaviour import PERSONAS
from harness.core.errors import UsageError

HOURS = 24
TOLERANCE = 1e-6
"""How far shares may be from a sum of 1: that of a profile's mix."""

EVENING = tuple(
    per_mille / 1000
    for per_mille in (
        *(27, 14, 7, 4, 4, 6),  # 0-5 h
        *(11, 18, 24, 26, 28, 32),  # 6-11 h
        *(42, 42, 38, 40, 48, 62),  # 12-17 h
        *(78, 94, 104, 98, 88, 65),  # 18-23 h
    )
)
"""Share of a day's sessions by hour. Our assumption: an evening app in one time zone, quiet at four, a small rise at
noon, 20-21 h the busiest with 2.5 times the mean. The manual has no curve."""

MIX = {
    "swiper": 0.45,
    "reader": 0.15,
    "chatter": 0.20,
    "searcher": 0.08,
    "commuter": 0.05,
    "newcomer": 0.02,
    "assistant_user": 0.05,
}
"""Share of sessions by persona. Our assumption: swiping is the app's main screen; the manual has no mix."""


def refuse(figure: str, value: object, problem: str, remedy: str) -> UsageError:
    """The error for a figure no day can have."""
    return UsageError(f"{figure} = {value} {problem}", where=f"plan input {figure}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class Range:
    """Evenly spread between `low` and `high`."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    def times(self, factor: float) -> Range:
        """Both ends multiplied."""
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything a plan depends on, besides prices.

    :raises UsageError: a figure is impossible; the message names it.
    """

    dau: float = 500_000.0
    """People a day. Manual 2."""
    sessions_per_day: float = 1.5
    """Sessions per person and day. Manual 2."""
    session_minutes: float = 8.0
    """Mean length of a session. Manual 2."""
    curve: tuple[float, ...] = EVENING
    """Share of the day's sessions in each hour, 24 shares from midnight on."""
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)
    """Share of sessions by persona."""

    swipes_per_session: Range = Range(25.0, 60.0)
    """Of a swiper. Manual 2: 25-60."""
    messages_per_person: Range = Range(5.0, 30.0)
    """Sent by a messaging person in a day. Manual 2: 5-30."""
    messaging_share: float | None = None
    """Share of people who message on a day. None: the chatters' share of the mix, that is, who chats always chats."""
    group_share: float = 0.2
    """Share of messages written into groups. Our assumption."""
    group_size: float = 5.0
    """Members of a group, the writer included. Our assumption."""
    live_share: float = 0.3
    """Share of the other members who have the conversation open when a message comes. Our assumption."""
    conversations_per_session: float = 3.0
    """Conversations a chatter opens. Our assumption."""
    conversation_share: float = 0.75
    """Share of a chatter's session with a conversation open; the rest is the list. Our assumption."""
    typing_seconds: float = 4.0
    """To write one message: the median of profile nightly."""
    conversations_listed: float = 5.0
    """Rows of the conversation list, each with an avatar. Our assumption."""
    feed_pages_per_session: float = 4.0
    """Of a reader: the median of profile nightly."""
    titles_per_session: float = 1.0
    """Title pages opened in any session but a chatter's or assistant user's. Our assumption."""
    searches_per_session: float = 5.0
    """Settled queries of a searcher. Our assumption."""
    library_writes_per_session: float = 0.5
    """Watchlist and diary changes. Our assumption."""
    turns_per_session: float = 4.0
    """Questions of an assistant user. Our assumption; the client allows 6 a minute (contract 6.6)."""
    offline_share: float = 0.5
    """Share of a commuter's swipes made offline and flushed later. Our assumption."""
    page_loads_per_session: float = 1.0
    """Full loads of the app. Contract 10.1 counts one; a tab that was only woken up has fewer."""

    global_presence: bool = True
    """Channel `presence:global`, joined by everybody (contract, realtime 2.1): as shipped. False: what if not."""
    presence_seconds: float = 20.0
    """Between two presence tracks of a phone: `ux.presence.heartbeat_ms`, default 20,000 (contract 7.4)."""
    browser: bool = True
    """The app runs in a browser, which asks before its requests (contract 0.1): as shipped. False: what if it were a
    program of its own."""
    mau_per_dau: float = 3.0
    """People a month for each person a day; the auth price counts the former. Our assumption."""
    days_per_month: float = 30.0
    retained_days: float = 30.0
    """Days of rows on disk. The shipped maintenance drops impressions after 30 d, events after 90 d, when it works
    (contract 8.2); 30 is also the end of the first month."""

    def __post_init__(self) -> None:
        _check_forms(self.curve, self.mix)
        object.__setattr__(self, "curve", tuple(self.curve))
        object.__setattr__(self, "mix", MappingProxyType(dict(self.mix)))
        _check_numbers(self)
        _check_shares(self)

    @property
    def sessions(self) -> float:
        """Sessions a day."""
        return self.dau * self.sessions_per_day

    @property
    def session_seconds(self) -> float:
        return self.session_minutes * 60

    @property
    def messaging(self) -> float:
        """Share of people who message on a day."""
        return self.mix.get("chatter", 0.0) if self.messaging_share is None else self.messaging_share

    @property
    def messages(self) -> float:
        """Messages sent to people a day."""
        return self.dau * self.messaging * self.messages_per_person.mean

    @property
    def messages_per_session(self) -> float:
        """Of a chatter; 0 when nobody chats."""
        chats = self.sessions * self.mix.get("chatter", 0.0)
        return self.messages / chats if chats else 0.0

    @property
    def seconds_per_card(self) -> float:
        """Mean time a swiper gives a card: the session over its swipes."""
        swipes = self.swipes_per_session.mean
        return self.session_seconds / swipes if swipes else self.session_seconds

    def changed(self, **values: Any) -> PlanInputs:
        """A copy with other values. :raises UsageError: an input that does not exist, or an impossible figure."""
        known = [item.name for item in fields(self)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                raise UsageError(f"the plan has no input called {name!r}", where="plan inputs", remedy=hint)
        return replace(self, **values)


POSITIVE = ("dau", "sessions_per_day", "session_minutes", "presence_seconds", "mau_per_dau", "days_per_month")
SHARES = ("messaging_share", "group_share", "live_share", "conversation_share", "offline_share")
DICTS = ("curve", "mix")
SWITCHES = ("global_presence", "browser")
RANGES = ("swipes_per_session", "messages_per_person")
LEAST, MOST = 1e-6, 1e10
"""What is positive lies between them; beyond is a typing error, and products of it would overflow."""


def _check_forms(curve: object, mix: object) -> None:
    """A file can hold anything under these names."""
    if not isinstance(curve, tuple | list):
        raise refuse("curve", repr(curve), "is not a day", "give 24 shares, one an hour")
    if not isinstance(mix, Mapping):
        raise refuse("mix", repr(mix), "is no table of shares", "write [mix], then lines of persona = share")


def _check_numbers(inputs: PlanInputs) -> None:
    for item in fields(inputs):
        value = getattr(inputs, item.name)
        if item.name in DICTS or (value is None and item.name == "messaging_share"):
            continue
        if item.name in SWITCHES:
            if not isinstance(value, bool):
                raise refuse(item.name, value, "is neither true nor false", "give true or false")
            continue
        if (item.name in RANGES) is not isinstance(value, Range):
            wanted = "Range(low, high)" if item.name in RANGES else "one number"
            raise refuse(item.name, value, "has the wrong form", f"give {wanted}")
        for number in (value.low, value.high) if isinstance(value, Range) else (value,):
            _check_number(item.name, number)
        if isinstance(value, Range) and value.high < value.low:
            raise refuse(item.name, f"{value.low:g}-{value.high:g}", "has its low end above its high one", "swap them")
    if inputs.group_size < 2:
        raise refuse("group_size", inputs.group_size, "is no group", "give 2 or more, the writer included")
    if inputs.mau_per_dau < 1:
        raise refuse("mau_per_dau", inputs.mau_per_dau, "means fewer people a month than a day", "give 1 or more")
    if inputs.session_minutes > HOURS * 60:
        raise refuse("session_minutes", inputs.session_minutes, "is longer than a day", "give minutes")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(name, repr(value), "is not a number", "give a number")
    if not math.isfinite(value):
        raise refuse(name, value, "is not finite", "give a number")
    if value < 0:
        raise refuse(name, f"{value:g}", "is negative", "give 0 or more")
    if name in POSITIVE and value < LEAST:
        raise refuse(name, f"{value:g}", "leaves nothing to plan", f"give {LEAST:g} or more")
    if value > MOST:
        raise refuse(name, f"{value:g}", "is beyond anything real", f"give {MOST:g} or less")
    if name in SHARES and value > 1:
        raise refuse(name, f"{value:g}", "is more than everybody", "give a share from 0 to 1")


def _check_shares(inputs: PlanInputs) -> None:
    if len(inputs.curve) != HOURS:
        raise refuse("curve", f"{len(inputs.curve)} numbers", "is not a day", "give 24 shares, one an hour")
    for hour, share in enumerate(inputs.curve):
        _check_number(f"curve[{hour}]", share)
    for persona, share in inputs.mix.items():
        if persona not in PERSONAS:
            near = difflib.get_close_matches(str(persona), PERSONAS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(PERSONAS)}"
            raise refuse("mix", persona, "is no persona", hint)
        _check_number(f"mix.{persona}", share)
    for name, shares in (("curve", inputs.curve), ("mix", tuple(inputs.mix.values()))):
        total = math.fsum(shares)
        if abs(total - 1) > TOLERANCE:
            raise refuse(f"sum of {name}", f"{total:.9g}", "is not 1", f"adjust one share by {1 - total:+.9g}")
    chats = inputs.sessions_per_day * inputs.mix.get("chatter", 0.0)
    if inputs.messaging_share is not None and inputs.messaging_share > chats * (1 + TOLERANCE):
        raise refuse(
            "messaging_share",
            f"{inputs.messaging_share:g}",
            f"is more people than have a chatter's session on a day ({chats:.3g} of them)",
            "raise mix.chatter or lower messaging_share",
        )
