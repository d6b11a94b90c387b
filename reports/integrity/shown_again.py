"""What was shown under load is what the target says at rest, to the same people and the same questions (I80).

Rows that were stored before somebody asked have to be in the answer. A reply that had no place for all of them has the
first ones: those that come, in its order, before one that it has. What moved up since, because another one was deleted,
is nobody's fault.

What else differs counts by majority: a row that somebody changes between two looks differs as well, and that is no
fault. So of one call a field is wrong, an answer empty or its rows unknown, when that is so of more than half of the
replies in which it could be told, of three at least, and of more than one row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from harness.client.checks.asked_many import LIMITS
from harness.client.checks.shown_again import AGAIN, Again
from harness.core.reply_print import FIELDS_AT_MOST, NULL, ONLY, ROWS_AT_MOST, ReplyPrint
from harness.core.tables import READ_AGAIN, READ_PRINTS
from harness.probes.again_chosen import Asked
from harness.record.manifest import Manifest
from reports.integrity import clock as clocks
from reports.integrity.model import Check
from reports.integrity.shown import OPEN_US, Findings
from reports.integrity.writes import LedgerRows
from reports.text import plural

REPLIES_AT_LEAST, ENTITIES_AT_LEAST = 3, 2
EMPTY, UNKNOWN = "", "rows"
"""What a reply may be, beside having another field."""
Rows = Mapping[str, Mapping[str, int]]


class Reply(NamedTuple):
    """As it was shown. begun_us, at_us: run time. fields: names of those that were kept."""

    question: Asked
    begun_us: int
    at_us: int
    rows: Rows
    fields: Sequence[str]

    @property
    def account(self) -> bytes:
        return self.question.account

    @property
    def call(self) -> str:
        return self.question.call


class Answer(NamedTuple):
    """After the run. made: when each row was stored, epoch us, the target's clock; 0: not said. fields: as above."""

    rows: Rows
    made: Mapping[str, int]
    fields: Sequence[str]


class Vote(NamedTuple):
    """Of one reply about one thing. keys: of the rows that are otherwise."""

    reply: Reply
    otherwise: bool
    keys: Sequence[str]
    words: str

    @property
    def row(self) -> dict[str, str]:
        """The first of them, by name; nothing where it has none."""
        return {"row": self.keys[0]} if self.keys and self.keys[0] != ONLY else {}

    def entities(self) -> list[object]:
        """What it is about: rows, or where they have no key the question."""
        return [key if key != ONLY else self.reply.question for key in self.keys] or [self.reply.question]


def checks(
    rows: LedgerRows, zero_us: int | None = None, ahead_us: Mapping[int, int] = MappingProxyType({})
) -> Iterator[Check]:
    """Nothing where nothing was asked again. rows: of the run. zero_us, ahead_us: `earliest_zero_us`, and as of
    `reports.integrity.view.shown`."""
    answers = _answers(rows)
    if not answers:
        return
    found, votes = Findings(), defaultdict[tuple[str, str], list[Vote]](list)
    for reply in _replies(rows, answers, ahead_us):
        answer, how = answers[reply.question], AGAIN[reply.call]
        if zero_us is not None and how.made:
            _stored_before(found, reply, answer, how, zero_us)
        for what, vote in _votes(reply, answer, how):
            votes[reply.call, what].append(vote)
    for cast in votes.values():
        found.asked += len(cast)
        against = [vote for vote in cast if vote.otherwise]
        entities = {entity for vote in against for entity in vote.entities()}
        if len(cast) < REPLIES_AT_LEAST or 2 * len(against) <= len(cast):
            continue
        if len(entities) >= ENTITIES_AT_LEAST:
            for vote in against:
                found.finds(vote.reply, vote.words, **vote.row)
    if found.asked:
        yield found.check("I80")


def _stored_before(found: Findings, reply: Reply, answer: Answer, how: Again, zero_us: int) -> None:
    after, until = 0, zero_us + reply.begun_us - OPEN_US
    if not _whole(reply.call, reply.rows):
        there = [made for key in reply.rows if (made := answer.made.get(key, 0))]
        if not there or not how.first:
            return
        after, until = (min(there), until) if how.first == "newest" else (0, min(max(there), until))
    expected = [key for key, made in answer.made.items() if after < made < until]
    found.asked += len(expected)
    if gone := [key for key in expected if key not in reply.rows]:
        words = f"{len(gone)} of {plural(len(expected), 'row')} missing that had been stored before it was asked"
        found.finds(reply, words, row=gone[0])


def _whole(call: str, rows: Rows) -> bool:
    """Whether there was nothing behind the last row."""
    return len(rows) < min(LIMITS.get(call, ROWS_AT_MOST), ROWS_AT_MOST)


def _votes(reply: Reply, answer: Answer, how: Again) -> Iterator[tuple[str, Vote]]:
    if answer.rows and not how.grows:
        words = f"empty, where the same question brings {plural(len(answer.rows), 'row')} after the run"
        yield EMPTY, Vote(reply, not reply.rows, (), words)
    if reply.rows and not how.leaves and not (how.floats and not _whole(reply.call, answer.rows)):
        strange = [key for key in reply.rows if key not in answer.rows]
        words = f"{len(strange)} of {plural(len(reply.rows), 'row')} unknown to the same question after the run"
        yield UNKNOWN, Vote(reply, 2 * len(strange) > len(reply.rows), strange, words)
    same = {
        key: (row, answer.rows[key])
        for key, row in reply.rows.items()
        if key in answer.rows and all(row.get(name) == answer.rows[key].get(name) for name in how.only_with)
    }
    kept = _kept(reply.fields, answer.fields)
    for name in dict.fromkeys(name for pair in same.values() for row in pair for name in row):
        if name.startswith(how.moves) or (kept is not None and name not in kept):
            continue
        there = [key for key, (row, again) in same.items() if name in row or name in again]
        if name.startswith(how.fills):
            there = [key for key in there if same[key][0].get(name, NULL) != NULL or same[key][1].get(name) == NULL]
            if not there:
                continue
        other = [key for key in there if same[key][0].get(name) != same[key][1].get(name)]
        words = f"another {name} than the same question brings after the run"
        yield f"field {name}", Vote(reply, 2 * len(other) > len(there), other, words)


def _kept(one: Sequence[str], other: Sequence[str]) -> frozenset[str] | None:
    """Fields of which both have the numbers; None: all."""
    return None if max(len(one), len(other)) < FIELDS_AT_MOST else frozenset(one) & frozenset(other)


def earliest_zero_us(manifest: Manifest) -> int | None:
    """The run's zero on the target's clock, the earliest that it can be; None where that clock was not measured."""
    evidence, zero = manifest.evidence, manifest.zero_epoch_s
    if evidence is None or evidence.clock is None or zero is None:
        return None
    offset = clocks.measured(evidence.clock)
    return round(zero * 1e6) + offset.us - offset.unsure


def _answers(rows: LedgerRows) -> dict[Asked, Answer]:
    found: dict[Asked, Answer] = {}
    names = ("account", "call", "arguments", "body", "keys", "fields", "values", "made")
    for *question, keys, fields, values, made in _rows(rows, READ_AGAIN, names):
        if None not in (keys, fields, values, made) and question[1] in AGAIN:
            again = ReplyPrint(keys, fields, values).rows()
            dates = (int.from_bytes(made[at : at + 8], "big") for at in range(0, len(made), 8))
            found[Asked(*question)] = Answer(again, dict(zip(again, dates, strict=False)), fields.split(","))
    return found


def _replies(rows: LedgerRows, answers: Mapping[Asked, Answer], ahead_us: Mapping[int, int]) -> Iterator[Reply]:
    names = ("worker", "begun_us", "at_us", "account", "call", "arguments", "body", "keys", "fields", "values")
    for worker, begun_us, at_us, *question, keys, fields, values in _rows(rows, READ_PRINTS, names):
        asked = Asked(*question)
        if asked in answers:
            by = ahead_us.get(worker, 0)
            rows_ = ReplyPrint(keys, fields, values).rows()
            yield Reply(asked, begun_us + by, at_us + by, rows_, fields.split(","))


def _rows(rows: LedgerRows, table: str, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in rows(table, names):
        yield from zip(*(batch[name].to_pylist() for name in names), strict=True)
