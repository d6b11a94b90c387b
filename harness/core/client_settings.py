"""What the app's team could set otherwise on the phones; as shipped unless a profile says so (`settings`). (pure)

Each is a lever on what the service has to carry (`harness levers`, docs/levers.md), and behaviour of phones: what is
sent, what is asked for, and when. Sections are those of the wire contract; where none is named, the shipped app has no
such thing, and its absence is the default.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.core.frozen_model import Count, FrozenModel, Number

Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Cards = Annotated[Count, Field(ge=1, le=200)]
Live = Literal["changes", "broadcast_messages", "broadcast"]
Presence = Literal["always", "chats", "off"]


class ClientSettings(FrozenModel):
    """Settings of every phone of a run.

    live: how an open conversation hears of what is new. `changes`: messages, read and delivery receipts and reactions
    by database changes (realtime 2.1). `broadcast_messages`: messages by Broadcast, sent by the phone that wrote them,
    the other three by database changes. `broadcast`: messages by Broadcast, and the other three by the polls that run
    in any case; no phone subscribes to the database.
    presence: whether phones join the channel of everybody: all the time, while a conversation is open, or never.
    """

    batch_size: Annotated[Count, Field(ge=1, le=50)] = 25  # swipe events a request, at most; 3.8
    batch_wait_s: Seconds = 1.0  # from the first event in memory until they leave; 3.8
    deck_first: Cards = 72  # cards asked for by the swipe page as it opens; 2.6
    deck_refill: Cards = 60  # and when few are left
    deck_ttl_s: Annotated[Number, Field(ge=0, le=86_400)] = 0.0  # a deck kept on the device may be so old; 0: none is
    read_ahead: Annotated[Count, Field(ge=0, le=50)] = 8  # cards below the top one whose titles are fetched; 2.6
    background_decks: Annotated[Count, Field(ge=0, le=4)] = 4  # read ahead by a page load, which no screen shows; 10.1
    rerank: bool = True  # False: every deck and search says `skipRerank`; 2.1
    chat_poll_s: Seconds = 5.0  # of an open conversation while its channel is SUBSCRIBED; 5.3
    list_poll_s: Seconds = 60.0  # of the conversation list while a screen shows it; 5.1
    live: Live = "changes"
    receipts_every_s: Annotated[Number, Field(ge=0, le=60)] = 0.0  # delivery receipts gathered so long; 0: none is
    presence: Presence = "always"
    presence_every_s: Seconds = 20.0  # between two tracks on the presence channel; 7.4
    last_seen_every_s: Seconds = 60.0  # between two writes of `last_seen_at`, at least; 5.5
    stale_factor: Annotated[Number, Field(gt=0, le=1_000)] = 1.0  # times every stale time of a page's reads; 0.2
    refetch_on_focus: bool = True  # reads that are stale are made again when the app is back on screen; 0.2


SHIPPED = ClientSettings()
