"""Suggestions that the assistant made for somebody's question are in the answer to it (I75).

A row under the key that the answer names, dated between question and answer, was made for this question, and is in the
answer: one without any of these is an old one, or another question's. As shipped
the answer may be empty for many reasons (contract 6.6: proactivity, a suggestion that was waved away, so many a day),
and none of these lets a row be made. Left out are people who came near the limit of a day, and who waved one away: of
two questions at once the second may then be answered with nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from reports.integrity.model import Check
from reports.integrity.shown import Findings
from reports.integrity.view import Shown, View

CALL = "assistant_suggestions"
A_DAY = 12
"""Rows after which the assistant falls silent at level 1, the default (contract 6.6)."""
DAY_US = 86_400_000_000


def checks(kept: Iterable[Shown], seen: View, zero_us: int, unsure_us: int) -> Iterator[Check]:
    """zero_us: the run's zero on the target's clock, epoch; known give or take `unsure_us`."""
    asked = [one for one in kept if one.call == CALL and one.account in seen.hints]
    if not asked:
        return
    begins: dict[tuple[bytes, str], list[int]] = defaultdict(list)
    for one in asked:
        begins[one.account, one.detail].append(one.begun_us)
    found = Findings()
    for one in asked:
        begun, at = zero_us + one.begun_us - unsure_us, zero_us + one.at_us + unsure_us
        made = [
            hint.id for hint in seen.hints[one.account] if hint.key == one.detail and begun <= hint.created_us <= at
        ]
        rows = len(made)
        apart = 2 * unsure_us + one.at_us - one.begun_us
        alone = sum(abs(begun_us - one.begun_us) <= apart for begun_us in begins[one.account, one.detail]) == 1
        if not rows or not alone or _silent(seen, one.account, at):
            continue
        found.asked += 1
        if not one.ids:
            found.finds(one, f"empty, where {rows} suggestions were made for this question, under {one.detail}")
        elif not set(made) & set(one.ids):
            told = f"{len(one.ids)} suggestions, and none of the {rows} that were made for this question"
            found.finds(one, f"{told}, under {one.detail}")
    if found.asked:
        yield found.check("I75")


def _silent(seen: View, account: bytes, at_us: int) -> bool:
    """Whether the assistant may have fallen silent for somebody."""
    theirs = seen.hints[account]
    today = sum(hint.created_us > at_us - DAY_US for hint in theirs)
    return today >= A_DAY or any(hint.dismissed for hint in theirs)
