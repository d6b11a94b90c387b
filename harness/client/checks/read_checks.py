"""Asks the rules of one phone's replies, and keeps some in outline for what is asked after the run. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.client.checks.own_writes import BEGINS, ENDS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.read_samples import SAMPLED, SAMPLED_ALWAYS
from harness.client.checks.rules import ONE_IN, RULES_OF_CALL
from harness.client.checks.shown_again import AGAIN, Again, kept_reply
from harness.client.checks.title_facts import TitleFacts
from harness.core.outcome import Outcome
from harness.core.read_log import KeptReply, ReadSample, ReadViolation
from harness.core.reply_print import rows_at

WATCHED = frozenset((*RULES_OF_CALL, *BEGINS, *ENDS, *SAMPLED, *SAMPLED_ALWAYS, *AGAIN))
"""Calls of whose requests or replies anything is to be known."""

LONGEST = 400
"""Characters of what is written down about one violation: a broken target may answer with megabytes."""

Checked = Callable[[str, str, int], None]
"""Told how much a rule was asked: call, rule, rows or facts."""
Violated = Callable[[str, str, ReadViolation], None]
"""Told what was wrong: call, rule, violation."""
Samples = Callable[[str, float], bool]
"""Asked whether a reply is to be kept in outline: call, loop time."""
Sampled = Callable[[CheckedReply, ReadSample], None]
"""Told the outline of one that is."""
Printed = Callable[[CheckedReply, KeptReply], None]
"""Told a reply in numbers."""
Prints = Callable[[str, bool, float], bool]
"""Asked whether a reply is to be kept in numbers: call, whether it is empty, loop time."""


def no_samples(_call: str, _at: float) -> bool:
    """Of whoever keeps none."""
    return False


class ReadChecks:
    """One phone's."""

    def __init__(
        self,
        checked: Checked,
        violated: Violated,
        problem: Callable[[Exception], None],
        samples: Samples = no_samples,
        sampled: Sampled | None = None,
        titles: TitleFacts | None = None,
        prints: Prints | None = None,
        printed: Printed | None = None,
    ) -> None:
        """problem: told of a rule that failed itself, which costs the request nothing. titles: of all phones."""
        self.memory = PhoneMemory(titles)
        self._samples = samples
        self._sampled = sampled
        self._prints = prints
        self._printed = printed
        self._checked = checked
        self._violated = violated
        self._problem = problem
        self._turns: dict[str, int] = {}

    def keep(self) -> tuple[dict[str, Any], dict[str, int]]:
        """What outlives a session, of plain values."""
        return self.memory.keep(), self._turns

    def remember(self, kept: tuple[dict[str, Any], dict[str, int]]) -> None:
        """What `keep` gave of the same phone. For a new one."""
        memory, self._turns = kept
        self.memory.remember(memory)

    def begins(self, call: str, arguments: tuple[str, ...], body: Any) -> None:
        """A request leaves. `body`: as before encoding, or the bytes themselves."""
        change = BEGINS.get(call)
        if change is not None:
            change(self.memory, arguments, body)

    def ends(self, reply: CheckedReply, outcome: Outcome) -> None:
        """And is over, with a reply or without one. :raises nothing: whatever the reply holds."""
        try:
            self._ends(reply, outcome)
        except Exception as error:
            self._problem(error)

    def _ends(self, reply: CheckedReply, outcome: Outcome) -> None:
        call, memory = reply.call, self.memory
        change = ENDS.get(call)
        if change is not None:
            if reply.copies and call != "message_send":  # a copy may be stored after whatever comes next
                change(memory, reply.arguments, reply.body, None, Outcome.GAVE_UP, reply.at)
            else:
                change(memory, reply.arguments, reply.body, reply.data, outcome, reply.at)
        if call in SAMPLED_ALWAYS:
            self._keep_whatever(reply, outcome)
        if outcome is not Outcome.OK:
            return
        if reply.me:
            self._keep(reply)
        rules = RULES_OF_CALL.get(call)
        if rules is None or not self._chosen(call):
            return
        found: list[ReadViolation] = []
        for rule in rules:
            if asked := rule.check(reply, memory, found):
                self._checked(call, rule.id, asked)
            if found:
                for severity, subject, detail in found:
                    self._violated(call, rule.id, ReadViolation(severity, subject[:LONGEST], detail[:LONGEST]))
                found.clear()

    def _keep(self, reply: CheckedReply) -> None:
        """Of a good reply what is asked about after the run."""
        call = reply.call
        if (outline := SAMPLED.get(call)) is not None and self._samples(call, reply.at):
            sample = outline(reply)
            if sample is not None and self._sampled is not None:
                self._sampled(reply, sample)
        if (again := AGAIN.get(call)) is not None and not reply.copies:
            self._print(reply, again)

    def _keep_whatever(self, reply: CheckedReply, outcome: Outcome) -> None:
        if reply.me and self._sampled is not None and self._samples(reply.call, reply.at):
            sample = SAMPLED_ALWAYS[reply.call](reply, outcome)
            if sample is not None:
                self._sampled(reply, sample)

    def _print(self, reply: CheckedReply, how: Again) -> None:
        if self._prints is None or self._printed is None:
            return
        rows = rows_at(reply.data, how.under) if how.under else reply.rows
        if self._prints(reply.call, not rows, reply.at) and (kept := kept_reply(reply, rows, how)) is not None:
            self._printed(reply, kept)

    def _chosen(self, call: str) -> bool:
        one_in = ONE_IN.get(call)
        if one_in is None:
            return True
        turn = self._turns[call] = self._turns.get(call, -1) + 1
        return turn % one_in == 0
