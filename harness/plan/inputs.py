"""What a capacity plan starts from: people, habits, and how the shipped client is set. (pure)

"Manual" is the app's operational scaling manual; "contract" the app's wire contract. Where neither has a figure the
comment says "our assumption": replace those first, from analytics.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from harness.core.errors import UsageError
from harness.plan.app import SHIPPED, AppSettings
from harness.plan.input_checks import check
from harness.plan.ranges import Range, refuse

__all__ = ["EVENING", "MIX", "PlanInputs", "Range", "refuse"]

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


SWIPES, MESSAGES = Range(25.0, 60.0), Range(5.0, 30.0)


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

    swipes_per_session: Range = SWIPES
    """Of a swiper. Manual 2: 25-60."""
    messages_per_person: Range = MESSAGES
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
    external_ids_per_search: float = 4.5
    """Of what TMDb found, how many titles it is asked for once more. Observed: 9 in two searches; at most 20 (6.2)."""
    synced_per_search: float = 2.5
    """Titles that are then written to the catalogue. Observed: 5 in two searches; at most 5 (6.2)."""
    messages_on_page: float = 10.0
    """Messages of an open conversation's page. Observed: 4-7 kB a page at 533 bytes each; at most 40 (5.3)."""
    library_writes_per_session: float = 0.5
    """Watchlist and diary changes. Our assumption."""
    turns_per_session: float = 4.0
    """Questions of an assistant user. Our assumption; the client allows 6 a minute (contract 6.6)."""
    offline_share: float = 0.5
    """Share of a commuter's swipes made offline and flushed later. Our assumption."""
    page_loads_per_session: float = 1.0
    """Full loads of the app. Contract 10.1 counts one; a tab that was only woken up has fewer."""

    browser: bool = True
    """The app runs in a browser, which asks before its requests (contract 0.1): as shipped. False: what if it were a
    program of its own."""
    mau_per_dau: float = 3.0
    """People a month for each person a day; the auth price counts the former. Our assumption."""
    days_per_month: float = 30.0
    retained_days: float = 30.0
    """Days of rows on disk in the month that is billed: 30 is the end of the first one."""

    hidden_tabs: float = 0.0
    """Tabs left open behind others, for each one looked at: each keeps its socket and its presence (differences.md:
    it polls nothing). Our assumption: none; high one in two."""
    weekend_factor: float = 1.2
    """Sessions of a day at the weekend over those of a mean one. Our assumption."""
    launch_factor: float = 2.0
    """Arrivals in the hour of a launch over those of the busiest hour. Our assumption."""
    growth_per_month: float = 0.05
    """By how much people a day grow from month to month. Our assumption."""

    reply_header_bytes: float = 700.0
    """Of one reply, preflights too. Our assumption."""
    compressed: float = 0.35
    """Bytes that leave for each byte of a reply's body: clients accept br and gzip. Our assumption; 1: none."""
    call_ms: float = 8.0
    """How long one database call holds a connection, on average. Our assumption; a run's report has its own."""
    call_cpu_ms: float = 1.5
    """Of it a core's time. Our assumption, likewise."""
    ios_per_row: float = 1.0
    """Disk operations for each row written: log, page and index writes, reads beside. Our assumption."""
    disk_bytes_per_row: float = 8_000.0
    """Bytes to the disk for each row written: log with whole pages, indexes, checkpoints. Our assumption."""

    app: AppSettings = SHIPPED
    """How the app is set; what levers move."""

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "curve", tuple(self.curve))
        object.__setattr__(self, "mix", MappingProxyType(dict(self.mix)))

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
