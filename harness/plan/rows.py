"""What one request writes: the contract's amplification as a table. (pure)

A row written is a row inserted or updated, by whoever did it: the request, a trigger, or the function's background
work. Sections are the wire contract's.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan import calls
from harness.plan.calls import Driver, Endpoint


@dataclass(frozen=True, slots=True)
class Table:
    """`indexes` from contract 8.1 and 8.2; `row_bytes` on disk, indexes included.

    Bytes were measured against the sandbox (60 people, 300 titles, whole relation over its rows) and rounded; that
    its tables are small makes them a little too large. 0: what is written does not stay, rows are overwritten.
    """

    name: str
    indexes: int
    row_bytes: int = 0


EVENTS = Table("media_events", 8, 950)
IMPRESSIONS = Table("rec_impressions", 4, 730)
FEATURES = Table("media_rank_feature_items_v2", 4, 900)
REQUESTS = Table("rec_requests", 3, 700)
LIMITS = Table("rate_limits", 1)
ROLLUP = Table("swipe_ingest_hourly_metrics", 1)
PROFILES = Table("profiles", 5, 1_000)
PREFERENCES = Table("user_preferences", 1, 400)
STATS = Table("user_stats", 1, 400)
LIBRARY = Table("library_entries", 9, 920)
ACTIVITY = Table("activity_events", 8, 780)
MEDIA = Table("media_items", 8)
MESSAGES = Table("messages", 16, 1_900)
CONVERSATIONS = Table("conversations", 4)
DELIVERY = Table("message_delivery_receipts", 8, 700)
READ = Table("message_read_receipts", 8)
JOBS = Table("assistant_reply_jobs", 14, 1_500)
TOKENS = Table("auth.refresh_tokens", 5, 600)
AUTH_SESSIONS = Table("auth.sessions", 3)
AUTH_USERS = Table("auth.users", 8, 2_000)


@dataclass(frozen=True, slots=True)
class Write:
    """`rows` written, of which `kept` are new and stay, per request, per item of its reply, or per driver unit."""

    table: Table
    cause: Endpoint | Driver
    rows: float
    kept: float
    section: str
    per_item: bool = False


WRITES: tuple[Write, ...] = (
    Write(IMPRESSIONS, calls.DECK, 1, 1, "8.2: a row a card", per_item=True),
    Write(FEATURES, calls.DECK, 1, 1, "8.2: a row a card", per_item=True),
    Write(REQUESTS, calls.DECK, 1, 1, "8.2"),
    Write(EVENTS, Driver.EVENT_ROW, 1, 1, "8.2"),
    Write(EVENTS, Driver.TITLE, 2, 2, "3.9: detail_open, detail_close"),
    Write(FEATURES, Driver.SWIPE, 1, 0, "3.5 row 7: label of the gesture"),
    Write(ROLLUP, calls.EVENTS, 0.1, 0, "3.5: one request in ten"),
    *(
        Write(LIMITS, endpoint, 1, 0, "8.2: one upsert per rated edge call")
        for endpoint in vars(calls).values()
        if isinstance(endpoint, Endpoint) and endpoint.rated
    ),
    Write(PROFILES, calls.TOUCH, 1, 0, "8.2: never HOT"),
    Write(LIBRARY, calls.LIBRARY_WRITE, 1, 1, "8.2"),
    Write(ACTIVITY, calls.LIBRARY_WRITE, 1, 1, "8.2: at most one"),
    Write(MEDIA, calls.SYNC, 1, 0, "6.4: at most one"),
    Write(MESSAGES, calls.SEND, 1, 1, "8.2"),
    Write(CONVERSATIONS, calls.SEND, 1, 0, "8.2: trigger"),
    Write(DELIVERY, Driver.LIVE_COPY, 2, 1, "5.6: inserted, then updated"),
    Write(DELIVERY, Driver.FIRST_COPY, 1, 1, "5.6"),
    Write(DELIVERY, Driver.SEEN_COPY, 1, 0, "5.6: updated again"),
    Write(READ, calls.READ, 1, 0, "8.2"),
    Write(JOBS, Driver.TURN, 1, 1, "8.2"),
    Write(MESSAGES, Driver.TURN, 1, 1, "6.6: the answer"),
    Write(CONVERSATIONS, Driver.TURN, 1, 0, "8.2: trigger, for the answer"),
    Write(DELIVERY, Driver.TURN, 2, 1, "5.6: of the answer"),
    Write(TOKENS, calls.TOKEN, 2, 1, "1.1: rotated; platform knowledge"),
    Write(AUTH_SESSIONS, calls.TOKEN, 1, 0, "platform knowledge"),
    Write(AUTH_USERS, calls.SIGN_UP, 1, 1, "1.4"),
    Write(TOKENS, calls.SIGN_UP, 1, 1, "platform knowledge"),
    Write(AUTH_SESSIONS, calls.SIGN_UP, 1, 0, "platform knowledge"),
    Write(PROFILES, calls.SIGN_UP, 1, 1, "1.4: trigger"),
    Write(PREFERENCES, calls.SIGN_UP, 1, 1, "1.4: trigger"),
    Write(STATS, calls.SIGN_UP, 1, 1, "1.4: trigger"),
    Write(AUTH_USERS, calls.UPDATE_USER, 1, 0, "1.1: onboarded"),
)
