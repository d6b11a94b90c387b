"""The ledger: every write that a person intended, each try, and what the server said to it. (pure)

No load tool looks at the data afterwards. This one writes down, per worker and as it happens, what must be in the
database at the end and what must not, in two flat tables that stream into the run's record like all others:

    ledger/writes   one row per intended write: who, what, when, the key under which the server stores it
    ledger/steps    one row per thing that happened to it: sent, acknowledged, refused, unanswered, dropped,
                    forgotten

A write is named by (kind, person, sequence). Writes that carry a client-made id have its own position
(`harness.core.ids`), so that a stored row leads back to its write by arithmetic; the others count on by themselves.
What an answer proves:

    ACKNOWLEDGED  the server said it is done (2xx, or 409 for something that is already there): it must be stored
    REFUSED       the server said no (4xx, or the event's id in the rejected list): it must not be stored
    UNSETTLED     a complete answer that proves neither (5xx, an id in the retry list or in no list, garbage)
    UNANSWERED    no answer: it may or may not be stored, and neither is ever called a loss
    UNSENT        nothing left the phone
    DROPPED       the phone itself will never send it again: evicted from its queue, or its app was killed
    FORGOTTEN     the app held it back without a network and its page was left: as shipped; nobody was promised it

The figures behind the layout: ten million writes take under 1 GB as Parquet and are checked in under a minute
(`benchmarks/integrity.py`).
"""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from harness.core import ids
from harness.core.content import UNKNOWN, Content
from harness.core.outcome import OUTCOME_CODE, Outcome
from harness.core.rows import Notes, Rows
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES

_MICROSECONDS = 1_000_000


class WriteKind(IntEnum):
    """What was to be written. Codes in records: append only."""

    # media_events row, by its stored key (`harness.client.events.event_key`); subject: title, detail: type, number: of
    # a watchlist event whether it goes on (1) or off (-1)
    EVENT = 0
    MESSAGE = 1  # messages row, by client id; subject: conversation, number: its members
    EDIT = 2  # messages UPDATE; object: the row, key: the time that it says, epoch us
    DELETE = 3  # messages UPDATE to a system message; likewise
    DELIVERED = 4  # message_delivery_receipts upsert; subject: conversation, object: message
    READ = 5  # message_read_receipts upsert; subject: conversation, object: message, key: its time, epoch us
    REACTION = 6  # message_reactions row; subject: message; detail: emoji
    UNREACTION = 7  # its removal
    LIBRARY = 8  # library_entries upsert; subject: title, detail: status
    UNLIBRARY = 9  # its removal
    DECK = 10  # rec_requests, rec_impressions; subject: rec_request_id, object: deck, key: limit, number: cards
    PERSON = 11  # no write: subject is the account behind the person's number; a newcomer adds one to it
    FOLLOW = 12  # follows row; subject: the other's account, key: the time that it says, epoch us
    UNFOLLOW = 13  # its removal
    REVIEW = 14  # reviews row; subject: title
    RATING = 15  # ratings upsert; subject: title
    SEEN = 16  # profiles UPDATE of last_seen_at; subject: the account, key: the time, epoch us


class WriteStep(IntEnum):
    """What happened to a write. Codes in records: append only."""

    SENT = 0
    ACKNOWLEDGED = 1
    REFUSED = 2
    UNSETTLED = 3
    UNANSWERED = 4
    UNSENT = 5
    DROPPED = 6
    FORGOTTEN = 7


_PROVES = {
    Outcome.OK: WriteStep.ACKNOWLEDGED,
    Outcome.CONFLICT: WriteStep.ACKNOWLEDGED,
    Outcome.REJECTED: WriteStep.REFUSED,
    Outcome.RATE_LIMITED: WriteStep.REFUSED,
    Outcome.AUTH: WriteStep.REFUSED,
    Outcome.CLIENT_ERROR: WriteStep.REFUSED,
    Outcome.TIMEOUT: WriteStep.UNANSWERED,
    Outcome.NETWORK: WriteStep.UNANSWERED,
    Outcome.GAVE_UP: WriteStep.UNANSWERED,
    Outcome.ABORTED: WriteStep.UNANSWERED,
}


def proven(outcome: Outcome) -> WriteStep:
    """What an attempt's outcome proves about the write it carried."""
    return _PROVES.get(outcome, WriteStep.UNSETTLED)


class LedgerEntry(NamedTuple):
    """The name of one write."""

    kind: WriteKind
    person: int
    sequence: int


class Ledger:
    """One worker's ledger. Owned by its event loop; not thread-safe. Memory is what comes between two takes."""

    def __init__(self, run_tag: int = 0, *, worker: int = 0) -> None:
        """`run_tag` is the one that the client-made ids of this run carry."""
        self._run_tag = run_tag
        self._writes = Notes(LEDGER_WRITES)
        self._steps = Notes(LEDGER_STEPS)
        self._uncounted: defaultdict[int, int] = defaultdict(lambda: worker << ids.WORKER_SHIFT)

    def intend(
        self,
        kind: WriteKind,
        person: int,
        at_s: float,
        *,
        id_: str | None = None,
        key: int = 0,
        subject: str | None = None,
        object_: str | None = None,
        detail: str = "",
        number: int = 0,
        content: Content = UNKNOWN,
    ) -> LedgerEntry:
        """A person wants something written, `at_s` seconds after the run's zero.

        :param id_: the client-made id it carries; its position names the write.
        :param key: 64 bits that stand for the key it is stored under.
        :param subject, object_: UUIDs whose meaning depends on the kind.
        :param content: all that is sent, in two numbers.
        :raises ValueError: `id_` is not an id of this run.
        """
        entry = self._next(kind, person) if id_ is None else self.entry(kind, id_)
        at_us = round(at_s * _MICROSECONDS)
        self._writes.add((*entry, at_us, key, _raw(subject), _raw(object_), detail, number, *content))
        return entry

    def entry(self, kind: WriteKind, id_: str) -> LedgerEntry:
        """The write that a client-made id belongs to. :raises ValueError: the id is none of this run."""
        position = _position(self._run_tag, id_)
        if position is None:
            raise ValueError(f"the id {id_} was not made in this run")
        return LedgerEntry(kind, position.person, position.sequence)

    def _next(self, kind: WriteKind, person: int) -> LedgerEntry:
        self._uncounted[person] += 1
        return LedgerEntry(kind, person, self._uncounted[person])

    def step(
        self, entry: LedgerEntry, step: WriteStep, at_s: float, outcome: Outcome = Outcome.OK, row: str | None = None
    ) -> None:
        """Something happened to a write. `row`: the server's own id for it, where it said one."""
        self._steps.add((*entry, round(at_s * _MICROSECONDS), step, OUTCOME_CODE[outcome], _raw(row)))

    def take(self) -> list[Rows]:
        """Everything noted since the last take."""
        return [*self._writes.take(), *self._steps.take()]


_position = lru_cache(maxsize=4096)(ids.position)
"""An id is asked for when its write is wanted and again when a request carries it, some seconds later."""


def _raw(text: str | None) -> bytes | None:
    """Ids that a target gave may be no UUIDs: then no column of them can hold one, and there is nothing to look for."""
    try:
        return None if text is None else ids.raw(text)
    except ValueError:
        return None
