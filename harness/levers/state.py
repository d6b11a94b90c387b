"""A comparison as a file: what was asked, and every piece that was done. Written after each, to be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.core.errors import UsageError
from harness.core.frozen_model import FrozenModel
from harness.levers.piece import Piece
from harness.levers.turns import Turn
from harness.run.resumed_state import changed, read_state, write_state

FILE = "pieces.json"


class Asked(FrozenModel):
    """What pieces have in common; it must be the same when they are resumed. load_s: until no session begins."""

    profile: str
    target: str
    seed: int
    load_s: float
    url: str = ""  # of the target; pieces of an earlier harness have neither this nor the digest
    profile_digest: str = ""


class LeversState(FrozenModel):
    """All pieces, in the order in which they were done."""

    version: Literal[1] = 1
    asked: Asked
    rounds: int
    levers: tuple[str, ...]
    pieces: tuple[Piece, ...] = ()

    def with_(self, piece: Piece) -> LeversState:
        return self.model_copy(update={"pieces": (*self.pieces, piece)})

    def left(self, todo: list[Turn]) -> list[Turn]:
        """What of it is not done yet; of alike baselines as many as are missing."""
        done = [(piece.group, piece.lever, piece.round) for piece in self.pieces]
        left = []
        for turn in todo:
            if turn.key in done:
                done.remove(turn.key)
            else:
                left.append(turn)
        return left


def save(folder: Path, state: LeversState) -> None:
    """Whole or not at all."""
    write_state(folder / FILE, state)


def load(folder: Path) -> LeversState:
    """:raises UsageError: there is none, or it cannot be read."""
    path = folder / FILE
    return read_state(
        LeversState,
        path,
        absent=UsageError(
            "there are no pieces to go on with", where=str(path), remedy="leave --resume out, or name their folder"
        ),
        broken="these pieces",
        remedy="go on with the version of the harness that wrote them, or begin in another folder",
    )


def resumed(folder: Path, asked: Asked, rounds: int, levers: tuple[str, ...]) -> LeversState:
    """The state in a folder, to be gone on with; rounds and levers may be more than before.

    :raises UsageError: there is none, it cannot be read, or its pieces cannot be compared with new ones.
    """
    state = load(folder)
    if other := changed(state.asked, asked):
        raise UsageError(
            f"the pieces in this folder are others: {'; '.join(other)}",
            where=str(folder / FILE),
            remedy="give the same options again, or begin in another folder",
        )
    names = tuple(dict.fromkeys((*state.levers, *levers)))
    return state.model_copy(update={"rounds": max(rounds, state.rounds), "levers": names})
