"""Finds the commands that documents show: lines of indented or fenced shell blocks, and `harness ...` within sentences.

A block is one of shell commands when a line of it begins with a program that we know; comments, redirections and
remarks behind a command are taken off.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROGRAMS = frozenset(("harness", "make", "locust", "curl", "export", "eval", "git", "cd", "docker", "pip"))
_FENCED = re.compile(r"^ *```(?P<language>[a-z]*)\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4,}\S.*\n(?:^ *\n(?=(?: {4})))*)+", re.MULTILINE)
_INLINE = re.compile(r"`(harness [a-z][^`]*)`", re.DOTALL)
_VARIABLE = re.compile(r"[A-Z_]+=\S*")


class Shown(NamedTuple):
    """One command of a document. words: as a shell splits them, without redirections. variables: set in front of it."""

    page: str
    line: int
    text: str
    words: tuple[str, ...]
    variables: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]


def commands(page: str, text: str) -> Iterator[Shown]:
    """Every command in blocks, in order."""
    fences = [(found.start(), found.end(), found["language"], found["text"]) for found in _FENCED.finditer(text)]
    blocks = [(text.count("\n", 0, start) + 2, body) for start, _, language, body in fences if language == "sh"]
    outside = list(text)
    for start, end, _, _ in fences:
        outside[start:end] = [sign if sign == "\n" else " " for sign in text[start:end]]
    blocks += [(text.count("\n", 0, one.start()) + 1, one[0]) for one in _INDENTED.finditer("".join(outside))]
    for first, block in sorted(blocks):
        if any(_is_shell(line) for line in block.split("\n")):
            yield from _of_block(page, first, block)


def inline(page: str, text: str) -> Iterator[Shown]:
    """Every `harness ...` within a sentence or a table, outside of blocks."""
    blank = _FENCED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for found in _INLINE.finditer(blank):
        yield from _of_line(page, text.count("\n", 0, found.start()) + 1, " ".join(found[1].split()))


def _of_block(page: str, first: int, block: str) -> Iterator[Shown]:
    """A command ends with its line, unless a backslash or an open quotation goes on."""
    begun, held = first, ""
    for at, line in enumerate(block.split("\n"), first):
        begun = begun if held else at
        held = f"{held} {line.strip()}".strip()
        if held.endswith("\\"):
            held = held.removesuffix("\\").rstrip()
            continue
        try:
            yield from list(_of_line(page, begun, held))
        except ValueError:  # a quotation is open
            continue
        held = ""
    assert not held, f"{page}:{begun}: this command has no end: {held}"


def _of_line(page: str, line: int, text: str) -> Iterator[Shown]:
    """:raises ValueError: a quotation has no end."""
    plain = re.sub(r"\s{2,}\([^)]*\)$", "", text)  # a remark
    plain = plain.replace("<this repository>", "REPOSITORY").replace("<it>", "IT")
    split = shlex.shlex(plain, posix=True, punctuation_chars=";&|<>")
    split.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in [*split, ";"]:
        if word in (";", "&&"):
            count = next((n for n, one in enumerate(words) if not _VARIABLE.fullmatch(one)), len(words))
            if words[count:]:
                yield Shown(page, line, text, tuple(words[count:]), tuple(words[:count]))
            words, redirected = [], False
        elif word[0] in "<>|":
            redirected = True
        elif not redirected:
            words.append(word)


def _is_shell(line: str) -> bool:
    words = [word for word in line.split() if not _VARIABLE.fullmatch(word)]
    return bool(words) and words[0].rpartition("/")[2] in PROGRAMS


def pages(root: Path) -> list[Path]:
    """README, contributing rules, and everything under docs."""
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
