"""What the app's data library holds back without a network: react-query's network mode "online". (pure)

TanStack Query 5, `retryer`, `mutationCache`, `queryClient`; the app leaves the mode at its default and never tries a
mutation again.

- A mutation or read begins only with a network. Whether the app is on screen does not matter then.
- A second try begins only with a network and on screen.
- What waits goes on when the network comes back or the app comes on screen, and then both must hold.
- First all mutations that wait go on, side by side; reads only when these are over, those of screens that were left
  too. Mutations that were under way already are not waited for.
- What waits lives in the page's memory: it is gone with the page.
"""

from __future__ import annotations

from enum import Enum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Wake(Enum):
    """Why the library looks whether something can go on."""

    ONLINE = "online"
    SHOWN = "shown"


class Resumed(NamedTuple, Generic[T]):
    """What goes on now, in the order in which it began to wait; and of which wakes the turn of the reads has come."""

    works: tuple[T, ...] = ()
    reads: tuple[Wake, ...] = ()


class PausedWork(Generic[T]):
    """One page's. T stands for a piece of work; told apart by identity. The caller keeps `online` and `visible` true
    to the device, before it asks anything."""

    def __init__(self) -> None:
        self.online = True
        self.visible = True
        self._mutations: list[T] = []
        self._reads: list[T] = []
        self._awaited: list[tuple[Wake, list[T]]] = []  # mutations that go on, and the reads' wake that waits for them

    def __len__(self) -> int:
        """How much waits."""
        return len(self._mutations) + len(self._reads)

    def may_begin(self, *, again: bool = False) -> bool:
        """Whether a first try (`again`: a second one) may begin now."""
        return self.online and (self.visible or not again)

    def hold_mutation(self, work: T) -> None:
        """It may not begin: it waits."""
        self._mutations.append(work)

    def hold_read(self, work: T) -> None:
        """Likewise."""
        self._reads.append(work)

    def wake(self, why: Wake) -> Resumed[T]:
        """The network is back, or the app is on screen again. Reads go on at once where no mutation waited."""
        going: list[T] = []
        if self.may_begin(again=True):
            going, self._mutations = self._mutations, []
        elif self.online and self._mutations:
            going = []  # hidden: whoever woke them waits until they can go on and have
            self._awaited.append((why, list(self._mutations)))
            return Resumed()
        if going:
            self._awaited.append((why, list(going)))
            return Resumed(tuple(going))
        return self._reads_turn((why,))

    def over(self, work: T) -> Resumed[T]:
        """A mutation that had waited is over, well or not, or was given up while it waited."""
        self._mutations = [one for one in self._mutations if one is not work]
        turns: list[Wake] = []
        left: list[tuple[Wake, list[T]]] = []
        for why, awaited in self._awaited:
            still = [one for one in awaited if one is not work]
            if still:
                left.append((why, still))
            elif awaited:
                turns.append(why)
        self._awaited = left
        return self._reads_turn(tuple(turns)) if turns else Resumed()

    def let_go(self, work: T) -> None:
        """A read that waits is wanted no more."""
        self._reads = [one for one in self._reads if one is not work]

    def close(self) -> tuple[T, ...]:
        """The page is gone; what waited will never go on."""
        lost = (*self._mutations, *self._reads)
        self._mutations, self._reads, self._awaited = [], [], []
        return lost

    def _reads_turn(self, wakes: tuple[Wake, ...]) -> Resumed[T]:
        going: list[T] = []
        if self.may_begin(again=True):
            going, self._reads = self._reads, []
        return Resumed(tuple(going), wakes)
