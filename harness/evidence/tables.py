"""What is read from the target after a run, and how it stands in the record. (pure)

One Parquet file a table under `stored/` in the run directory. Texts of messages, names and addresses of people are
never read: ids, keys, instants and counts are enough to tell what was lost or doubled.

Tables are read by time: rows whose `since` column lies in the run. PostgREST hands out pages of a bounded number of
rows, so each table has an order that no two rows share, and the next page starts behind the last row of this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

FOLDER = "stored"
_ID = pa.binary(16)
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class EvidenceColumn:
    """One column: its name in the record, and where it comes from in the target's table."""

    name: str
    type: pa.DataType
    source: str = ""  # PostgREST select expression; empty: the name itself
    sql: str = ""  # the same for Postgres; empty: the source

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
    """

    name: str
    columns: tuple[EvidenceColumn, ...]
    since: str
    order: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(column.name, column.type) for column in self.columns])


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
    ),
    "created_at",
    ("created_at", "id"),
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
    ),
    "created_at",
    ("created_at", "id"),
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
TALKED_IN = ((CONVERSATIONS, "id"), (PARTICIPANTS, "conversation_id"))
"""Read for the conversations of the messages that were read, by this column."""
