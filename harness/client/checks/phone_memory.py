"""What one phone remembers so that its replies can be checked: own writes, outlines of what it was shown. (pure)

Ten thousand phones remember this, so everything is bounded: some kilobytes of own writes for as long as the run lasts,
and some tens of kilobytes of pages for as long as a page is open (`forget_page`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from harness.client.checks.settled import SettledWrites
from harness.client.checks.title_facts import TitleFacts
from harness.core.flat_rows import FlatRows

OWN_MESSAGES = 12
TITLES = 32
FOLLOWS = 32
REACTIONS = 12
CONVERSATIONS = 48
CONVERSATIONS_KEPT = 8
"""Conversations of the list that outlive the page."""
FEED_ROWS = 64
FEED_ROWS_KEPT = 8
OPEN_PAGES = 4
RECEIPTS = 6
"""Messages whose delivery is remembered."""
MARKERS = 24


class MessageText(NamedTuple):
    """A text by hash, which is of this process only, and its length in code points. deleted: it has none any more."""

    hash: int
    length: int
    client_id: str | None
    deleted: bool = False

    @classmethod
    def of(cls, text: object, client_id: object) -> MessageText:
        """Of a message as it was sent."""
        written = text if isinstance(text, str) else ""
        return cls(hash(written), len(written), client_id if isinstance(client_id, str) else None)


DELETED = MessageText(0, 0, None, deleted=True)


class OwnMessage(NamedTuple):
    """One acknowledged message of this phone. at: loop time of the acknowledgement."""

    conversation: str
    id: str
    created_at: str
    at: float


class MessagePage(NamedTuple):
    """The newest messages of a conversation as they were shown last, newest first."""

    ids: list[str]
    created: list[str]
    at: float


class FeedRowSeen(NamedTuple):
    """One row of the feed. Sorts as the feed does."""

    created_at: str
    id: str
    actor: str


class FeedSeen(NamedTuple):
    """The beginning of the feed as it was shown last, newest first. whole: there was nothing older."""

    rows: FlatRows[FeedRowSeen]
    whole: bool
    call: str
    begun: float
    at: float


class MarkerSeen(NamedTuple):
    """A read marker's value: the message and the time that its owner's phone gave it."""

    message: str | None
    at: str | None


class WrittenMarker(NamedTuple):
    """A read marker as this phone wrote it."""

    message: str
    at: str


class PhoneMemory:
    """One phone's."""

    def __init__(self, titles: TitleFacts | None = None) -> None:
        """titles: what all phones of the worker remember; None: nobody else's."""
        self.titles = TitleFacts() if titles is None else titles
        self.library: SettledWrites[str, str] = SettledWrites(TITLES)  # title -> status; "": no entry
        self.ratings: SettledWrites[str, float] = SettledWrites(TITLES)
        self.follows: SettledWrites[str, bool] = SettledWrites(FOLLOWS)
        self.reactions: SettledWrites[tuple[str, str], bool] = SettledWrites(REACTIONS)  # (message, emoji)
        self.reacted_in: dict[tuple[str, str], str] = {}  # -> conversation
        self.markers: SettledWrites[str, WrittenMarker] = SettledWrites(CONVERSATIONS_KEPT)
        self.names: SettledWrites[str, tuple[str, str]] = SettledWrites(1)
        self.welcomed = False  # this phone told the target so of its account
        self.texts: SettledWrites[str, MessageText] = SettledWrites(OWN_MESSAGES)
        self.sent: list[OwnMessage] = []  # the last OWN_MESSAGES; a deque has half a kilobyte
        self.active_at: float | None = None  # a library write of this phone that the feed tells of was acknowledged
        self.diary: tuple[float, int] | None = None  # when the diary came, and how many titles it counted
        self.direct: dict[str, str] = {}  # other -> the conversation with them
        self.assistant: str | None = None  # its conversation
        self.told_of: dict[str, float] = {}  # direct conversations -> when the target first told this phone of each
        self.filled: tuple[str, ...] = ()  # calls whose rows of one's own account exist
        self.listed: dict[str, str | None] = {}  # conversation -> updated_at, as the list showed it last
        self.listed_at = 0.0
        self.silent: frozenset[str] = frozenset()  # conversations that the list showed without a last message
        self.followed_at = 0.0  # when whom one follows changed last
        self.following = 0  # such writes on their way
        self.feed: FeedSeen | None = None
        self.next_feed_row: tuple[str, str, str] | None = None  # cursor, and the id that comes after it
        self.pages: dict[tuple[str, str], MessagePage] = {}  # (call, conversation)
        self.delivered: dict[str, tuple[float, set[str]]] = {}  # message -> when that came, and to whom it was
        self.shown: dict[str, int] = {}  # call -> the own row's hash
        self.marked: dict[tuple[str, str], list[MarkerSeen]] = {}  # (conversation, person) -> values, oldest first
        self.marked_at: dict[str, float] = {}  # conversation -> when its markers were shown last

    def keep(self) -> dict[str, Any]:
        """What it knows that a new one does not; of plain values, and nothing of the titles."""
        return {name: value for name, value in vars(self).items() if name != "titles" and not _as_new(name, value)}

    def remember(self, kept: dict[str, Any]) -> None:
        """What `keep` gave of the same phone. For a new one."""
        vars(self).update(kept)

    def forget_page(self) -> None:
        """The app was closed, or lost its connections: what was on screen goes, but for an outline."""
        self.pages.clear()
        self.delivered.clear()
        self.marked.clear()
        self.marked_at.clear()
        self.next_feed_row = None
        if len(self.listed) > CONVERSATIONS_KEPT:
            self.listed = dict(list(self.listed.items())[:CONVERSATIONS_KEPT])
        feed = self.feed
        if feed is not None and len(feed.rows) > FEED_ROWS_KEPT:
            self.feed = feed._replace(rows=feed.rows[:FEED_ROWS_KEPT], whole=False)

    def changes_follows(self) -> None:
        """Somebody is followed or no longer: the feed's past changes with it."""
        self.following += 1
        self.feed = self.next_feed_row = None

    def changed_follows(self, at: float) -> None:
        """That write is over, however it ended."""
        self.following -= 1
        self.followed_at = at
        self.feed = self.next_feed_row = None

    def feed_comparable(self, begun: float) -> bool:
        """Whether a feed that was asked for at `begun` and came now is one of a time in which nobody was followed."""
        return self.following == 0 and begun >= self.followed_at


_NEW = vars(PhoneMemory())


def _as_new(name: str, value: object) -> bool:
    return value.fresh if isinstance(value, SettledWrites) else bool(value == _NEW[name])
