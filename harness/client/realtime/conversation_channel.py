"""An open conversation's two channels: changes of the database, and typing (contract realtime 2.1, 2.4, 3).

The app's four hooks (messages, read receipts, reactions, delivery receipts) share one channel with four bindings; the
typing channel is beside it. Here is also where it is written down what came, for `harness.core.delivery_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from harness.client.api import chat_shapes as shapes
from harness.client.api.chat_shapes import ChatMessage, Summary
from harness.client.realtime.change_tracker import ChangeTracker
from harness.client.realtime.client import (
    Binding,
    BroadcastEvent,
    Channel,
    DatabaseChange,
    RealtimeClient,
    Sent,
    Status,
    SystemEvent,
)
from harness.client.realtime.host import RealtimeHost
from harness.client.realtime.phoenix.codec import text
from harness.client.realtime.told_account import ToldAccount
from harness.client.realtime.told_keys import DELIVERY_RECEIPTS, REACTIONS, READ_RECEIPTS
from harness.core.client_settings import Live
from harness.core.delivery_facts import ChannelState, ChannelTopic, FactKind
from harness.core.instants import epoch_us

DATED = frozenset(("messages", REACTIONS, DELIVERY_RECEIPTS))
"""Tables whose new rows are dated by the database."""
TRANSACTION_S = 60.0
"""No write of the app holds its transaction open for so long."""
TABLES = ("messages", READ_RECEIPTS, DELIVERY_RECEIPTS, REACTIONS)
"""In the order of the app's hooks."""
TABLES_OF: Mapping[Live, tuple[str, ...]] = {"changes": TABLES, "broadcast_messages": TABLES[1:], "broadcast": ()}
"""Whose changes the channel asks for."""
CHANGES = "conversation-db-"
TYPING = "supabase_realtime_typing:conversation:"
TYPING_EVENT = "typing"
TOLD_EVENT = "message"
"""Of messages by Broadcast, an experiment: the row, as whoever wrote it was answered."""
MARK = "harness"
"""A field of our own in the typing payload, which the app ignores: one signal could not be told from the next."""


class Listener(Protocol):
    """A screen that shows the conversation."""

    def status_changed(self) -> None: ...
    def inserted(self, message: ChatMessage) -> None: ...
    def updated(self, message: ChatMessage) -> None: ...
    def noted(self, table: str, message: str) -> None: ...


class ConversationChannel:
    """One conversation on one page. member: False for a test of the service, which listens where it must not hear."""

    def __init__(
        self,
        host: RealtimeHost,
        client: RealtimeClient,
        summary: Summary,
        *,
        member: bool = True,
        as_sent: bool = True,
    ) -> None:
        """as_sent: False where faults of this run may drop, delay or reorder what comes."""
        self.conversation = summary.conversation
        self._host = host
        self._client = client
        self._member = member
        self._members = frozenset((*summary.others, host.auth.user_id))
        self._tracker = ChangeTracker()
        self.told = ToldAccount(host, summary.conversation) if member and as_sent else None
        self._holders: list[Listener] = []
        self._states: dict[ChannelTopic, ChannelState] = {}
        self._said = 0
        self._changes = self._make(ChannelTopic.CHANGES)
        self._typing = self._make(ChannelTopic.TYPING) if member else None

    def _make(self, topic: ChannelTopic) -> Channel:
        id_ = self.conversation
        if topic is ChannelTopic.CHANGES:
            filter_ = f"conversation_id=eq.{id_}"
            bindings = [Binding("*", "public", table, filter_) for table in TABLES_OF[self._host.kit.settings.live]]
            channel = self._client.channel(CHANGES + id_, changes=bindings, label=self._label("conversation"))
            channel.on_change(self._changed)
            channel.on_system(self._noticed)
            if self._member and self._host.kit.settings.live != "changes":
                channel.on_broadcast(TOLD_EVENT, self._told)
        else:
            channel = self._client.channel(TYPING + id_, ack=None, label="typing")
            channel.on_broadcast(TYPING_EVENT, self._typed)
        channel.on_status(lambda status, _: self._status(topic, status))
        return channel

    def _label(self, name: str) -> str:
        return name if self._member else "eavesdropper"

    @property
    def topics(self) -> tuple[str, ...]:
        """Of its channels."""
        return (self._changes.topic,) if self._typing is None else (self._changes.topic, self._typing.topic)

    # ---- the screen -----------------------------------------------------------------------------------------

    @property
    def joined(self) -> bool:
        """Whether the last status of the changes was SUBSCRIBED: all that the app knows."""
        return self._states.get(ChannelTopic.CHANGES) in (ChannelState.JOINED, ChannelState.LISTENING)

    def join(self) -> None:
        """The screen opens."""
        if self._host.kit.sockets is not None and self._member:
            self._host.kit.sockets.opened(self.conversation, self._members)
        for topic, channel in self._both():
            self._enter(topic, ChannelState.JOINING)
            channel.subscribe()

    def _both(self) -> list[tuple[ChannelTopic, Channel]]:
        pairs = [(ChannelTopic.CHANGES, self._changes)]
        return pairs if self._typing is None else [*pairs, (ChannelTopic.TYPING, self._typing)]

    def hold(self, listener: Listener) -> None:
        """A screen needs it."""
        self._holders.append(listener)

    def release(self, listener: Listener) -> bool:
        """A screen needs it no more; whether somebody still does."""
        if listener in self._holders:
            self._holders.remove(listener)
        return bool(self._holders)

    def leave(self) -> None:
        """The screen is left: typing first, as the app's hooks end."""
        self.gone()
        for _, channel in reversed(self._both()):
            self._client.remove(channel)

    def gone(self) -> None:
        """The page is left with everything on it: nothing that comes from now on is anybody's."""
        for topic in tuple(self._states):
            self._enter(topic, ChannelState.LEFT)
        self._states.clear()
        self._holders.clear()
        if self._host.kit.sockets is not None and self._member:
            self._host.kit.sockets.left(self.conversation, self._members)

    def _enter(self, topic: ChannelTopic, state: ChannelState) -> None:
        self._states[topic] = state
        mark = self._tracker.latest_us if topic is ChannelTopic.CHANGES else None
        if self.told is not None and topic is ChannelTopic.CHANGES:
            self.told.enters(state)
        if self._member:
            self._host.notes.saw(FactKind.CHANNEL, self.conversation, str(topic), str(state), mark_us=mark)

    # ---- typing ---------------------------------------------------------------------------------------------

    def say(self, payload: Mapping[str, Any]) -> Sent:
        """Broadcast a typing signal; REST when the channel has not joined, and the caller sends it."""
        if self._typing is None:
            return Sent.REST
        self._count("broadcast")
        return self._typing.send(TYPING_EVENT, payload)

    def tell(self, payload: Mapping[str, Any]) -> Sent:
        """Broadcast a message's row, `told_payload`; REST when the channel has not joined, and the caller sends it."""
        self._count("broadcast")
        return self._changes.send(TOLD_EVENT, payload)

    def _count(self, kind: str) -> None:
        if self._host.kit.sockets is not None:
            self._host.kit.sockets.sent[kind] += 1

    def mark(self) -> str:
        """The next signal's number, unlike all others of the run."""
        self._said += 1
        return f"{self._host.person.number}.{self._host.notes.ticket}.{self._said}"

    # ---- what comes -----------------------------------------------------------------------------------------

    def _status(self, topic: ChannelTopic, status: Status) -> None:
        if topic not in self._states:
            return  # our own leave
        if status is Status.SUBSCRIBED:
            self._enter(topic, ChannelState.JOINED)
        elif self._states[topic] is not ChannelState.DOWN:
            self._enter(topic, ChannelState.DOWN)
        if topic is ChannelTopic.CHANGES:
            for holder in tuple(self._holders):
                holder.status_changed()

    def _noticed(self, notice: SystemEvent) -> None:
        if notice.subscribed_to_postgres and self._states.get(ChannelTopic.CHANGES) is ChannelState.JOINED:
            self._enter(ChannelTopic.CHANGES, ChannelState.LISTENING)

    def _typed(self, broadcast: BroadcastEvent) -> None:
        payload = broadcast.payload
        if isinstance(payload, dict) and isinstance(mark := payload.get(MARK), str):
            self._host.notes.saw(FactKind.CAUGHT, self.conversation, mark, at=broadcast.received_at)

    def _changed(self, change: DatabaseChange) -> None:
        sockets = self._host.kit.sockets
        if sockets is not None:
            sockets.changes[change.table] += 1
        if change.errors:
            return  # the server says that it shows nothing
        row = change.record or change.old_record
        commit = epoch_us(change.commit_timestamp)
        key = text(row.get("id")) or text(row.get("user_id"))
        if not self._ours(change):
            self._wrong(FactKind.STRANGE, change, key, commit)
            return
        if self.told is not None:
            self.told.brought(change)
        late = commit is not None and self._tracker.misordered(change.table, commit)
        if self._twice(change, key, commit):
            self._wrong(FactKind.DOUBLED, change, key, commit)
        if commit is not None and misdated(change, commit):
            self._wrong(FactKind.MISDATED, change, key, commit)
        if change.table == "messages" and change.type in ("INSERT", "UPDATE"):
            self._message(change, key, commit, late=late)
        elif change.table != "messages" and (change.type != "DELETE" or change.table == REACTIONS):
            for holder in tuple(self._holders):
                holder.noted(change.table, text(row.get("message_id")))

    def _wrong(self, kind: FactKind, change: DatabaseChange, key: str, commit: int | None) -> None:
        detail = f"{change.table} {change.type}"
        self._host.notes.saw(kind, self.conversation, key, detail, at=change.received_at, mark_us=commit)

    def _told(self, broadcast: BroadcastEvent) -> None:
        payload = broadcast.payload
        if not isinstance(payload, dict) or not isinstance(row := payload.get("record"), dict):
            return
        message = shapes.message(row)
        if message is None or row.get("conversation_id") != self.conversation:
            self._host.notes.saw(FactKind.STRANGE, self.conversation, text(row.get("id")), "messages broadcast")
            return
        new = payload.get("type") == "INSERT"
        if new and message.client_id is not None:
            created, at = epoch_us(message.created_at), broadcast.received_at
            self._host.notes.saw(
                FactKind.HEARD, self.conversation, message.client_id, message.id, at=at, mark_us=created
            )
        for holder in tuple(self._holders):
            (holder.inserted if new else holder.updated)(message)

    def _ours(self, change: DatabaseChange) -> bool:
        """Row-level security is not asked about deletions: they go to whoever listens, and show the row's key alone."""
        if change.type == "DELETE":
            return True
        return self._member and change.record.get("conversation_id", self.conversation) == self.conversation

    def _twice(self, change: DatabaseChange, key: str, commit: int | None) -> bool:
        """Receipts are written twice at once by design, so that two updates of one row may share their millisecond."""
        ambiguous = change.type == "UPDATE" and change.table != "messages"
        return not ambiguous and self._tracker.doubled(change.table, change.type, key, commit)

    def _message(self, change: DatabaseChange, key: str, commit: int | None, *, late: bool) -> None:
        notes, at = self._host.notes, change.received_at
        message = shapes.message(change.record)
        if message is None:
            return
        if change.type == "UPDATE":
            for holder in tuple(self._holders):
                holder.updated(message)
            return
        if late:
            notes.saw(FactKind.MISORDERED, self.conversation, key, at=at, mark_us=commit)
        if message.client_id is not None:
            notes.saw(FactKind.HEARD, self.conversation, message.client_id, key, at=at, mark_us=commit)
        for holder in tuple(self._holders):
            holder.inserted(message)


def told_payload(row: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """What the others are told of a message: its row."""
    return {"type": "INSERT" if new else "UPDATE", "record": dict(row)}


def misdated(change: DatabaseChange, commit_us: int) -> bool:
    """Whether a new row says that it was made at another time than the change. Both instants are of the database's own
    clock: the beginning of a transaction, and its end."""
    if change.type != "INSERT" or change.table not in DATED:
        return False
    created = epoch_us(text(change.record.get("created_at")) or None)
    return created is not None and abs(commit_us - created) > TRANSACTION_S * 1_000_000
