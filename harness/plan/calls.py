"""What one session sends: the contract's rules as a table. (pure)

A `PlannedCall` says how many requests of one endpoint follow from one unit of a `Driver`; `sessions.py` says how many
units a session of each persona has. The last column is the section of the wire contract the number comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from harness.plan.inputs import PlanInputs


class CallKind(Enum):
    """Which part of the platform answers."""

    AUTH = "auth"
    REST = "rest"
    EDGE = "edge"
    STORAGE = "storage"
    PREFLIGHT = "preflight"  # the gateway, or a function; neither costs an invocation


class Driver(Enum):
    """What makes a session send: things done, and time spent. Units are per session unless said otherwise."""

    REFRESH = "token refresh"
    LOAD = "signed-in page load"
    LANDING = "landing deck"
    BACKGROUND = "page load with its background decks"
    SIGN_UP = "sign-up"
    FRESH_LOAD = "page load right after signing up"
    MINUTE = "write of last_seen after the first"
    BUSY_MINUTE = "minute on swipe, search or message screens"
    HOME_MINUTE = "minute on the home screen"
    HOME = "home screen opened"
    FEED_PAGE = "feed page after the first"
    SWIPE_PAGE = "swipe page opened"
    REFILL = "deck refill"
    SWIPE = "swipe"
    AHEAD = "swipe of somebody whose phone reads ahead"
    EVENT_POST = "batch of swipe events"
    EVENT_ROW = "swipe event"
    TITLE = "title page"
    QUERY = "settled search query"
    LIBRARY = "library write"
    LIST_READ = "read of the mounted conversation list"
    OPEN = "conversation opened"
    POLL = "poll of an open conversation"
    CHAT_SECOND = "second with a conversation open"
    MESSAGE = "message sent to people"
    DIRECT_MESSAGE = "message sent into a direct chat"
    LIVE_COPY = "message seen live by another member"
    FIRST_COPY = "message first seen on opening"
    SEEN_COPY = "old message receipted again on opening"
    READ = "read receipt"
    RECEIPT_POST = "request with delivery receipts"
    READ_POST = "request with a read receipt"
    TURN = "question to the assistant"


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """`size` and `item_size` in bytes: of a reply without items, and of each item (card, row) in it.

    Sizes are of uncompressed bodies. Those marked [T] are what the real client was answered (tests/data/traces), those
    marked [S] were measured against the sandbox with its seeded data; the others follow from the contract's columns.
    """

    name: str
    kind: CallKind
    size: int = 2
    item_size: int = 0
    rated: bool = False  # costs an upsert of `rate_limits` (contract 7.3)
    inner: float = 0.0  # database and auth calls behind one invocation; measured for decks and events, else at least
    simple: bool = False  # an element of the page loads it, and no browser asks before it


def _edge(name: str, size: int, item_size: int = 0, *, rated: bool = False, inner: float = 0.0) -> Endpoint:
    return Endpoint(f"POST functions/{name}", CallKind.EDGE, size, item_size, rated, inner)


def _rest(name: str, size: int = 2, item_size: int = 0) -> Endpoint:
    return Endpoint(name, CallKind.REST, size, item_size)


TOKEN = Endpoint("POST auth/token", CallKind.AUTH, 1_831)  # [T]
SIGN_UP = Endpoint("POST auth/signup", CallKind.AUTH, 1_830)
UPDATE_USER = Endpoint("PUT auth/user", CallKind.AUTH, 1_060)
USER = Endpoint("GET auth/user", CallKind.AUTH, 1_057)  # [T]
AVATAR_SIGN = Endpoint("POST storage/sign/avatars", CallKind.STORAGE, 250)
PREFLIGHT = Endpoint("OPTIONS preflight", CallKind.PREFLIGHT, 2)  # [T]: "ok" or nothing
AVATAR = Endpoint(
    "GET storage/avatars", CallKind.STORAGE, 15_000, simple=True
)  # our assumption: a small square picture

# Inner calls: one to auth where the function asks who it is (contract 1.3), one for its limit where it has one, and at
# least one for its own work. Decks and events were counted (2.4, 3.6).
SETTINGS = _edge("public-app-settings", 935, inner=1)  # [T]
DECK = _edge("media-swipe-deck", 120, 1_018, rated=True, inner=14)  # [T]
EVENTS = _edge("media-swipe-event", 309, rated=True, inner=7)  # [T]; calls: one gesture with a served key
EXPERIMENTS = _edge("experiment-assign", 11, inner=2)  # [T]: none active
SEARCH = _edge("media-search", 200, 1_086, rated=True, inner=4)  # [T]
TMDB = _edge("tmdb-proxy", 97, 440, rated=True, inner=2)  # [T]
SYNC_BATCH = _edge("catalog-sync-batch", 20, 120, inner=1)  # [T]
SYNC = _edge("catalog-sync", 150, rated=True, inner=4)
ASSISTANT_OPEN = _edge("assistant-get-conversation", 196, inner=3)  # [T]
ORCHESTRATOR = _edge("assistant-orchestrator", 1_023, rated=True, inner=4)  # [T]
SUGGESTION = _edge("assistant-suggestion-action", 11, rated=True, inner=3)  # [T]
CHAT_REPLY = _edge("assistant-chat-reply", 1_500, rated=True, inner=6)

FEED = _rest("POST rpc/get_home_feed_v2", 2, 1_313)  # [T]
SUMMARIES = _rest("POST rpc/get_conversation_summaries_v2", 2, 1_370)  # [T]: six conversations
DIARY = _rest("POST rpc/get_diary_stats", 384)  # [T]
RATING_SUMMARY = _rest("POST rpc/get_title_rating_summary_v1", 150)
REPLY_STATUS = _rest("POST rpc/assistant_reply_status_v1", 150)
TOUCH = _rest("PATCH profiles", 0)  # [T]
PROFILE = _rest("GET profiles", 138)  # [T]
PUBLIC_PROFILE = _rest("GET profiles_public", 2, 100)  # [T]
STATS = _rest("GET user_stats", 45, 95)  # [T]; items: of others
PREFERENCES = _rest("GET user_preferences", 18)  # [T]
MEDIA_ITEM = _rest("GET media_items", 405, 345)  # [T]: a card's details or preview; items: rows of a list
TITLE_ROW_ITEMS = 1.13
"""As many items as a title page's row is larger: 796 bytes, its `tmdb_raw` included."""
LIBRARY = _rest("GET library_entries", 2, 84)  # [T]; items: of the whole library
FOLLOWS = _rest("GET follows", 2, 61)  # [T]
FRIENDS = _rest("HEAD follows", 0)
LISTS = _rest("GET lists", 2, 116)  # [T]
LIST_ITEMS = _rest("GET list_items", 2, 500)
RATING = _rest("GET ratings")  # no SELECT policy: always empty (6.7)
REVIEWS = _rest("GET reviews")  # likewise
FEEDBACK = _rest("GET media_feedback")  # never fed by swipes (8.2)
LIBRARY_WRITE = _rest("POST library_entries")
MESSAGES = _rest("GET messages", 2, 530)  # [T]
READ_POLL = _rest("GET message_read_receipts", 2, 440)  # [T]
DELIVERY_POLL = _rest("GET message_delivery_receipts", 2, 300)  # [T]
REACTIONS = _rest("GET message_reactions")  # [T]: none
BLOCKED = _rest("GET blocked_users")
LAST_SEEN = _rest("GET profiles_public last_seen")  # RLS hides others: empty (5.5)
SEND = _rest("POST messages", 533)  # [T]
DELIVERY = _rest("POST message_delivery_receipts", 0)  # [T]
READ = _rest("POST message_read_receipts", 0)  # [T]

BACKGROUND_DECKS = (36, 18, 18, 18)
"""That no screen reads (10.1 row 4)."""
LANDING_DECK = 10
HOME_DECK = 60
FEED_PAGE = 40
FRIENDS_FEED = 200
SEARCH_PAGE = 20
TMDB_FOUND = 5.5
"""Titles that TMDb found in one search. Observed: 11 in two."""
FOLLOWED = 20
"""People whom somebody follows. Our assumption, of the seeded data."""
SUGGESTED = 60
PUBLIC_LISTS = 6
FIRST_ITEMS = 36
STORY_LISTS = 20
KEPT_TITLES = 20
"""Titles in somebody's library. Our assumption, of the seeded data."""
LAST_SEEN_S = 60.0
"""Between reads of the other one's `last_seen` in an open conversation (5.5)."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """`times` requests of `endpoint` per unit of `per`, each reply with `items` items."""

    endpoint: Endpoint
    per: Driver
    times: float
    section: str
    items: float = 0.0
    nested: bool = False  # one function calls another: an invocation, but no request of a phone
    times_of: str = ""  # an input, or a setting of the app, that `times` is multiplied by
    items_of: str = ""  # likewise `items`
    # For the questions that browsers ask before (`preflights.py`):
    new_with: tuple[Driver, ...] = ()  # what makes its URL another one, beyond what a read of this driver has by itself
    spread: bool = False  # its requests lie over the whole unit; otherwise one follows the other


LISTED, PAGE = "conversations_listed", "messages_on_page"
LOAD, TURN, QUERY, TITLE = Driver.LOAD, Driver.TURN, Driver.QUERY, Driver.TITLE

CALLS: tuple[PlannedCall, ...] = (
    # ---- opening the app ------------------------------------------------------------------------------------
    PlannedCall(TOKEN, Driver.REFRESH, 1, "1.2: sessions lie further apart than a token lives"),
    PlannedCall(USER, LOAD, 1, "10.1 row 1"),
    # TMDb's /configuration, the first edge call of a page load, never leaves the phone (quirk A); the settings do.
    PlannedCall(SETTINGS, LOAD, 1, "10.1 row 2, 1.2 quirk A"),
    PlannedCall(TOUCH, LOAD, 1, "10.1 row 3"),
    PlannedCall(FEED, LOAD, 1, "10.1 row 4", FEED_PAGE),
    PlannedCall(SUMMARIES, LOAD, 1, "10.1 row 4", 1, items_of=LISTED),
    PlannedCall(PUBLIC_PROFILE, LOAD, 1, "10.1 row 4, 5.1", 1, items_of=LISTED),
    # A signed address is new on each load, so no cache holds the picture.
    PlannedCall(AVATAR_SIGN, LOAD, 1, "10.1 row 4, 5.1", times_of=LISTED),
    PlannedCall(AVATAR, LOAD, 1, "5.1", times_of=LISTED),
    PlannedCall(DIARY, LOAD, 1, "10.1 row 4"),
    *(PlannedCall(DECK, Driver.BACKGROUND, 1, "10.1 row 4, 2.6", limit) for limit in BACKGROUND_DECKS),
    PlannedCall(PROFILE, LOAD, 1, "10.1 row 5"),
    PlannedCall(PUBLIC_PROFILE, LOAD, 1, "10.1 row 5", 1),
    PlannedCall(STATS, LOAD, 1, "10.1 row 5"),
    PlannedCall(PREFERENCES, LOAD, 1, "10.1 row 5"),
    PlannedCall(ASSISTANT_OPEN, LOAD, 3, "10.1 row 5: three at once, at most each 6 h"),
    PlannedCall(ORCHESTRATOR, LOAD, 2, "10.1 row 5: of home, then of search"),
    PlannedCall(SUGGESTION, LOAD, 1, "10.1 row 5"),
    PlannedCall(DECK, Driver.LANDING, 1, "10.1 row 6, 2.6", LANDING_DECK),
    PlannedCall(FEED, LOAD, 1, "10.1 row 6", FRIENDS_FEED),
    PlannedCall(FOLLOWS, LOAD, 1, "10.1 row 6: whom to follow", FOLLOWED),
    PlannedCall(RATING, LOAD, 1, "10.1 row 6"),
    PlannedCall(STATS, LOAD, 1, "10.1 row 6", SUGGESTED),
    PlannedCall(PUBLIC_PROFILE, LOAD, 1, "10.1 row 6: hidden by policy, so empty"),
    PlannedCall(LISTS, LOAD, 1, "10.1 row 6: public lists", PUBLIC_LISTS),
    PlannedCall(PUBLIC_PROFILE, LOAD, 1, "10.1 row 6: their owners, empty"),
    PlannedCall(LIST_ITEMS, LOAD, 1, "10.1 row 6", FIRST_ITEMS),
    # Signed up without a reload: what needs `requireAuth` stays on the phone (quirk B), the rest goes out.
    PlannedCall(SIGN_UP, Driver.SIGN_UP, 1, "1.1"),
    PlannedCall(UPDATE_USER, Driver.SIGN_UP, 1, "1.1"),
    PlannedCall(TOUCH, Driver.SIGN_UP, 1, "1.1: display name and user name"),
    PlannedCall(USER, Driver.FRESH_LOAD, 1, "10.1 row 1"),
    PlannedCall(SETTINGS, Driver.FRESH_LOAD, 1, "10.1 row 2"),
    PlannedCall(TOUCH, Driver.FRESH_LOAD, 1, "10.1 row 3"),
    PlannedCall(FEED, Driver.FRESH_LOAD, 1, "10.1 row 4"),
    PlannedCall(SUMMARIES, Driver.FRESH_LOAD, 1, "10.1 row 4"),
    PlannedCall(DIARY, Driver.FRESH_LOAD, 1, "10.1 row 4"),
    PlannedCall(PROFILE, Driver.FRESH_LOAD, 1, "10.1 row 5"),
    PlannedCall(STATS, Driver.FRESH_LOAD, 1, "10.1 row 5"),
    PlannedCall(PREFERENCES, Driver.FRESH_LOAD, 1, "10.1 row 5"),
    # ---- while the app is open ------------------------------------------------------------------------------
    PlannedCall(TOUCH, Driver.MINUTE, 1, "10.2: at most one in 60 s"),
    PlannedCall(ORCHESTRATOR, Driver.BUSY_MINUTE, 1 / 2, "6.6: each 120 s"),
    PlannedCall(ORCHESTRATOR, Driver.HOME_MINUTE, 1 / 7, "6.6: each 420 s"),
    # ---- home -----------------------------------------------------------------------------------------------
    PlannedCall(DECK, Driver.HOME, 1, "10.2, 2.6", HOME_DECK),
    PlannedCall(PROFILE, Driver.HOME, 1, "10.2: who one is, again"),
    PlannedCall(PUBLIC_PROFILE, Driver.HOME, 1, "10.2", 1),
    PlannedCall(STATS, Driver.HOME, 1, "10.2"),
    PlannedCall(FOLLOWS, Driver.HOME, 1, "10.2: stories", FOLLOWED),
    PlannedCall(PUBLIC_PROFILE, Driver.HOME, 1, "10.2", 1),
    PlannedCall(LISTS, Driver.HOME, 1, "10.2", STORY_LISTS),
    PlannedCall(LIBRARY, Driver.HOME, 1, "10.2: the whole library", KEPT_TITLES),
    PlannedCall(MEDIA_ITEM, Driver.HOME, 1, "10.2", KEPT_TITLES),
    PlannedCall(RATING, Driver.HOME, 1, "10.2"),
    PlannedCall(LIBRARY, Driver.HOME, 1, "10.2: what was watched last"),
    PlannedCall(MEDIA_ITEM, Driver.HOME, 2, "10.2: the first card, and what was watched last"),
    PlannedCall(ORCHESTRATOR, Driver.HOME, 1, "6.6"),
    PlannedCall(SUGGESTION, Driver.HOME, 1, "6.6"),
    PlannedCall(FEED, Driver.FEED_PAGE, 1, "4: the first page was prefetched", FEED_PAGE),
    # ---- swiping --------------------------------------------------------------------------------------------
    PlannedCall(EXPERIMENTS, Driver.SWIPE_PAGE, 1, "2.6: refetched on each mount"),
    PlannedCall(FRIENDS, Driver.SWIPE_PAGE, 1, "2.6"),
    PlannedCall(ORCHESTRATOR, Driver.SWIPE_PAGE, 1, "6.6"),
    PlannedCall(MEDIA_ITEM, Driver.SWIPE_PAGE, 1, "2.6: details of the cards below the first", times_of="read_ahead"),
    PlannedCall(DECK, Driver.SWIPE_PAGE, 1, "2.6", 1, items_of="deck_first"),
    PlannedCall(DECK, Driver.REFILL, 1, "2.6: under 12 cards left", 1, items_of="deck_refill"),
    PlannedCall(MEDIA_ITEM, Driver.SWIPE, 1, "2.6: preview"),
    PlannedCall(MEDIA_ITEM, Driver.AHEAD, 1, "2.6: detail read ahead"),
    PlannedCall(LIBRARY, Driver.SWIPE, 1, "2.6"),
    PlannedCall(RATING, Driver.SWIPE, 1, "2.6"),
    PlannedCall(EVENTS, Driver.EVENT_POST, 1, "3.8"),
    # ---- titles, library ------------------------------------------------------------------------------------
    PlannedCall(MEDIA_ITEM, TITLE, 1, "6.7", TITLE_ROW_ITEMS),
    PlannedCall(ORCHESTRATOR, TITLE, 1, "6.6"),
    PlannedCall(RATING_SUMMARY, TITLE, 1, "6.7"),
    PlannedCall(REVIEWS, TITLE, 1, "6.7"),
    PlannedCall(FEEDBACK, TITLE, 1, "6.7"),
    PlannedCall(LIBRARY, TITLE, 1, "6.7"),
    PlannedCall(RATING, TITLE, 1, "6.7"),
    PlannedCall(EVENTS, TITLE, 2, "10.2: opened and closed, one event each", spread=True),
    PlannedCall(LIBRARY_WRITE, Driver.LIBRARY, 1, "6.7"),
    # ---- searching ------------------------------------------------------------------------------------------
    PlannedCall(SEARCH, QUERY, 1, "6.2", SEARCH_PAGE),
    PlannedCall(TMDB, QUERY, 1, "6.2: /search/multi", TMDB_FOUND),
    PlannedCall(TMDB, QUERY, 1, "6.2: external_ids, at most 20", times_of="external_ids_per_search"),
    PlannedCall(SYNC_BATCH, QUERY, 1, "6.2", 1, items_of="synced_per_search"),
    PlannedCall(SYNC, QUERY, 1, "6.2: at most 5, called by the batch", nested=True, times_of="synced_per_search"),
    PlannedCall(PUBLIC_PROFILE, QUERY, 1, "6.7: people of that name, hidden by policy"),
    PlannedCall(FOLLOWS, QUERY, 1, "6.7", FOLLOWED),
    PlannedCall(ORCHESTRATOR, QUERY, 1, "6.6: about the text"),
    # ---- conversations --------------------------------------------------------------------------------------
    PlannedCall(SUMMARIES, Driver.LIST_READ, 1, "5.1: each 60 s", 1, items_of=LISTED),
    PlannedCall(SUMMARIES, Driver.OPEN, 1, "5.1: at each mount of the list", 1, items_of=LISTED),
    PlannedCall(BLOCKED, Driver.OPEN, 1, "5.4"),
    PlannedCall(ORCHESTRATOR, Driver.OPEN, 1, "6.6: about the conversation"),
    PlannedCall(MESSAGES, Driver.OPEN, 1, "5.3", 1, items_of=PAGE),
    PlannedCall(READ_POLL, Driver.OPEN, 1, "5.3", 1),
    PlannedCall(DELIVERY_POLL, Driver.OPEN, 1, "5.3", 1),
    PlannedCall(REACTIONS, Driver.OPEN, 1, "5.3"),
    PlannedCall(LAST_SEEN, Driver.OPEN, 1, "5.5"),
    PlannedCall(MESSAGES, Driver.POLL, 1, "5.3: (P + 3) each 5 s, one page", 1, items_of=PAGE),
    PlannedCall(READ_POLL, Driver.POLL, 1, "5.3", 1),
    # Its URL lists the own messages on the page, so each one that is sent makes another.
    PlannedCall(DELIVERY_POLL, Driver.POLL, 1, "5.3", 1, new_with=(Driver.OPEN, Driver.MESSAGE)),
    PlannedCall(REACTIONS, Driver.POLL, 1, "5.3"),
    PlannedCall(LAST_SEEN, Driver.CHAT_SECOND, 1 / LAST_SEEN_S, "5.5: each 60 s"),
    PlannedCall(BLOCKED, Driver.DIRECT_MESSAGE, 1, "5.4 step 0"),
    PlannedCall(SEND, Driver.MESSAGE, 1, "5.4 step 1"),
    PlannedCall(DELIVERY, Driver.RECEIPT_POST, 1, "5.6: live twice, callback and list effect; on opening all again"),
    PlannedCall(READ, Driver.READ_POST, 1, "5.6"),
    # ---- assistant ------------------------------------------------------------------------------------------
    PlannedCall(SEND, TURN, 1, "5.4"),
    PlannedCall(BLOCKED, TURN, 1, "5.4 step 0"),
    PlannedCall(CHAT_REPLY, TURN, 1, "5.4 step 2"),
    PlannedCall(REPLY_STATUS, TURN, 3, "6.6: each 2 s while busy; our assumption: busy for 6 s"),
    PlannedCall(DELIVERY, TURN, 2, "5.6: of the answer"),
    PlannedCall(READ, TURN, 2, "5.6: question and answer"),
)


def counts(call: PlannedCall, inputs: PlanInputs) -> tuple[float, float]:
    """Requests per unit of its driver, and items in each reply, of a row of the table."""
    times = call.times * _figure(call.times_of, inputs) if call.times_of else call.times
    return times, call.items * _figure(call.items_of, inputs) if call.items_of else call.items


def _figure(name: str, inputs: PlanInputs) -> float:
    return float(getattr(inputs, name) if hasattr(inputs, name) else getattr(inputs.app, name))
