"""What a check says. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from harness.doctor.facts import Facts


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Answer:
    """text: what was found. remedy: the command or the change that mends it; empty unless it is wrong."""

    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One question. id: what people call it. needs: checks that have to be ok, or this one cannot be asked."""

    id: str
    judge: Callable[[Facts], Answer]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check's answer."""

    check: str
    answer: Answer

    @property
    def wrong(self) -> bool:
        return self.answer.state is State.WRONG


def ok(text: str) -> Answer:
    return Answer(State.OK, text)


def wrong(text: str, remedy: str) -> Answer:
    return Answer(State.WRONG, text, remedy)


def unasked(why: str) -> Answer:
    return Answer(State.UNASKED, why)
