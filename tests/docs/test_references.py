"""Every section, trap, invariant, manual page and decision that is cited anywhere is a heading under docs/."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.references import Reference, headings, not_understood, references

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    "docs/contract/http.md": "http",
    "docs/contract/realtime.md": "realtime",
    "docs/contract/traps.md": "trap",
    "docs/contract/invariants.md": "invariant",
    "docs/contract/manual.md": "manual",
    "docs/design-decisions.md": "decision",
}
FOLDERS = ("benchmarks", "chaos", "deploy", "docs", "harness", "reports", "sandbox", "scenarios", "scripts", "tests")
SUFFIXES = {".py", ".md", ".toml", ".sql", ".html", ".mjs", ".yml", ".yaml", ".txt"}
HERE = Path(__file__).resolve().parent
BARE = {"harness/plan/calls.py", "harness/plan/rows.py"}  # their tables have a column for the section

Key = tuple[str, str]


@cache
def scanned() -> list[Path]:
    """Everything that people write here, but for this test, which plants what is wrong."""
    found = [path for path in ROOT.iterdir() if path.suffix in SUFFIXES and path.is_file()]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    return sorted(path for path in found if HERE not in path.parents and "node_modules" not in path.parts)


def headings_here() -> Counter[Key]:
    """How often each citable heading stands in the documents."""
    return Counter(
        (heading.kind, heading.number)
        for document, kind in DOCUMENTS.items()
        for heading in headings(kind, (ROOT / document).read_text(encoding="utf-8"))
    )


@cache
def cited_in(path: Path) -> list[Reference]:
    """What a file cites."""
    return references(path.read_text(encoding="utf-8"), bare=path.relative_to(ROOT).as_posix() in BARE)


def unresolved(path: Path, references: Iterable[Reference], known: Counter[Key]) -> Iterator[str]:
    """What is cited and no heading answers, as lines for a person."""
    for cited in references:
        if known[cited.kind, cited.number] != 1:
            yield f"{path}:{cited.line}: {cited.kind} {cited.number} is no heading of the contract or the decisions"


def test_every_reference_is_a_heading() -> None:
    known = headings_here()
    wrong: list[str] = []
    for path in scanned():
        wrong += unresolved(path.relative_to(ROOT), cited_in(path), known)
    assert not wrong, "\n".join(wrong)


def test_no_reference_is_spelled_so_that_the_scan_misses_it() -> None:
    missed = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}"
        for path in scanned()
        if path.relative_to(ROOT).as_posix() not in DOCUMENTS
        for line, words in not_understood(path.read_text(encoding="utf-8"))
    ]
    assert not missed, "\n".join(missed)


def test_every_heading_is_there_once() -> None:
    known = headings_here()
    assert {key: count for key, count in known.items() if count != 1} == {}
    assert {number for kind, number in known if kind == "T"} == {f"{n:02}" for n in range(1, 69)}
    assert {number for kind, number in known if kind == "I"} == {f"{n:02}" for n in (*range(1, 49), *range(51, 82))}
    assert {number for kind, number in known if kind == "decision"} == {str(n) for n in range(1, 16)}
    assert {number for kind, number in known if kind == "quirk"} == {"A", "B", "C"}


@pytest.mark.parametrize(("document", "kind"), list(DOCUMENTS.items())[:2])
def test_pages_of_the_contract_point_at_their_own_sections(document: str, kind: str) -> None:
    """As "(1.3)", which no other file may do."""
    known = headings_here()
    pointed = re.findall(
        r"\((\d{1,2}\.\d{1,2})(?:, \d{1,2}\.\d{1,2})*\)", (ROOT / document).read_text(encoding="utf-8")
    )
    assert pointed
    assert [number for number in pointed if known[kind, number] != 1] == []


def test_the_scan_sees_what_there_is() -> None:
    """A scan that finds nothing would agree with everything."""
    kinds: Counter[str] = Counter()
    for path in scanned():
        if path.suffix == ".py" or path.suffix == ".sql":
            kinds.update(cited.kind for cited in cited_in(path))
    assert kinds["http"] > 300
    assert kinds["realtime"] > 50
    assert kinds["T"] > 40
    assert kinds["I"] > 100
    assert kinds["manual"] > 10
    assert kinds["decision"] >= 3
    assert kinds["quirk"] > 10


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ('"""Tries again (contract 3.8)."""', ["http 3.8"]),
        ("contract sections 0.2 (what a 200 may hide), 7.1 (envelope), 7.5", ["http 0.2", "http 7.1", "http 7.5"]),
        ("contract sections 0.2, 1.1, 2, 3.", ["http 0.2", "http 1.1", "http 2", "http 3"]),
        ("Contract 8.1\n-- and 8.2.", ["http 8.1", "http 8.2"]),
        ("contract 2.4, rows 18 to 20, 3.5", ["http 2.4", "http 3.5"]),
        ("contract 3.1 to 3.3", ["http 3.1", "http 3.2", "http 3.3"]),
        ("contract 0.2 consequences 1-3, traps T25-T27", ["http 0.2", "T 25", "T 26", "T 27"]),
        ("the middle of the contract's 48-60 (10.3)", ["http 10.3"]),
        ("Contract 5.5 and realtime 2.2: x", ["http 5.5", "realtime 2.2"]),
        ("contract, realtime 2.1", ["realtime 2.1"]),
        ("realtime contract, 1.1, 1.4-1.6, 4.1", ["realtime " + n for n in ("1.1", "1.4", "1.5", "1.6", "4.1")]),
        ("contract realtime 2.1 to 2.3", ["realtime 2.1", "realtime 2.2", "realtime 2.3"]),
        ("(contract realtime\n    # 1.8)", ["realtime 1.8"]),
        ("Manual, section 2: 25-60", ["manual 2"]),
        ("the manual's section 9.2", ["manual 9.2"]),
        ("DESIGN decisions 1 and 2", ["decision 1", "decision 2"]),
        ("quirk B, Quirk C", ["quirk B", "quirk C"]),
        ("I09 to I11", ["I 09", "I 10", "I 11"]),
        ("contract 6.6, chat-reply: 600 ms", ["http 6.6"]),
        ("Contract 3.9: order of keys, because it deduplicates by it (3.2).", ["http 3.9", "http 3.2"]),
        ("the contract's amplification, sections 3.5 and 8.2", ["http 3.5", "http 8.2"]),
        ("(contract, sections 4 to 6)", ["http 4", "http 5", "http 6"]),
        ('manual, section 1, "Error budgets", and section 9.2', ["manual 1", "manual 9.2"]),
        ("RFC 9562 section 5.4: bits", []),
        ("as section 3 says", ["unnamed 3"]),
        ("the contract counts N^2/T", []),
    ],
)
def test_spellings(text: str, cited: list[str]) -> None:
    assert [f"{one.kind} {one.number}" for one in references(text)] == cited


def test_a_column_of_sections_is_read() -> None:
    found = list(references('Call(DECK, 1, "10.1 row 4, 2.6", 3), "0.1 s"', bare=True))
    assert [one.number for one in found if one.kind == "http"][:2] == ["10.1", "2.6"]


@pytest.mark.parametrize(
    "planted",
    [
        "contract 3.99",
        "contract realtime 1.99",
        "trap T99",
        "I99",
        "quirk Z",
        "manual 13",
        "DESIGN decision 99",
        "contract 99",
    ],
)
def test_a_planted_reference_is_found(planted: str) -> None:
    found = list(unresolved(Path("planted.py"), references(f'"""One\nthing ({planted})."""\n'), headings_here()))
    assert len(found) == 1
    assert found[0].startswith("planted.py:2: ")


def test_a_planted_spelling_is_found() -> None:
    assert list(not_understood("as the contract tells in 3.8")) == [(1, "contract tells in 3.8")]
    assert list(not_understood("as contract 3.8 tells")) == []


def test_a_heading_that_stands_twice_is_no_answer() -> None:
    known = Counter({("http", "3.8"): 2})
    assert list(unresolved(Path("a.py"), references("contract 3.8"), known))


def test_headings_of_all_forms() -> None:
    text = "## 3. Events\n### 3.8 Queue\n#### Quirk A: dies\n### T33 One id\n## Decision 9: ids\n## Words\n### 12 no\n"
    assert [(one.kind, one.number) for one in headings("http", text)] == [
        ("http", "3"),
        ("http", "3.8"),
        ("quirk", "A"),
        ("T", "33"),
        ("decision", "9"),
        ("http", "12"),
    ]
    assert next(headings("http", "\n## 1. A\n")) == Reference("http", "1", 2)
