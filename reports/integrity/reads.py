"""From what phones found wrong with replies to one check a rule, foreign data first."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from harness.core.ledger import WriteKind
from harness.core.read_log import ReadSeverity
from harness.core.tables import LEDGER_WRITES, READ_CHECKS, VIOLATIONS
from reports.integrity.model import FOREIGN, FOREIGN_CHECKS, SHOWN, Check, Integrity, Offender
from reports.integrity.reads_texts import RULES
from reports.integrity.texts import Question
from reports.integrity.writes import LedgerRows
from reports.text import count, plural

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
AT_A_TIME = 10_000
COLUMNS = ("at_us", "person", "call", "rule", "severity", "subject", "detail")


@dataclass(frozen=True, slots=True)
class ReadExample:
    """One violation as a phone wrote it down."""

    at_us: int
    person: int
    call: str
    rule: str
    severity: str
    subject: str
    detail: str


def reads(rows: LedgerRows) -> tuple[Check, ...]:
    """One check for each rule that was asked anything; none in a record older than these rules. `rows`: of the run."""
    asked, broken = counts(rows)
    examples, severities = _examples(rows)
    if not asked and not broken:
        return ()
    people = _people(rows) if examples else {}
    found = [
        _check(rule, question, asked[rule], broken[rule], examples[rule], severities[rule], people)
        for rule, question in RULES.items()
        if asked[rule] or broken[rule]
    ]
    return (*(check for check in found if foreign(check)), *(check for check in found if not foreign(check)))


def foreign(check: Check) -> bool:
    """Whether somebody was shown what belongs to somebody else."""
    return check.status == "broken" and check.id.startswith(FOREIGN_CHECKS)


def counts(rows: LedgerRows) -> tuple[dict[str, int], dict[str, int]]:
    """How much each rule was asked, and how often it was broken."""
    asked: defaultdict[str, int] = defaultdict(int)
    broken: defaultdict[str, int] = defaultdict(int)
    for batch in rows(READ_CHECKS, ("rule", "asked", "broken")):
        for row in batch.to_pylist():
            asked[row["rule"]] += row["asked"]
            broken[row["rule"]] += row["broken"]
    return asked, broken


def _examples(rows: LedgerRows) -> tuple[defaultdict[str, list[ReadExample]], defaultdict[str, set[str]]]:
    """By rule the first ones that are shown, those of foreign data first, then in the order of time; and how grave any
    of them is. A target that is broken for a day leaves millions, of which no more than a piece is in memory."""
    found: defaultdict[str, list[ReadExample]] = defaultdict(list)
    severities: defaultdict[str, set[str]] = defaultdict(set)
    for batch in rows(VIOLATIONS, COLUMNS):
        for start in range(0, batch.num_rows, AT_A_TIME):
            for row in batch.slice(start, AT_A_TIME).to_pylist():
                severities[row["rule"]].add(row["severity"])
                found[row["rule"]].append(ReadExample(**row))
            for of_rule in found.values():
                of_rule.sort(key=lambda one: (one.severity != ReadSeverity.FOREIGN, one.at_us))
                del of_rule[SHOWN:]
    return found, severities


def joined(stored: Integrity, checks: Sequence[Check]) -> Integrity:
    """What became of the data, stored and shown. Foreign data comes first, other replies after the stored rows; a reply
    that is wrong is broken also where nobody could look at what is stored."""
    broken = [check for check in checks if check.status == "broken"]
    first, others = [c for c in checks if foreign(c)], [c for c in checks if not foreign(c)]
    changes: dict[str, object] = {"checks": (*first, *stored.checks, *others)}
    if broken:
        what = "somebody was shown what belongs to somebody else" if first else "replies were wrong"
        also = "" if stored.status == "held" else f"; {stored.text}"
        changes |= {"status": "broken", "text": f"{what}: {plural(len(broken), 'rule')} of reading broken{also}"}
    elif checks and stored.status != "not checked":
        asked = sum(check.looked_at for check in checks)
        changes["text"] = f"{stored.text}; replies held in all {count(asked)} things asked of them"
    return stored.model_copy(update=changes)


def _check(
    rule: str,
    question: Question,
    asked: int,
    broken: int,
    examples: Sequence[ReadExample],
    severities: set[str],
    people: dict[str, int],
) -> Check:
    if ReadSeverity.FOREIGN in severities and not question.id.startswith(FOREIGN):
        question = Question(
            f"{FOREIGN} {rule}", RULES["owner"].title, "broken", RULES["owner"].meaning, question.look_at
        )
    offenders = tuple(_offender(example, people) for example in examples)
    check = question.answered(max(asked, broken), broken, offenders)
    return check.doubted() if severities == {ReadSeverity.NOTED} else check


def _offender(example: ReadExample, people: dict[str, int]) -> Offender:
    ids = {"person": str(example.person), "call": example.call}
    if example.subject:
        ids["about"] = _named(example.subject, people)
    ids["found"] = UUID.sub(lambda match: _named(match.group(), people), example.detail)
    return Offender(ids=ids, at_s=round(example.at_us / 1e6, 3))


def _named(id_: str, people: dict[str, int]) -> str:
    """An id, with the number of the person whose account it is where the ledger knows."""
    number = people.get(id_)
    return id_ if number is None else f"{id_} (person {number})"


def _people(rows: LedgerRows) -> dict[str, int]:
    """Account -> number, of everybody who wrote anything."""
    found: dict[str, int] = {}
    for batch in rows(LEDGER_WRITES, ("kind", "person", "subject")):
        chosen = batch.filter(pc.equal(batch["kind"], int(WriteKind.PERSON)))
        for row in chosen.to_pylist():
            if row["subject"] is not None:
                found[str(uuid.UUID(bytes=row["subject"]))] = row["person"]
    return found
