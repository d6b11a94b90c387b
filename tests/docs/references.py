"""Finds what code and documents cite: sections of the contract, traps, invariants, manual, decisions. (pure)

Spellings in use: "contract 3.8", "contract sections 0.2 (defaults), 1.1 and 2", "contract realtime 1.4-1.6", "realtime
contract, 1.3", "realtime 2.5", "contract's 48-60 (10.3)", "manual, section 2", "DESIGN decisions 1 and 2", "trap T33",
"T25 to T28", "I18", "quirk A".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

NUMBER = r"\d{1,2}(?:\.\d{1,2})?(?!\d|\.\d)"
_REMARK = r"(?:,?\s*(?:rows?|steps?|consequences?)\s+\d+(?:(?:\s*-\s*|\s+(?:to|and)\s+)\d+)?|\s*\([^()]{0,120}\))"
_NEXT = rf"(?:\s*[,;]\s*(?:and\s+)?|-|\s+(?:and|to)\s+){NUMBER}"
LIST = rf"{NUMBER}{_REMARK}*(?:{_NEXT}{_REMARK}*)*"
SECTIONS = rf"(?:,?\s*sections?)?,?\s*(?P<list>{LIST})"

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("realtime", re.compile(rf"\b(?:contract,?\s+realtime|realtime\s+contract)\b{SECTIONS}", re.IGNORECASE)),
    ("http", re.compile(rf"(?<!realtime\s)\bcontract\b(?!,?\s+realtime){SECTIONS}", re.IGNORECASE)),
    ("http", re.compile(r"\bcontract\b[^();]{1,100}\((?P<list>\d{1,2}\.\d{1,2})\)", re.IGNORECASE)),
    ("realtime", re.compile(rf"(?<!contract\s)(?<!contract,\s)\brealtime\s+(?P<list>\d\.\d{LIST[len(NUMBER) :]})")),
    ("manual", re.compile(rf"\bmanual\b{SECTIONS}", re.IGNORECASE)),
    ("decision", re.compile(rf"\bDESIGN(?:\s+decisions?)?\s+(?P<list>{LIST})")),
    ("quirk", re.compile(r"\bquirk\s+(?P<list>[A-Z])\b", re.IGNORECASE)),
)
_SECTION = re.compile(rf"\bsections?\s+(?P<list>{LIST})", re.IGNORECASE)
_OF_WHAT = re.compile(
    r"(?P<realtime>contract,?\s+realtime|realtime\s+contract)|(?P<http>contract)|(?P<manual>manual)|(?P<foreign>RFC|XML)",
    re.IGNORECASE,
)
_LETTER_AND_DIGITS = re.compile(r"\b(?:(?P<kind>[TI])(?P<first>\d\d))\b(?:(?:\s+to\s+|-)(?P=kind)(?P<last>\d\d)\b)?")
_ALMOST = re.compile(
    r"\b(?:contract|manual|DESIGN)\b(?:[^\n.;:)\"]{0,24}?)(?<![\w.^/])(\d{1,2}\.\d{1,2})(?![\w.])", re.IGNORECASE
)
_HEADING = re.compile(
    r"^#{2,6} (?P<number>\d{1,2}(?:\.\d{1,2})?|[TI]\d\d|Quirk [A-Z]|Decision \d{1,2})(?:[.:]? |$)", re.MULTILINE
)
_BREAK = re.compile(r"\n[ \t]*(?:#|--|>)?[ \t]*")


class Reference(NamedTuple):
    """One thing cited. kind: http, realtime, manual, decision, quirk, T or I; number: "3.8", "A", "33"."""

    kind: str
    number: str
    line: int


def references(text: str, *, bare: bool = False) -> list[Reference]:
    """Everything that `text` cites, each once a line. `bare`: string literals that begin with a section's number cite
    the contract too."""
    return list(dict.fromkeys(_references(text, bare=bare)))


def _references(text: str, *, bare: bool) -> Iterator[Reference]:
    flat = _flat(text)
    for kind, pattern in _KINDS:
        for match in pattern.finditer(flat):
            line = text.count("\n", 0, match.start()) + 1
            for number in _numbers(kind, match["list"]):
                yield Reference(kind, number, line)
    for match in _SECTION.finditer(flat):
        kind = _of_what(flat[max(0, match.start() - 400) : match.start()])
        if kind != "foreign":
            for number in _numbers(kind, match["list"]):
                yield Reference(kind, number, text.count("\n", 0, match.start()) + 1)
    for match in _LETTER_AND_DIGITS.finditer(flat):
        line = text.count("\n", 0, match.start()) + 1
        for position in range(int(match["first"]), int(match["last"] or match["first"]) + 1):
            yield Reference(match["kind"], f"{position:02}", line)
    if bare:
        for match in re.finditer(rf'"(?P<list>\d{{1,2}}\.\d{LIST[len(NUMBER) :]})[^"]*"', text):
            for number in _numbers("http", match["list"]):
                yield Reference("http", number, text.count("\n", 0, match.start()) + 1)


def not_understood(text: str) -> Iterator[tuple[int, str]]:
    """Line and words of what looks like a citation and is none of the spellings: the scan would miss it."""
    flat = _flat(text)
    known = [
        match.span() for pattern in (_SECTION, *(pattern for _, pattern in _KINDS)) for match in pattern.finditer(flat)
    ]
    for match in _ALMOST.finditer(flat):
        if not any(first <= match.start(1) < last for first, last in known):
            yield text.count("\n", 0, match.start()) + 1, match[0]


def headings(kind: str, text: str) -> Iterator[Reference]:
    """What the headings of one document may be cited as. `kind`: that of its plain numbers."""
    for match in _HEADING.finditer(text):
        name, line = match["number"], text.count("\n", 0, match.start()) + 1
        if name[0] in "TI":
            yield Reference(name[0], name[1:], line)
        elif " " in name:
            word, number = name.split()
            yield Reference(word.lower(), number, line)
        else:
            yield Reference(kind, name, line)


def _of_what(before: str) -> str:
    """Which document "section 2" belongs to: the one that was named last; "unnamed" if none was."""
    named = [match.lastgroup for match in _OF_WHAT.finditer(before)]
    return (named and named[-1]) or "unnamed"


def _flat(text: str) -> str:
    """The text with its lines joined, comment marks gone, every character where it was."""
    return _BREAK.sub(lambda match: " " * len(match[0]), text)


def _numbers(kind: str, cited: str) -> Iterator[str]:
    """The single numbers of "0.2 (defaults), 1.4-1.6 and 2 row 3"."""
    if kind == "quirk":
        yield cited.upper()
        return
    plain = re.sub(_REMARK, "", cited)
    previous, end = "", 0
    for match in re.finditer(NUMBER, plain):
        between = plain[end : match.start()]
        if between.strip() in ("-", "to"):
            yield from _range(previous, match[0])
        else:
            yield match[0]
        previous, end = match[0], match.end()


def _range(first: str, last: str) -> Iterator[str]:
    """What lies after `first` up to `last`: "1.4" to "1.6" gives 1.5 and 1.6, "4" to "6" gives 5 and 6."""
    chapter, _, start = first.rpartition(".")
    same, _, end = last.rpartition(".")
    if chapter != same:
        yield last
        return
    for section in range(int(start) + 1, int(end) + 1):
        yield f"{chapter}.{section}" if chapter else str(section)
