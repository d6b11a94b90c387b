"""How much later this phone does what an event makes all phones do at once: a lever, none as shipped.

The delays of a phone depend on the run's seed, the person and how many came before; not on workers or on the clock.
"""

from __future__ import annotations

from chaos.fault import draw


class Jitter:
    """Uniform delays from 0 up to `most_s` seconds. count: of those that were asked for."""

    __slots__ = ("_most_s", "_person", "_seed", "count")

    def __init__(self, seed: int, person: int, most_s: float) -> None:
        self._seed, self._person, self._most_s = seed, str(person), most_s
        self.count = 0

    def __call__(self) -> float:
        """The next delay, seconds."""
        if not self._most_s:
            return 0.0
        self.count += 1
        return self._most_s * draw(self._seed, "jitter", self._person, self.count)
