"""The mutants: each place with each operator that makes sense there. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from harness.prove.mutants.operators.base import CallOperator, Operator, SignalOperator
from harness.prove.mutants.operators.changes import ChangeElsewhere, ChangeId, ChangeText, ChangeTime
from harness.prove.mutants.operators.client_error import ClientError
from harness.prove.mutants.operators.closed import Closed
from harness.prove.mutants.operators.empty import Empty
from harness.prove.mutants.operators.foreign import Foreign
from harness.prove.mutants.operators.joins import JoinCloses, JoinRefused, JoinUnanswered
from harness.prove.mutants.operators.lost_write import LostWrite
from harness.prove.mutants.operators.no_reply import NoReply
from harness.prove.mutants.operators.not_deleted import NotDeleted
from harness.prove.mutants.operators.read_field import ReadFigure, ReadId, ReadText, ReadTime
from harness.prove.mutants.operators.reordered import Reordered
from harness.prove.mutants.operators.repeated import Repeated
from harness.prove.mutants.operators.server_error import ServerError
from harness.prove.mutants.operators.signals import (
    SignalCloses,
    SignalDropped,
    SignalLate,
    SignalReordered,
    SignalRepeated,
    SignalSilence,
)
from harness.prove.mutants.operators.slow_constant import SlowConstant
from harness.prove.mutants.operators.slow_drift import SlowDrift
from harness.prove.mutants.operators.slow_tail import SlowTail
from harness.prove.mutants.operators.stale import Stale
from harness.prove.mutants.operators.stored_field import StoredFigure, StoredId, StoredText, StoredTime
from harness.prove.mutants.operators.stored_twice import StoredTwice
from harness.prove.mutants.operators.stored_twice_anew import StoredTwiceAnew
from harness.prove.mutants.operators.truncated import Truncated
from harness.prove.mutants.operators.wrong_content_type import WrongContentType
from harness.prove.mutants.places import Place, places

CALL_OPERATORS: tuple[CallOperator, ...] = (
    NoReply(),
    Closed(),
    ClientError(),
    ServerError(),
    SlowConstant(),
    SlowTail(),
    SlowDrift(),
    Empty(),
    Truncated(),
    WrongContentType(),
    Stale(),
    Foreign(),
    Repeated(),
    Reordered(),
    ReadId(),
    ReadText(),
    ReadFigure(),
    ReadTime(),
    NotDeleted(),
    LostWrite(),
    StoredTwice(),
    StoredTwiceAnew(),
    StoredId(),
    StoredText(),
    StoredFigure(),
    StoredTime(),
)
SIGNAL_OPERATORS: tuple[SignalOperator, ...] = (
    SignalSilence(),
    SignalDropped(),
    SignalRepeated(),
    SignalLate(),
    SignalReordered(),
    SignalCloses(),
    ChangeElsewhere(),
    ChangeId(),
    ChangeText(),
    ChangeTime(),
    JoinUnanswered(),
    JoinRefused(),
    JoinCloses(),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One place, spoiled in one way."""

    place: Place
    operator: Operator

    @property
    def name(self) -> str:
        return f"{self.place.name}/{self.operator.name}"


@cache
def mutants() -> tuple[Mutant, ...]:
    """All of them, by place."""
    operators: tuple[Operator, ...] = (*CALL_OPERATORS, *SIGNAL_OPERATORS)
    return tuple(Mutant(place, one) for place in places() for one in operators if one.needs in place.kinds)


def mutant(name: str) -> Mutant:
    """:raises KeyError: with the name of one that does not exist."""
    for one in mutants():
        if one.name == name:
            return one
    raise KeyError(name)


def drawn(patterns: Sequence[str]) -> tuple[Mutant, ...]:
    """Those whose name fits one of the globs, or all without any.

    :raises KeyError: with a pattern that fits none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(one.name, pattern) for one in mutants()):
            raise KeyError(pattern)
    return tuple(one for one in mutants() if not patterns or any(fnmatchcase(one.name, glob) for glob in patterns))
