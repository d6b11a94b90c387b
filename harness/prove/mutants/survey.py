"""Which mutants a run would hit, found in one healthy run: each is tried on what passes, nothing is changed. (pure)

A mutant that would have had nothing to spoil there is not run: the run makes no such request, or no reply of it has
what the mutant changes. The load follows from the seed, so it would be the same.
"""

from __future__ import annotations

from collections import defaultdict

from harness.prove.mutants.catalogue import Mutant, mutants
from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.operators.base import CallOperator, MutantState, SignalOperator, SocketMessage
from harness.prove.mutants.places import CallPlace, ChannelPlace, Place

OLD_S = 1.0
"""A run's age for mutants that grow with it."""


class MutantSurvey:
    """Told of everything that phones send and get."""

    def __init__(self, seed: int = 1) -> None:
        self.reached: set[str] = set()
        self.seen: dict[str, int] = defaultdict(int)
        self._states = {one.name: MutantState(seed, one.place.name, age_s=OLD_S) for one in mutants()}
        self._open: dict[str, list[Mutant]] = defaultdict(list)
        for one in mutants():
            self._open[one.place.name].append(one)

    def exchange(self, place: CallPlace, request: CallRequest, reply: CallReply) -> None:
        """A request of this place, and what came."""
        self._keep(place, [one for one in self._open[place.name] if not self._hits(one, request, reply)])

    def _hits(self, one: Mutant, request: CallRequest, reply: CallReply) -> bool:
        assert isinstance(one.operator, CallOperator)
        state = self._states[one.name]
        hits = one.operator.handle(request, state) is not None or one.operator.reply(request, reply, state) is not None
        state.memory.note(request, reply)
        return hits

    def message(self, place: ChannelPlace, message: SocketMessage) -> None:
        """A message of this place."""
        left = []
        for one in self._open[place.name]:
            assert isinstance(one.operator, SignalOperator)
            delivery = one.operator.deliver(message, self._states[one.name])
            if delivery is None or delivery.held is not None:
                left.append(one)
        self._keep(place, left)

    def _keep(self, place: Place, left: list[Mutant]) -> None:
        self.seen[place.name] += 1
        self.reached |= {one.name for one in self._open[place.name]} - {one.name for one in left}
        self._open[place.name] = left
