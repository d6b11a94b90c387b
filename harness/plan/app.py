"""How the app is set: what a lever moves. The defaults are the app as shipped. (pure)

Names are those of the phones' own settings, so that a lever is called the same where it is planned and where it is
measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Live = Literal["changes", "broadcast", "broadcast_messages"]
Presence = Literal["always", "chats", "off"]


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Seconds, unless a name says otherwise. Sections are the wire contract's."""

    batch_size: int | None = None
    """Swipe events that a phone gathers before it sends them, for as long as `batch_wait_s`, or without end where that
    is not set; None: whatever the time brings (3.8)."""
    batch_wait_s: float | None = None
    """From the first gathered event to its request; None: 1 s as shipped (3.8), or no limit where a size is set."""
    deck_first: int = 72
    """Cards of the swipe page's first deck (2.6)."""
    deck_refill: int = 60
    """Cards of each further one (2.6)."""
    deck_ttl_s: float = 0.0
    """How long a page load's decks are kept for the next page load. As shipped they are asked for each time (10.1)."""
    read_ahead: int = 8
    """Titles whose details are read before their card is on top (2.6)."""
    chat_poll_s: float = 5.0
    """Between polls of an open conversation while its channel is SUBSCRIBED (5.3)."""
    list_poll_s: float = 60.0
    """Between reads of the conversation list (5.1)."""
    live: Live = "changes"
    """What brings news to open conversations: database changes (realtime 2.1); Broadcast for messages, changes for
    receipts and reactions; or Broadcast for messages, and the polls that run in any case for the rest."""
    presence: Presence = "always"
    """Who joins `presence:global`: everybody, who has a conversation open, or nobody (realtime 2.1)."""
    presence_every_s: float = 20.0
    """Between two presence tracks of a phone: `ux.presence.heartbeat_ms` (7.4)."""
    last_seen_every_s: float = 60.0
    """Between two writes of `last_seen` (10.2)."""
    receipts_every_s: float = 0.0
    """How long receipts are gathered for one request; 0: each at once (5.6)."""
    background_decks: int = 4
    """Decks that a page load asks for and no screen reads (10.1 row 4)."""


SHIPPED = AppSettings()
