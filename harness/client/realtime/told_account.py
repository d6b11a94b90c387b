"""Of one open conversation: whether its channel brings each receipt and reaction that is stored, and how soon.

Each phone judges its own channels, so that nothing has to be kept of what did come. What did not, and what a poll says
otherwise, is written down for `harness.core.delivery_facts`; how long a change took is an attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.client.realtime.client import DatabaseChange
from harness.client.realtime.host import RealtimeHost
from harness.client.realtime.polled_rows import PolledRows
from harness.client.realtime.told_keys import DELIVERY_RECEIPTS, REACTIONS, READ_RECEIPTS, RowKey, row_key
from harness.client.realtime.told_rows import ToldRows, Untold
from harness.core.delivery_facts import ANOTHER_ID, ChannelState, FactKind, UntoldRow
from harness.core.outcome import Outcome

ATTEMPTS: Mapping[str, str] = {
    READ_RECEIPTS: "realtime_read_receipt",
    DELIVERY_RECEIPTS: "realtime_delivery_receipt",
    REACTIONS: "realtime_reaction",
}
"""From the answer to a write of the phone's own until its change came; nothing where that was first."""


class ToldAccount:
    """One channel's."""

    __slots__ = ("_again", "_conversation", "_host", "_polls", "_rows")

    def __init__(self, host: RealtimeHost, conversation: str) -> None:
        self._host = host
        self._conversation = conversation
        self._rows = ToldRows()
        self._polls = PolledRows()
        self._again = False  # a change came of a delivery receipt of this phone's that was there before

    def enters(self, state: ChannelState) -> None:
        """The channel's state is another one, now: what it passed over until then is told, and it begins anew."""
        for one in self._rows.over():
            self._saw(FactKind.UNTOLD, one.message, f"{one.table} {_known_by(one)}")
        if self._again:
            self._again = False
            self._saw(FactKind.AGAIN, DELIVERY_RECEIPTS)
        if state is ChannelState.LISTENING:
            self._rows.listens(self._host.clock.now())

    def leaves(self, key: RowKey) -> float:
        """A request leaves that writes a row of the conversation, now; returns when that is."""
        at = self._host.clock.now()
        self._rows.leaves(key, at)
        return at

    def removes(self, key: RowKey) -> None:
        """A request leaves that takes this row away."""
        self._rows.gone(key)

    def stored(self, key: RowKey, sent: float) -> None:
        """That request, which left at `sent`, was answered well."""
        now = self._host.clock.now()
        if self._rows.acknowledged(key, sent, now):
            self._took(key[0], now, 0.0)

    def polled(self, table: str, data: Any, begun: float, of: str = "") -> None:
        """A poll that was asked for at `begun` brought this. of: the message that it was about."""
        if self._rows.since is None or type(data) is not list:
            return
        now, me = self._host.clock.now(), self._host.auth.user_id
        if table == REACTIONS:
            self._rows.not_among(table, (row_key(table, row) for row in data if type(row) is dict), begun)
        before, rows = self._polls.new(table, of, data, begun)
        for row in rows if before is not None else ():
            key = row_key(table, row) if row.get("user_id") != me else None
            if before is not None and key is not None:
                self._rows.polled(key, before, now)
        for id_, otherwise in self._polls.contradicted(table, data):
            self._saw(FactKind.CONTRADICTED, id_, f"{table} {otherwise}")

    def brought(self, change: DatabaseChange) -> None:
        """The channel brought a change."""
        at, table, row = change.received_at, change.table, change.record
        self._rows.brought(at)
        if change.type == "DELETE" or self._rows.since is None:
            return
        own = row.get("user_id") == self._host.auth.user_id
        key = row_key(table, row) if own or table in ATTEMPTS else None
        if key is None:
            return
        lasted = self._rows.heard(key, at)
        if table not in ATTEMPTS:
            return
        if change.type == "INSERT":
            if other := self._polls.told(table, row):
                self._saw(FactKind.CONTRADICTED, other, f"{table} {ANOTHER_ID}")
        elif own and table == DELIVERY_RECEIPTS:
            self._again = True
        if lasted is not None:
            self._took(table, at - lasted, lasted, change.size)

    def _took(self, table: str, since: float, seconds: float, size: int = 0) -> None:
        self._host.kit.observer.attempt("WS", ATTEMPTS[table], Outcome.OK, since, seconds, size, "")

    def _saw(self, kind: FactKind, key: str, detail: str = "") -> None:
        self._host.notes.saw(kind, self._conversation, key, detail)


def _known_by(one: Untold) -> UntoldRow:
    """Delivery receipts are written on every open, and for a live message twice at once, of which the first is new: any
    other may have been there."""
    if one.polled:
        return UntoldRow.POLLED
    new = one.table != DELIVERY_RECEIPTS or one.missing == one.of > 1
    return UntoldRow.WRITTEN if new else UntoldRow.REWRITTEN
