"""What a device writes down about its session: operations, actions, facts of Realtime, writes on their way.

Attempts are not noted here: the API client measures them itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

from harness.client.clock import DeviceClock
from harness.client.context import Observer
from harness.client.session_log import SessionLog
from harness.client.write import Write
from harness.core.actions import UserAction
from harness.core.delivery_facts import FactKind
from harness.core.ledger import Ledger, LedgerEntry, WriteKind, WriteStep
from harness.core.outcome import Outcome
from harness.core.session_end import SessionEnd

KEPT_HOLDS = 200
"""Of a device's requests that waited for the limits, so many are remembered; an operation has far fewer."""


class SessionNotes:
    """One device's. ticket, log: of the session under way, or the last one. copies_writes: whether faults of this run
    may send a request twice, or late. writes_as: the account that the ledger knows this device's writes by."""

    __slots__ = (
        "_account_id",
        "_clock",
        "_held",
        "_intended",
        "_ledger",
        "_observer",
        "_person",
        "_realtime",
        "_zero",
        "copies_writes",
        "log",
        "ticket",
        "writes_as",
    )

    def __init__(
        self,
        clock: DeviceClock,
        observer: Observer,
        ledger: Ledger,
        *,
        zero: float,
        person: int,
        account_id: Callable[[], str | None],
        realtime: bool,
        copies_writes: bool,
    ) -> None:
        """zero: loop time of the run's zero. account_id: who is signed in. realtime: whether its facts are noted."""
        self.ticket = 0
        self.log = SessionLog(-1, zero)
        self.copies_writes = copies_writes
        self._clock = clock
        self._held: deque[tuple[float, float]] | None = None  # made when there is one: a deque has half a kilobyte
        self._observer = observer
        self._ledger = ledger
        self._zero = zero
        self._person = person
        self._account_id = account_id
        self._realtime = realtime
        self._intended: float | None = None  # of the session's first operation
        self.writes_as = ""

    def begin(self, ticket: int, planned: float) -> None:
        """A session begins that was planned at `planned` s since zero."""
        self.ticket = ticket
        self.log = SessionLog(ticket, self._clock.now())
        self._intended = self._zero + planned

    @property
    def person(self) -> int:
        """Number of whoever has the device."""
        return self._person

    def share(self, other: SessionNotes) -> None:
        """Note into another device's session."""
        self.ticket, self.log = other.ticket, other.log

    def end(self) -> None:
        """The session is over; what still comes is noted in its log."""
        self._intended = None

    def did(self, action: UserAction, subject: str = "", number: int = 1, seconds: float = 0.0) -> None:
        """Write down what the person did or saw, now (`harness.core.actions`)."""
        self.log.did(action, self._clock.now(), subject, number, seconds)

    def saw(
        self,
        kind: FactKind,
        conversation: str,
        key: str,
        detail: str = "",
        *,
        at: float | None = None,
        mark_us: int | None = None,
    ) -> None:
        """Write down what happened on Realtime, now or at `at` (loop time); see `harness.core.delivery_facts`."""
        if self._realtime:
            at = self._clock.now() if at is None else at
            self._observer.saw(at, kind, self._person, conversation, key, detail, mark_us)

    # ---- operations -----------------------------------------------------------------------------------------

    def operation(self, name: str, *, intended: float | None = None) -> Operation:
        """Measure one thing the person did, as a context manager. The session's first counts from its planned start."""
        if intended is None:
            intended, self._intended = self._intended, None
        return Operation(self, name, self._clock.now() if intended is None else intended)

    def held(self, seconds: float) -> None:
        """A request of this device waited so long, until now, for the limits of our own side."""
        if seconds > 0:
            if self._held is None:
                self._held = deque(maxlen=KEPT_HOLDS)
            self._held.append((self._clock.now(), seconds))

    def ended(self, name: str, outcome: Outcome, intended: float) -> None:
        """An operation that was intended at `intended` (loop time) is over now."""
        self.log.outcomes[name] = outcome
        self._observer.operation(name, outcome, intended, self._clock.now() - intended)
        if self._held and self._held[-1][0] >= intended:
            longest = max(seconds for at, seconds in self._held if at >= intended)
            self._observer.held(name, intended, longest)

    def could_not_get_in(self, outcome: Outcome) -> None:
        """The session is over: signing in, signing up or opening the app ended so."""
        if outcome is not Outcome.GAVE_UP:
            self.log.end = SessionEnd.LIMITED if outcome is Outcome.RATE_LIMITED else SessionEnd.KEPT_OUT

    def could_not_go_on(self, operation: str) -> None:
        """The session is over because of what the operation was to bring; not, where that came and was empty."""
        outcome = self.log.outcomes.get(operation)
        if outcome is not None and not outcome.good and outcome is not Outcome.GAVE_UP:
            self.log.end = SessionEnd.STOPPED

    # ---- writes ---------------------------------------------------------------------------------------------

    def write(self, kind: WriteKind, **facts: Any) -> Write:
        """Note in the ledger that this person wants something written, now; `facts` as in `Ledger.intend`."""
        at = self._clock.now() - self._zero
        account = self._account_id()
        if account is not None and account != self.writes_as:
            self.writes_as = account
            self._ledger.intend(WriteKind.PERSON, self._person, at, subject=account)
        return Write(self, self._ledger.intend(kind, self._person, at, **facts))

    def written(self, kind: WriteKind, id_: str) -> Write:
        """The write noted earlier under a client-made id."""
        return Write(self, self._ledger.entry(kind, id_))

    def step(self, entry: LedgerEntry, step: WriteStep, outcome: Outcome, row: str | None = None) -> None:
        """Something happened to a write, now."""
        self._ledger.step(entry, step, self._clock.now() - self._zero, outcome, row)


class Operation:
    """One thing the person did, from intent to done. Leaving by exception means the person gave up."""

    __slots__ = ("_notes", "intended", "name", "outcome")

    def __init__(self, notes: SessionNotes, name: str, intended: float) -> None:
        self._notes = notes
        self.name = name
        self.intended = intended
        self.outcome: Outcome | None = None

    def ends(self, outcome: Outcome) -> bool:
        """Note how it ended so far; the first outcome that is not good stays. Returns whether it is good."""
        if self.outcome is None or self.outcome.good:
            self.outcome = outcome
        return outcome.good

    def __enter__(self) -> Operation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = Outcome.GAVE_UP if kind is not None else (self.outcome or Outcome.OK)
        self._notes.ended(self.name, outcome, self.intended)
