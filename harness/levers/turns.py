"""In which order the pieces are done, and how long that takes. (pure)

By turns with the baseline, so that what drifts meets both sides: the baseline first, after every `BLOCK` levers, and at
the end of each round; up to three levers go A B, B A, A B. The levers' own order turns round from round to round.
Whatever needs a sandbox of its own comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.levers.table import GROUPS, Lever

WARM = 2
"""Pieces that do not count, a seed, on the sandbox as shipped; elsewhere one."""
BLOCK = 16
FEW = 3
MANY, SOME = 10, 4
"""Levers from which on two and three rounds are enough."""
START_S = 20.0
"""Of a sandbox with its people, on two cores."""
AROUND_S = 11.0
"""Of a piece beside its load: start, evidence, and the database's counts coming to rest."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece to do. lever: None for the baseline of the group. station: pieces of one station are done together, on
    sandboxes that stand as long."""

    group: str
    lever: Lever | None
    round: int
    seed: int
    bench: tuple[str, ...]  # switches of the sandbox that it needs
    station: str = ""
    counts: bool = True  # False: it only warms, and is not kept

    @property
    def key(self) -> tuple[str, str, int]:
        """Which piece it is, but for the baselines of a round, which are alike."""
        return self.group, self.lever.name if self.lever else "", self.round


def enough(levers: int) -> int:
    """Rounds for so many levers: what they have in common says how much a figure scatters, and few have little."""
    return 2 if levers >= MANY else 3 if levers >= SOME else 5


def turns(levers: Sequence[Lever], rounds: int, seed: int) -> list[Turn]:
    """All pieces in order. Levers with switches of their own stand beside a baseline without them, on two sandboxes."""
    found: list[Turn] = []
    benches = dict.fromkeys((one.group.switches, one.name if one.switches else "") for one in levers)
    for switches, own in sorted(benches, key=lambda bench: (bench[0] != (), bench[1] != "")):
        for number in range(rounds):
            for group in GROUPS.values():
                mine = [
                    one
                    for one in levers
                    if one.group is group and group.switches == switches and (one.name if one.switches else "") == own
                ]
                found += _round(mine, number, seed + number, " ".join((*switches, own)))
    return found


def _round(levers: Sequence[Lever], number: int, seed: int, station: str) -> list[Turn]:
    if not levers:
        return []
    group = levers[0].group

    def turn(lever: Lever | None) -> Turn:
        return Turn(group.name, lever, number, seed, (*group.switches, *(lever.switches if lever else ())), station)

    ordered = list(levers) if number % 2 == 0 else list(levers)[::-1]
    if len(levers) <= FEW:
        few = [turn(None), *(turn(lever) for lever in levers)]
        return few if number % 2 == 0 else few[::-1]
    found = [turn(None)]
    for start in range(0, len(ordered), BLOCK):
        found += [turn(lever) for lever in ordered[start : start + BLOCK]]
        found.append(turn(None))
    return found


def warmed(todo: Sequence[Turn]) -> list[Turn]:
    """With pieces of the baseline before the first of each seed and sandbox that do not count.

    Caches fill; above all, conversations of that seed's people get as long as a page shows. Until then each piece's
    chats have more to read than the last one's, and whatever comes later looks dearer.
    """
    found: list[Turn] = []
    for turn in todo:
        if not any((one.bench, one.seed, one.station) == (turn.bench, turn.seed, turn.station) for one in found):
            warm = replace(turn, lever=None, counts=False)
            found += [warm] * (WARM if turn.bench == () else 1)
        found.append(turn)
    return found


def minutes(todo: Sequence[Turn], load_s: float, *, own_sandbox: bool, piece_s: float | None = None) -> float:
    """How long they take. load_s: of one piece's load; piece_s: of a whole one, once that is known."""
    benches = len({turn.bench for turn in todo}) if own_sandbox else 0
    each = load_s + AROUND_S if piece_s is None else piece_s
    return (benches * START_S + len(warmed(todo)) * each) / 60
