"""The levers: one entry each. (pure)

A lever changes one side of a comparison: settings of phones (`harness.core.client_settings`), keys of the profile, or
switches of the sandbox. `group` says beside which baseline it stands: what both sides have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.errors import UsageError
from harness.core.frozen_model import closest
from harness.core.profile import Profile


@dataclass(frozen=True, slots=True)
class Group:
    """What both sides of its levers have in common. settings: of phones. switches: of the sandbox."""

    name: str
    what: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    switches: tuple[str, ...] = ()


SHIPPED = Group("shipped", "the app as shipped")
LAPSE = Group(
    "time-lapse",
    "the app as shipped, but that its polls, heartbeats and stale times are a tenth: a piece's session is some ten "
    "seconds long, and stands for two minutes",
    {
        "chat_poll_s": 0.5,
        "list_poll_s": 6.0,
        "presence_every_s": 2.0,
        "last_seen_every_s": 6.0,
        "stale_factor": 0.1,
    },
)
TROUBLE = Group(
    "trouble",
    "the app as shipped, against a service that fails one request in twenty and has a reranker that takes 200 ms",
    switches=("error_share=0.05", "reranker_ms=200"),
)
BESIDE = Group("beside", "the app as shipped, on a sandbox of its own beside the lever's")
GROUPS: Mapping[str, Group] = {group.name: group for group in (SHIPPED, LAPSE, TROUBLE, BESIDE)}


@dataclass(frozen=True, slots=True)
class Lever:
    """One lever. tenfold: settings as the app would have them, where both sides are in time-lapse.

    people: what they see of it, in words. caveat: where a short piece differs from life. control: it does nothing.
    """

    name: str
    what: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    group: Group = SHIPPED
    people: str = ""
    caveat: str = ""
    tenfold: Mapping[str, Any] | None = None
    control: bool = False

    @property
    def phones_only(self) -> bool:
        """Whether it can be pulled against any target."""
        return not self.switches and not self.group.switches

    @property
    def told(self) -> Mapping[str, Any]:
        """Its settings as the app would have them, keys of the profile included."""
        return {**(self.settings if self.tenfold is None else self.tenfold), **self.profile}


_LATE = "a swipe counts later: when the batch is full, the app is put away, or the swipe page opens again"
_SHORT_DECKS = "a piece's sessions are shorter than people's, who swipe through more than one deck"

LEVERS: tuple[Lever, ...] = (
    Lever(
        "control-same",
        "nothing at all: the shipped behaviour beside itself",
        control=True,
    ),
    Lever(
        "control-batch-24",
        "one event less in a batch, which a second's wait never fills",
        {"batch_size": 24},
        control=True,
    ),
    Lever("batch-1", "each swipe event in a request of its own", {"batch_size": 1}),
    Lever(
        "batch-10",
        "ten swipe events a request, however long that takes",
        {"batch_size": 10, "batch_wait_s": 300.0},
        people=_LATE,
    ),
    Lever(
        "batch-25",
        "25 swipe events a request, however long that takes",
        {"batch_size": 25, "batch_wait_s": 300.0},
        people=_LATE,
    ),
    Lever(
        "batch-50",
        "50 swipe events a request, however long that takes",
        {"batch_size": 50, "batch_wait_s": 300.0},
        people=_LATE,
    ),
    Lever(
        "deck-24",
        "decks of 24 cards on the swipe page, instead of 72 and 60",
        {"deck_first": 24, "deck_refill": 24},
        people="a wait for cards is a little likelier",
        caveat=_SHORT_DECKS,
    ),
    Lever(
        "deck-ttl-300",
        "decks are kept on the device for five minutes, across screens and page loads",
        {"deck_ttl_s": 300.0},
        people="older cards",
        caveat="how much it saves depends on how soon people come back",
    ),
    Lever(
        "read-ahead-2",
        "the titles of two cards are read ahead, instead of eight",
        {"read_ahead": 2},
        people="a fast thumb waits for a card's details",
        caveat="a visit reads the first ones ahead once: of longer visits it saves less",
    ),
    Lever(
        "background-2",
        "two decks are read ahead by a page load, instead of four that no screen shows",
        {"background_decks": 2},
    ),
    Lever("background-0", "a page load reads no deck ahead that no screen shows", {"background_decks": 0}),
    Lever(
        "rerank-off",
        "decks ask to be left as they are, without the reranker",
        {"rerank": False},
        group=TROUBLE,
        people="decks in a plainer order",
        caveat="the sandbox's reranker takes time and leaves the order as it is",
    ),
    Lever(
        "broadcast",
        "messages by Broadcast, receipts and reactions by the polls that run anyway; no database changes",
        {"live": "broadcast"},
        people="ticks and reactions come with the next poll, up to 5 s later",
    ),
    Lever(
        "broadcast-messages",
        "messages by Broadcast; receipts and reactions by database changes as before",
        {"live": "broadcast_messages"},
    ),
    Lever("presence-off", "nobody joins the presence channel", {"presence": "off"}, people="no green dots"),
    Lever(
        "presence-chats",
        "the presence channel is joined while a conversation is open, and not otherwise",
        {"presence": "chats"},
        people="green dots of those who chat alone",
    ),
    Lever(
        "receipts-batched",
        "delivery receipts of two seconds in one request, each message once",
        {"receipts_every_s": 2.0},
        people="the second tick comes up to 2 s later",
    ),
    Lever(
        "polls-15",
        "an open conversation polls each 15 s instead of 5 s",
        {"chat_poll_s": 1.5},
        group=LAPSE,
        tenfold={"chat_poll_s": 15.0},
        people="what Realtime lost shows up to 15 s later",
    ),
    Lever(
        "list-poll-300",
        "the conversation list is polled each 300 s instead of 60 s",
        {"list_poll_s": 30.0},
        group=LAPSE,
        tenfold={"list_poll_s": 300.0},
        people="a list that stands still for up to five minutes",
    ),
    Lever(
        "presence-60",
        "presence says each 60 s instead of 20 s that somebody is there",
        {"presence_every_s": 6.0},
        group=LAPSE,
        tenfold={"presence_every_s": 60.0},
        people="a green dot that stays up to a minute too long",
    ),
    Lever(
        "last-seen-300",
        "when somebody was last seen is written each 300 s instead of 60 s",
        {"last_seen_every_s": 30.0},
        group=LAPSE,
        tenfold={"last_seen_every_s": 300.0},
        people="last seen up to five minutes ago",
    ),
    Lever(
        "stale-4x",
        "what was read stays fresh four times as long",
        {"stale_factor": 0.4},
        group=LAPSE,
        tenfold={"stale_factor": 4.0},
        people="older feeds, lists and titles",
    ),
    Lever(
        "refocus-off",
        "coming back to the app reads nothing again",
        {"refetch_on_focus": False},
        group=LAPSE,
        tenfold={"refetch_on_focus": False},
        people="what was there when the app was left",
    ),
    Lever(
        "retries-none",
        "no failed read is tried again",
        profile={"retry_policy": "none"},
        group=TROUBLE,
        people="errors, where a second try would have helped",
    ),
    Lever(
        "retries-budget",
        "failed reads are tried again within a budget of a tenth",
        profile={"retry_policy": "budget"},
        group=TROUBLE,
        people="errors, once the budget is spent",
    ),
    Lever(
        "hardened",
        "the service closes what it leaves open: rights, limits, caps, indexes",
        switches=("hardened=on",),
        group=BESIDE,
        people="refusals, for who did what nobody should",
    ),
)
_BY_NAME = {lever.name: lever for lever in LEVERS}
CONTROLS = tuple(lever.name for lever in LEVERS if lever.control)


def chosen(names: Iterable[str], *, everything: bool = False) -> tuple[Lever, ...]:
    """Those with these names, in the order of the table; of `a+b` a combination. :raises UsageError: no such lever."""
    asked = list(dict.fromkeys(names))
    plain = [name for name in asked if "+" not in name]
    for name in plain:
        _known(name)
    single = [lever for lever in LEVERS if everything or lever.name in plain]
    return (*single, *(combined(name.split("+")) for name in asked if "+" in name))


def combined(names: Sequence[str]) -> Lever:
    """All of these at once. :raises UsageError: unknown, of two groups, or two of them set the same thing."""
    levers = [_known(name.strip()) for name in names]
    name = "+".join(lever.name for lever in levers)
    groups = {lever.group.name for lever in levers}
    if len(groups) > 1:
        raise UsageError(
            f"{name} cannot be pulled at once: they are measured beside different things ({', '.join(sorted(groups))})",
            where="--with",
            remedy="combine levers of one group; --list names the groups",
        )
    settings: dict[str, Any] = {}
    for lever in levers:
        for key, value in {**lever.settings, **lever.profile}.items():
            if settings.setdefault(key, value) != value:
                raise UsageError(f"{name}: two of them set {key}", where="--with", remedy="leave one of the two out")
    tenfold = [dict(lever.told) for lever in levers if lever.tenfold is not None]
    return Lever(
        name,
        "; ".join(lever.what for lever in levers),
        {key: value for lever in levers for key, value in lever.settings.items()},
        {key: value for lever in levers for key, value in lever.profile.items()},
        tuple(switch for lever in levers for switch in lever.switches),
        levers[0].group,
        "; ".join(lever.people for lever in levers if lever.people),
        "; ".join(dict.fromkeys(lever.caveat for lever in levers if lever.caveat)),
        {key: value for one in tenfold for key, value in one.items()} if tenfold else None,
    )


def _known(name: str) -> Lever:
    if name not in _BY_NAME:
        raise UsageError(f"there is no lever {name!r}", where="levers", remedy=closest(name, _BY_NAME))
    return _BY_NAME[name]


def pulled(profile: Profile, group: Group, lever: Lever | None) -> Profile:
    """The profile of one side: with the group's settings, and the lever's, if it is that side's."""
    settings = {**profile.settings.model_dump(), **group.settings, **(lever.settings if lever else {})}
    changes = {**(lever.profile if lever else {}), "settings": settings}
    return Profile.model_validate({**profile.model_dump(), **changes})
