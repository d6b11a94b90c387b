import pathlib
def sub(path, old, new, count=1):
    p = pathlib.Path(path); s = p.read_text()
    assert s.count(old) >= 1, (path, old)
    p.write_text(s.replace(old, new, count))
R = "reports/integrity/reads.py"
sub(R, '''    asked, broken = counts(rows)
    examples = _examples(rows)
    if not asked and not broken:
        return ()
    people = _people(rows) if examples else {}
    found = [
        _check(rule, question, asked[rule], broken[rule], examples[rule], people)
''', '''    asked, broken = counts(rows)
    examples, severities = _examples(rows)
    if not asked and not broken:
        return ()
    people = _people(rows) if examples else {}
    found = [
        _check(rule, question, asked[rule], broken[rule], examples[rule], severities[rule], people)
''')
sub(R, '''def _examples(rows: LedgerRows) -> defaultdict[str, list[ReadExample]]:
    """By rule, those of foreign data first, then in the order of time."""
    found: defaultdict[str, list[ReadExample]] = defaultdict(list)
    for row in _rows(rows(VIOLATIONS, COLUMNS)):
        found[row.rule].append(row)
    for of_rule in found.values():
        of_rule.sort(key=lambda one: (one.severity != ReadSeverity.FOREIGN, one.at_us))
    return found


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[ReadExample]:
    for batch in batches:
        for row in batch.to_pylist():
            yield ReadExample(**row)
''', '''def _examples(rows: LedgerRows) -> tuple[defaultdict[str, list[ReadExample]], defaultdict[str, set[str]]]:
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
''')
sub(R, '''    rule: str, question: Question, asked: int, broken: int, examples: Sequence[ReadExample], people: dict[str, int]
) -> Check:
    severities = {example.severity for example in examples}
''', '''    rule: str,
    question: Question,
    asked: int,
    broken: int,
    examples: Sequence[ReadExample],
    severities: set[str],
    people: dict[str, int],
) -> Check:
''')
sub(R, '''    offenders = tuple(_offender(example, people) for example in examples[:SHOWN])
''', '''    offenders = tuple(_offender(example, people) for example in examples)
''')
sub(R, '''from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
''', '''from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc
''')
sub(R, '''COLUMNS = (''', '''AT_A_TIME = 10_000
COLUMNS = (''')
S = "reports/integrity/shown.py"
sub(S, '''    """Of one rule."""

    asked: int = 0
    offenders: list[Offender] = field(default_factory=list)
''', '''    """Of one rule. count: of what breaks it, however many are shown of them."""

    asked: int = 0
    count: int = 0
    offenders: list[Offender] = field(default_factory=list)
''')
sub(S, '''        """A reply that breaks it."""
        named''', '''        """A reply that breaks it."""
        self.count += 1
        if len(self.offenders) >= SHOWN:
            return
        named''')
sub(S, '''answered(self.asked, len(self.offenders), tuple(self.offenders[:SHOWN]))''', '''answered(self.asked, self.count, tuple(self.offenders))''')
sub("harness/client/checks/assistant_state.py", '''    job, detail = "jobKind" in data, ""
''', '''    job, detail = data.get("jobKind") is not None, ""
''')
T = "tests/reports/test_reads.py"
sub(T, '''@pytest.mark.parametrize(("severity", "foreign"),''', '''def test_of_millions_of_violations_no_more_are_in_memory_than_are_shown() -> None:
    log = ReadLog()
    log.checked("own_profile", "owner", 3_000_000)
    for second in range(3_000):
        for _ in range(20):
            log.violated(second * 1_000_000, 4, 7, "own_profile", "owner", ReadSeverity.WRONG, "", f"of {second}")
    log.violated(9_000_000_000, 4, 7, "own_profile", "owner", ReadSeverity.FOREIGN, "", "the gravest")
    rows = rows_of(log)
    tracemalloc.start()
    (check,) = reads(rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (check.count, check.offenders[0].ids["found"]) == (60_001, "the gravest")
    assert [one.ids["found"] for one in check.offenders[1:]] == ["of 0"] * (len(check.offenders) - 1)
    assert most < 16_000_000


@pytest.mark.parametrize(("severity", "foreign"),''')
sub(T, '''from collections.abc import Callable
from pathlib''', '''import tracemalloc
from collections.abc import Callable
from pathlib''')
