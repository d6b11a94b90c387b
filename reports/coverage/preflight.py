"""Sentences that preflight asks before a run. (pure)"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reports.coverage.ask import Ask, AskAnswer, broken, not_asked
from reports.coverage.judged_run import JudgedRun


@dataclass(frozen=True)
class AskPreflight(Ask):
    """Questions of `harness preflight`. of_what: a pattern for what a finding has to be about; empty: anything.

    An accepted finding breaks the sentence as well: that a team lives with it does not make it so.
    """

    lints: tuple[str, ...]
    of_what: str = ""

    def of(self, run: JudgedRun) -> AskAnswer:
        record = run.manifest.preflight
        if record is None:
            return not_asked("no preflight before the load")
        found = [one for one in record.findings if one.lint in self.lints and re.search(self.of_what, one.object)]
        if found:
            return broken(f"{found[0].title}: {', '.join(one.object for one in found[:3])}")
        skipped = [
            why
            for why in record.unasked
            if why.startswith((*(f"{lint}:" for lint in self.lints), "the catalogue:", "from outside:"))
            and re.search(self.of_what, why)
        ]
        if skipped:
            return not_asked(skipped[0])
        return AskAnswer("held", f"preflight found nothing ({', '.join(self.lints)})")

    def words(self) -> str:
        return f"preflight: {', '.join(f'`{lint}`' for lint in self.lints)}"
