"""What phones write down of Realtime: facts, channels and their states, and what can become of a message. (pure)

Phones write down what they see; nothing is matched while the run goes on, because sender and receiver may be on
different workers. `reports.delivery` matches the facts afterwards. The key is the client id, which exists before the
row does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FactKind(StrEnum):
    """What a phone saw. `key`, `detail` and `mark_us` hold what is said here; empty and null where nothing is."""

    SENT = "sent"  # a message was meant to be sent. key: client id
    STORED = "stored"  # and the answer holds its row. key: client id; detail: row id; mark: its created_at
    HEARD = "heard"  # a message's INSERT. key: client id; detail: row id; mark: commit
    POLLED = "polled"  # a message of this run seen in a poll's answer before any frame brought it. key: client id
    CHANNEL = "channel"  # a channel's state changed. key: topic; detail: state; mark: latest commit heard on it.
    # JOINING once, when the screen asks for it: a channel that comes back goes from DOWN to JOINED
    DOUBLED = "doubled"  # the same change again on one channel. key: row id; detail: table and type; mark: commit
    MISORDERED = "misordered"  # a message committed before the one heard last. key: row id; mark: commit
    MISDATED = (
        "misdated"  # a new row whose created_at is not when it was committed. key: row id; detail, mark: as above
    )
    UNTOLD = "untold"  # a receipt or reaction that a channel passed over. key: message; detail: table and UntoldRow
    AGAIN = "again"  # the channel told of a row that was written once more. key: table
    CONTRADICTED = (
        "contradicted"  # a poll shows a row otherwise than its change. key: row id; detail: table, and seconds apart or
        # ANOTHER_ID
    )
    STRANGE = "strange"  # a change whose row is none of this person's. key: row id; detail: table and type
    SAID = "said"  # a typing signal went out on the socket. key: its number; detail: how, "socket" or "http"
    CAUGHT = "caught"  # and arrived. key: its number
    LEAKED = "leaked"  # a channel that was left is still held, or still speaks. key: topic


ANOTHER_ID = "another id"
"""In the detail of a contradicted row."""


class UntoldRow(StrEnum):
    """How a phone knows of a row that no change told of."""

    WRITTEN = "written"  # it wrote the row itself, and nobody had before
    REWRITTEN = "rewritten"  # it wrote it; the row may have been there, so that nothing in it changed
    POLLED = "polled"  # a poll brought somebody else's, where the poll before did not


class ChannelTopic(StrEnum):
    """The app's channels (contract, realtime 2.1)."""

    CHANGES = "changes"
    TYPING = "typing"
    PRESENCE = "presence"


class ChannelState(StrEnum):
    """Of a channel, as the phone knows it."""

    JOINING = "joining"
    JOINED = "joined"  # the server took the join: SUBSCRIBED
    LISTENING = "listening"  # and the subscription to Postgres exists
    DOWN = "down"  # error, timeout, closed, or its socket lost
    LEFT = "left"


class DeliveryFact(NamedTuple):
    """One thing that one phone saw. at_us: run time, microseconds; on the worker's clock until it is corrected."""

    at_us: int
    worker: int
    kind: FactKind
    person: int
    conversation: str
    key: str = ""
    detail: str = ""
    mark_us: int | None = None


class DeliveryFate(StrEnum):
    """What became of one message for one member; `reports.delivery` says when which."""

    DELIVERED = "delivered"
    LOST = "lost"
    DEAF = "deaf"
    RECONNECTING = "reconnecting"
    BEFORE_NOTICE = "before_notice"
    LEFT = "left"
