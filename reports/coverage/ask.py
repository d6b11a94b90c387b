"""How a run asks a sentence of the manual: one answer, and how answers are put together. (pure)

An answer is `held` only where the run really asked. What a run did not do, could not see, or did too seldom is `not
asked`, with the reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from reports.coverage.judged_run import JudgedRun

State = Literal["held", "broken", "not asked"]


class AskAnswer(NamedTuple):
    """text: what was seen, or why it was not asked."""

    state: State
    text: str


class Ask(ABC):
    """One thing of a run that asks a sentence."""

    @abstractmethod
    def of(self, run: JudgedRun) -> AskAnswer:
        """What this run answers."""

    @abstractmethod
    def words(self) -> str:
        """What asks, for the page about all sentences."""

    def parts(self) -> Iterator[Ask]:
        """This one, and those that it is made of."""
        yield self


def held(run: JudgedRun, text: str, *, timed: bool = False) -> AskAnswer:
    """Held, if this run may say so. `timed`: latencies say it, so the generator has to be beyond doubt too."""
    doubt = run.doubt or (run.generator_doubt if timed else "")
    return AskAnswer("not asked", f"{text}, but {doubt}") if doubt else AskAnswer("held", text)


def broken(text: str) -> AskAnswer:
    return AskAnswer("broken", text)


def not_asked(text: str) -> AskAnswer:
    return AskAnswer("not asked", text)


@dataclass(frozen=True)
class AllOf(Ask):
    """Held when each part is; one broken part breaks it."""

    asks: tuple[Ask, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        answers = [ask.of(run) for ask in self.asks]
        return _worst(answers) or AskAnswer("held", _joined(answers, "held"))

    def words(self) -> str:
        return "; ".join(ask.words() for ask in self.asks)

    def parts(self) -> Iterator[Ask]:
        for ask in self.asks:
            yield from ask.parts()


@dataclass(frozen=True)
class AnyOf(Ask):
    """Held when one part is and none is broken."""

    asks: tuple[Ask, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        answers = [ask.of(run) for ask in self.asks]
        for state in ("broken", "held"):
            if text := _joined(answers, state):
                return AskAnswer(state, text)
        return not_asked(_joined(answers, "not asked"))

    def words(self) -> str:
        return f"({', or '.join(ask.words() for ask in self.asks)})"

    def parts(self) -> Iterator[Ask]:
        for ask in self.asks:
            yield from ask.parts()


@dataclass(frozen=True)
class When(Ask):
    """Asked only in a run in which the condition holds; whatever is bad in other runs is no answer."""

    condition: Ask
    ask: Ask

    def of(self, run: JudgedRun) -> AskAnswer:
        met = self.condition.of(run)
        if met.state != "held":
            return not_asked(met.text)
        found = self.ask.of(run)
        return AskAnswer(found.state, f"{met.text}; {found.text}")

    def words(self) -> str:
        return f"with {self.condition.words()}: {self.ask.words()}"

    def parts(self) -> Iterator[Ask]:
        yield from self.condition.parts()
        yield from self.ask.parts()


def all_of(*asks: Ask) -> AllOf:
    return AllOf(asks)


def any_of(*asks: Ask) -> AnyOf:
    return AnyOf(asks)


def _worst(answers: Sequence[AskAnswer]) -> AskAnswer | None:
    for state in ("broken", "not asked"):
        if text := _joined(answers, state):
            return AskAnswer(state, text)
    return None


def _joined(answers: Sequence[AskAnswer], state: str) -> str:
    return "; ".join(dict.fromkeys(answer.text for answer in answers if answer.state == state))
