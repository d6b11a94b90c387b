"""What is read from the target after a run, and how it stands in the record. (pure)

One Parquet file a table under `stored/` in the run directory. Names and addresses of people are never read, texts of
messages and reviews are never kept: ids, keys, instants, and of all that people wrote the two numbers of
`harness.core.content`, which are made as the rows come in.

Tables are read by time: rows whose `since` column lies in the run. PostgREST hands out pages of a bounded number of
rows, so each table has an order that no two rows share, and the next page starts behind the last row of this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from harness.client.events import event_key
from harness.client.message_content import MESSAGE_FIELDS, changed_at, message_content
from harness.core.content import Content, content_of

FOLDER = "stored"
_ID = pa.binary(16)
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class EvidenceColumn:
    """One column: its name in the record, and where it comes from in the target's table.

    made_of: its value, of a row as it was read: of columns that are read for the content alone.
    """

    name: str
    type: pa.DataType
    source: str = ""  # PostgREST select expression; empty: the name itself
    sql: str = ""  # the same for Postgres; empty: the source
    made_of: Callable[[Mapping[str, Any]], Any] | None = None

    @property
    def rest(self) -> str:
        return f"{self.name}:{self.source}" if self.source else self.name

    @property
    def expression(self) -> str:
        return f'{self.sql or self.source or self.name} as "{self.name}"'


@dataclass(frozen=True, slots=True)
class StoredTable:
    """One table of the target.

    since: the column by whose time rows belong to the run; empty where the rows of those that others named are read.
    order: columns that put rows into an order without ties, the first one `since` where there is one.
    content: of a row, all that somebody sent; the record keeps its two numbers (`content`, `parts`).
    only_for_content: columns that are read for it and not kept.
    kept_as: its name in the record, where that is not the target's.
    """

    name: str
    columns: tuple[EvidenceColumn, ...]
    since: str
    order: tuple[str, ...]
    content: Callable[[Mapping[str, Any]], Content] | None = None
    only_for_content: tuple[EvidenceColumn, ...] = ()
    kept_as: str = ""

    @property
    def file(self) -> str:
        """Its name in the record."""
        return self.kept_as or self.name

    @property
    def read(self) -> tuple[EvidenceColumn, ...]:
        """What is asked of the target."""
        return (*(column for column in self.columns if column.made_of is None), *self.only_for_content)

    @property
    def told_apart_by(self) -> tuple[str, ...]:
        """Those columns of its order that no row is without: ids. Times may be empty on a deployment that allows it."""
        ids = {column.name for column in self.columns if column.type == _ID}
        return tuple(name for name in self.order if name in ids)

    @property
    def schema(self) -> pa.Schema:
        kept = [(column.name, column.type) for column in self.columns]
        return pa.schema(kept if self.content is None else [*kept, ("content", pa.uint64()), ("parts", pa.uint64())])


def _raw(*names: str) -> tuple[EvidenceColumn, ...]:
    return tuple(EvidenceColumn(name, pa.null()) for name in names)


def _number(value: Any) -> str | None:
    return None if value is None else f"{float(value):g}"


EVENTS = StoredTable(
    "media_events",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("client_event_id", _ID),
        EvidenceColumn(
            "dedupe_key", pa.uint64()
        ),  # shortened as the ledger does, `harness.client.events.event_key.short`
        EvidenceColumn("event_day", pa.date32()),
        EvidenceColumn("event_type", pa.string()),
        EvidenceColumn("media_item_id", _ID),
        EvidenceColumn("rec_request_id", _ID),
        EvidenceColumn("position", pa.int32()),
        EvidenceColumn("served_dedupe_key", pa.string()),
        EvidenceColumn("synthetic", pa.string(), "payload->>_synthetic", "payload->>'_synthetic'"),
        EvidenceColumn("key_made_by", pa.string(), "dedupe_key"),  # what stands before its first sign: "v2", "onb"
    ),
    "created_at",
    ("created_at", "id"),
    event_key.row_content,
    _raw("session_id", "deck_id", "source", "dwell_ms", "rating_0_10", "in_watchlist", "payload"),
)
MESSAGES = StoredTable(
    "messages",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("conversation_id", _ID),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("sender_id", _ID),
        EvidenceColumn("client_id", _ID),
        EvidenceColumn("meta_client_id", _ID, "meta->>clientId", "meta->>'clientId'"),
        EvidenceColumn("message_type", pa.string()),
        EvidenceColumn("triggered_by_message_id", _ID),
        EvidenceColumn("length", pa.int32(), "text", "text"),  # of the text, in code points
        # when it was edited or deleted, as the app shows it: by `body`, and by `meta`
        EvidenceColumn("changed_body", _INSTANT, made_of=lambda row: changed_at(row["body"])),
        EvidenceColumn("changed_meta", _INSTANT, made_of=lambda row: changed_at(row["meta"])),
    ),
    "created_at",
    ("created_at", "id"),
    message_content,
    _raw("text", "body", "meta", "attachment_url"),
)
DELIVERIES = StoredTable(
    "message_delivery_receipts",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("delivered_at", _INSTANT),
        EvidenceColumn("conversation_id", _ID),
        EvidenceColumn("message_id", _ID),
        EvidenceColumn("user_id", _ID),
    ),
    "created_at",
    ("created_at", "id"),
)
READS = StoredTable(
    "message_read_receipts",
    (
        EvidenceColumn("conversation_id", _ID),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("last_read_message_id", _ID),
        EvidenceColumn("last_read_at", _INSTANT),
    ),
    "last_read_at",
    ("last_read_at", "conversation_id", "user_id"),
)
REACTIONS = StoredTable(
    "message_reactions",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("message_id", _ID),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("emoji", pa.string()),
    ),
    "created_at",
    ("created_at", "id"),
)
CONVERSATIONS = StoredTable(
    "conversations",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("updated_at", _INSTANT),
        EvidenceColumn("is_group", pa.bool_()),
        EvidenceColumn("direct_participant_ids", pa.list_(pa.binary())),  # lists of fixed size have no pandas form,
    ),
    "",  # one that nothing made newer is the one to find
    ("id",),
)
PARTICIPANTS = StoredTable(
    "conversation_participants",
    (EvidenceColumn("conversation_id", _ID), EvidenceColumn("user_id", _ID)),
    "",
    ("conversation_id", "user_id"),
)
LIBRARY = StoredTable(
    "library_entries",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("updated_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("title_id", _ID),
        EvidenceColumn("status", pa.string()),
    ),
    "updated_at",
    ("updated_at", "id"),
    lambda row: content_of(row["status"], row["content_type"]),
    _raw("content_type"),
)
FOLLOWS = StoredTable(
    "follows",
    (EvidenceColumn("follower_id", _ID), EvidenceColumn("followed_id", _ID), EvidenceColumn("created_at", _INSTANT)),
    "",
    ("follower_id", "followed_id"),
)
REVIEWS = StoredTable(
    "reviews",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("title_id", _ID),
    ),
    "",
    ("created_at", "id"),
    lambda row: content_of(_number(row["rating"]), row["body"], row["content_type"]),
    _raw("rating", "body", "content_type"),
)
RATINGS = StoredTable(
    "ratings",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("title_id", _ID),
    ),
    "",
    ("created_at", "id"),
    lambda row: content_of(_number(row["rating"]), row["content_type"]),
    _raw("rating", "content_type"),
)
REQUESTS = StoredTable(
    "rec_requests",
    (
        EvidenceColumn("rec_request_id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("deck_id", _ID),
        EvidenceColumn("limit", pa.int32(), sql='"limit"'),
    ),
    "created_at",
    ("created_at", "rec_request_id"),
)
IMPRESSIONS = StoredTable(
    "rec_impressions",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("rec_request_id", _ID),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("media_item_id", _ID),
        EvidenceColumn("position", pa.int32()),
        EvidenceColumn("dedupe_key", pa.string()),
    ),
    "created_at",
    ("created_at", "id"),
)
FEATURES = StoredTable(
    "media_rank_feature_items_v2",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("dedupe_key", pa.string()),
        EvidenceColumn("labels", pa.string(), "labels::text", "labels::text"),
    ),
    "created_at",
    ("created_at", "id"),
)
REQUEST_LOG = StoredTable(
    "openrouter_request_log",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("fn", pa.string()),
        EvidenceColumn("model", pa.string()),
        EvidenceColumn("variant", pa.string()),
        EvidenceColumn("prompt_tokens", pa.string(), "usage->>input_tokens", "usage->>'input_tokens'"),
        EvidenceColumn("tokens", pa.string(), "usage->>output_tokens", "usage->>'output_tokens'"),
        EvidenceColumn("cost", pa.string(), "usage->>cost", "usage->>'cost'"),
        EvidenceColumn("duration_ms", pa.string(), "meta->>duration_ms", "meta->>'duration_ms'"),
        EvidenceColumn(
            "candidates",
            pa.string(),
            "meta->routing->>model_candidates",
            "meta->'routing'->>'model_candidates'",
        ),
    ),
    "created_at",
    ("created_at", "id"),
)
TOOLS_RUN = StoredTable(
    "assistant_message_action_log",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("message_id", _ID),
        EvidenceColumn("action_id", pa.string()),
        EvidenceColumn("action_type", pa.string()),
        EvidenceColumn("ok", pa.string(), "payload->result->>ok", "payload->'result'->>'ok'"),  # null: not said
    ),
    "created_at",
    ("created_at", "id"),
)
ASSISTANT = (REQUEST_LOG, TOOLS_RUN)
"""Read where the SLO file says something of the assistant, as far as the target lets them be read."""
TABLES = (
    EVENTS,
    MESSAGES,
    DELIVERIES,
    READS,
    REACTIONS,
    LIBRARY,
    REQUESTS,
    IMPRESSIONS,
    FEATURES,
)
READERS_FOLLOWS = StoredTable("follows", FOLLOWS.columns, "", ("follower_id", "followed_id"), kept_as="readers_follows")
READERS_ROOMS = StoredTable(
    "conversation_participants",
    (*PARTICIPANTS.columns, EvidenceColumn("created_at", _INSTANT)),
    "",
    ("conversation_id", "user_id"),
    kept_as="readers_conversations",
)
READERS_LIBRARY = StoredTable("library_entries", LIBRARY.columns, "", ("updated_at", "id"), kept_as="readers_library")
READERS_RATINGS = StoredTable(
    "ratings",
    (*RATINGS.columns, EvidenceColumn("rating", pa.string(), "rating::text", "rating::text")),
    "",
    ("created_at", "id"),
    kept_as="readers_ratings",
)
ACTIVITY = StoredTable(
    "activity_events",
    (EvidenceColumn("id", _ID), EvidenceColumn("created_at", _INSTANT), EvidenceColumn("user_id", _ID)),
    "",
    ("created_at", "id"),
    kept_as="readers_activity",
)
PRIVACY = StoredTable(
    "user_preferences",
    (
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("privacy", pa.string(), "settings->>privacy_profile", "settings->>'privacy_profile'"),
    ),
    "",
    ("user_id",),
    kept_as="readers_privacy",
)
READERS_ACCOUNTS = StoredTable(
    "user_preferences", (EvidenceColumn("user_id", _ID),), "", ("user_id",), kept_as="readers_accounts"
)
READERS = (
    (READERS_ACCOUNTS, "user_id"),
    (READERS_FOLLOWS, "follower_id"),
    (READERS_ROOMS, "user_id"),
    (READERS_LIBRARY, "user_id"),
    (READERS_RATINGS, "user_id"),
)
"""Read for some of those whose replies were kept in outline: what they could see as the run ended, by this column."""
READERS_STATS = StoredTable(
    "user_stats",
    (EvidenceColumn("user_id", _ID), EvidenceColumn("following_count", pa.int64())),
    "",
    ("user_id",),
    kept_as="readers_stats",
)
READERS_HINTS = StoredTable(
    "assistant_suggestions",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("dismissed_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("context_key", pa.string()),
    ),
    "",
    ("created_at", "id"),
    kept_as="readers_hints",
)
LAST_SEEN = StoredTable(
    "profiles",
    (EvidenceColumn("id", _ID), EvidenceColumn("last_seen_at", _INSTANT)),
    "",
    ("id",),
    kept_as="last_seen",
)
"""Read for people who wrote it in this run."""
READERS_MORE = ((READERS_STATS, "user_id"), (READERS_HINTS, "user_id"))
"""Likewise; a target that keeps no such table, or lets nobody read it, lacks just that."""
READERS_LISTS = StoredTable(
    "lists",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("updated_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("is_public", pa.bool_()),
    ),
    "",
    ("updated_at", "id"),
    kept_as="readers_lists",
)
READERS_LIST_ITEMS = StoredTable(
    "list_items",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("list_id", _ID),
        EvidenceColumn("title_id", _ID),
    ),
    "",
    ("created_at", "id"),
    kept_as="readers_list_items",
)
READERS_JOBS = StoredTable(
    "assistant_reply_jobs",
    (
        EvidenceColumn("id", _ID),
        EvidenceColumn("created_at", _INSTANT),
        EvidenceColumn("updated_at", _INSTANT),
        EvidenceColumn("user_id", _ID),
        EvidenceColumn("conversation_id", _ID),
        EvidenceColumn("status", pa.string()),
    ),
    "",
    ("created_at", "id"),
    kept_as="readers_jobs",
)
READERS_ASKED = (
    (READERS_LISTS, "user_id", frozenset(("stories_lists",))),
    (READERS_LIST_ITEMS, "list_id", frozenset(("list_items", "stories_items"))),
    (READERS_JOBS, "conversation_id", frozenset(("assistant_status",))),
)
"""Likewise, of what replies to these calls were asked for, whoever asked: the column that it is named by."""
ACTORS = ((ACTIVITY, "user_id"), (PRIVACY, "user_id"))
"""Read for some of those people and for whom they follow."""
REMOVED_FILES = StoredTable(
    "objects",
    (EvidenceColumn("name", pa.string()), EvidenceColumn("there", pa.bool_())),
    "",
    ("name",),
    kept_as="removed_files",
)
"""Files whose removal was acknowledged in the run, and whether storage still has each; asked for by path."""
TEXT_IDS = frozenset({"client_id"})
"""Columns whose ids the database keeps as free text."""
TALKED_IN = ((CONVERSATIONS, "id"), (PARTICIPANTS, "conversation_id"))
"""Read for the conversations of the messages that were read, by this column."""
WRITTEN_BY = ((FOLLOWS, "follower_id"), (REVIEWS, "user_id"), (RATINGS, "user_id"))
"""Read for the people who wrote into them in this run, by this column."""
CONTENT_FIELDS = {
    EVENTS.name: event_key.EVENT_FIELDS,
    MESSAGES.name: MESSAGE_FIELDS,
    LIBRARY.name: ("status", "content type"),
    REVIEWS.name: ("rating", "text", "content type"),
    RATINGS.name: ("rating", "content type"),
}
"""What `parts` names of each table's rows."""
