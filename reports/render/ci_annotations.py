"""A verdict as remarks beside a change: what broke as errors, what is near it as warnings. (pure)"""

from __future__ import annotations

from collections.abc import Iterator

from harness.ci.annotations import Annotation, Level
from harness.core.errors import ExitCode
from harness.core.visible import visible
from reports.compare_rows import CompareRow
from reports.verdict import Verdict


def remarks(verdict: Verdict) -> list[Annotation]:
    """The gravest first; none for a clean pass."""
    return [Annotation(one.level, visible(one.title), visible(one.message)) for one in _found(verdict)]


def _found(verdict: Verdict) -> Iterator[Annotation]:
    regressed = verdict.comparison.regressed if verdict.comparison is not None else ()
    doubtful = verdict.exit_code == ExitCode.INCONCLUSIVE
    level: Level = "warning" if doubtful else "error"
    about = f"{verdict.facts.profile} on {verdict.facts.target_name}: {verdict.verdict}"
    for row in regressed:  # first: of each level only some are shown, and these say most
        yield Annotation(level, f"{row.operation} regressed", effect(row))
    unanswered = tuple(f"{row.name} could not be judged" for row in verdict.slos if row.status == "inconclusive")
    for reason in verdict.reasons:
        if verdict.comparison is None or reason != verdict.comparison.sentence:
            yield Annotation("warning" if reason.startswith(unanswered) else level, about, reason)
    for finding in verdict.findings:
        if finding.severity == "high":
            yield Annotation(
                "warning", f"known fact of this target: {finding.title}", f"{finding.evidence}. {finding.remedy}"
            )
    if verdict.comparison is not None:
        for row in verdict.comparison.rows:
            if row.change == "slower":
                yield Annotation("notice", f"{row.operation} is slower, no regression", effect(row))


def effect(row: CompareRow) -> str:
    """One operation against its baseline, in one sentence."""
    interval = f" ({row.interval_text}, 95 % sure)" if row.interval_text else ""
    note = f"; {row.note}" if row.note else ""
    return (
        f"{row.operation} ({row.view}): {row.named(row.now_text)}, baseline {row.before_text}, "
        f"{row.ratio_text}{interval}{note}."
    )
