"""Reads documents, help texts and messages for words that an engineer would not write; part of `make lint`.

python scripts/words.py            # what stands where, and what to write instead; exit 1 when there is something
python scripts/words.py FILE...    # these files alone

A short list of our own instead of vale: its package on PyPI fetches a binary from elsewhere when it first runs, and
what is asked here needs Python's own parser: help texts as click prints them, messages as string literals, counts in
f-strings.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("harness", "chaos", "sandbox", "scenarios")
"""Whose messages are read. The report's words are tested where they are written."""
SETTINGS = frozenset(("limit", "sockets", "sent", "phones", "workers", "count"))
"""Names of what is large wherever it is told, or a list of figures."""
SPEAKS_FOR_OTHERS = "sandbox/"
"""Its counts are PostgREST's and GoTrue's own sentences."""
MADE_OF_REPORTS = "manual-coverage.md"

WORDS: dict[str, str] = {
    r"deeds?": "action",
    r"deaf": "disconnected",
    r"before the notice": "before subscription",
    r"scribes?": "aggregator",
    r"couriers?": "event sender",
    r"(?:ticket )?desk": "ticket queue",
    r"weather": "fault injector",
    r"witness(?:es)?": "what it says: observer, statistics, evidence",
    r"twins?": "copy, or the thing's own name",
    r"our house|the house": "project, or harness",
    r"nobody said that it may be loaded": "not authorised for load",
    r"tipping point\?": "say what varies",
    r"aborted: interrupted": "Interrupted",
    r"asked before the load": "pre-flight checks",
    r"who should have heard": "delivery by recipient",
    r"speaks for (?:it|itself)": "says",
    r"doubts? itself": "is in doubt",
    r"twice \d+": "so many duplicated",
    r"magic(?:ally)?|awesome|blazing(?:ly)?|seamless(?:ly)?|leverag(?:e|es|ing)|utili[sz](?:e|es|ing)": "plainer words",
    r"whilst|amongst": "while, among",
    r"alot|recieve\w*|seperat\w*|occured|definately|untill|wich|teh|becuase": "its right spelling",
}
"""Old words of ours, images, and what nobody needs: what to write instead."""
AMERICAN: dict[str, str] = {
    r"colors?": "colour",
    r"behaviors?": "behaviour",
    r"neighbors?": "neighbour",
    r"favor(?:s|ed|ite)?": "favour",
    r"honor(?:s|ed)?": "honour",
    r"centers?|centered": "centre",
    r"analyz(?:e|es|ed|ing)": "analyse",
    r"serializ(?:e|es|ed|ing|ation)": "serialise",
    r"recogniz(?:e|es|ed|ing)": "recognise",
    r"authoriz(?:e|es|ed|ing)": "authorise",
    r"normaliz(?:e|es|ed|ing|ation)": "normalise",
    r"initializ(?:e|es|ed|ing|ation)": "initialise",
    r"optimiz(?:e|es|ed|ing|ation)": "optimise",
    r"canceled|canceling": "cancelled",
    r"labeled|labeling": "labelled",
    r"license[sd]? to": "licence to",
}
"""This repository spells British."""
TWICE_ALLOWED = frozenset(("that", "had", "is", "all"))
_COUNTED = """
attempts baselines calls channels connections defects defences edges errors events examples faults files findings frames
groups hosts instances keys lines members messages minutes mutants nights operations packages pages people phones
problems processes questions records replies reports requests rows rules runs samples seconds sessions shares sockets
statements switches tables tests tickets times titles users windows workers writes
"""
COUNTED = _COUNTED.split()
ONE_OF_MANY = re.compile(rf"(?<![\d.,\-+])\b1 (?:{'|'.join(COUNTED)})\b")
CODE = r"(?:[IT]\d\d|contract (?:realtime )?\d+(?:\.\d+)?|[Qq]uirk [A-Z]|playbook \d+)"
ALONE = re.compile(rf"(?:^\| *|^|[:;]\s+|\.\s+){CODE}(?=$|[\s.,;:|])(?!\s*(?:\(|[a-z]))", re.MULTILINE)
"""A code with nothing before it that says what it is: first in a row, a sentence, a message."""
CODE_TEXT = re.compile(r"\s*(?:(?:select|insert|create|alter|with|update|explain)\b|<!doctype html)", re.IGNORECASE)
SPAN = re.compile(r"`[^`]*`|https?://\S+|<!--.*?-->", re.DOTALL)


class Found(NamedTuple):
    """One place: what stands there, and what to do."""

    path: str
    line: int
    said: str
    remedy: str


def main(arguments: list[str]) -> int:
    """Print what is found; 1 when something was."""
    files = (one for name in arguments for one in of_file(Path(name).resolve()))
    found = list(files if arguments else everything())
    for one in found:
        print(f"{one.path}:{one.line}: {one.said!r}: {one.remedy}")
    return int(bool(found))


def everything() -> Iterator[Found]:
    """README, rules, documents, help texts, messages."""
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if path.name != MADE_OF_REPORTS:
            yield from of_file(path)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from of_file(path)
    yield from of_help()


def of_file(path: Path) -> Iterator[Found]:
    """What is wrong in one file."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _of_python(name, text)
    else:
        yield from of_prose(name, _without_code(text), codes="contract/" not in name)


def of_prose(name: str, text: str, *, first: int = 1, codes: bool = True) -> Iterator[Found]:
    """What is wrong in running text; lines are counted from `first`."""
    flat = SPAN.sub(lambda found: re.sub(r"[^\n]", "x", found[0]), text)

    def at(place: int) -> int:
        return first + text.count("\n", 0, place)

    for pattern, better in (WORDS | AMERICAN).items():
        for found in re.finditer(rf"\b(?:{pattern})", flat, re.IGNORECASE):
            if flat[found.end() : found.end() + 1].isalnum():
                continue
            yield Found(name, at(found.start()), found[0], f"write: {better}")
    for found in re.finditer(r"\b([A-Za-z]{2,})(?: |\n *)\1\b(?![.\w])", flat):
        if found[1].lower() not in TWICE_ALLOWED and "x" * len(found[1]) != found[1]:
            yield Found(name, at(found.start()), " ".join(found[0].split()), "a word stands twice")
    for found in ONE_OF_MANY.finditer(flat):
        yield Found(name, at(found.start()), found[0], "singular and plural")
    for found in ALONE.finditer(flat) if codes else ():
        yield Found(name, at(found.start()), found[0].strip(" |:;."), "name first, code behind it")


def _without_code(text: str) -> str:
    """Fenced and indented blocks blanked out, lines where they were."""

    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found[0])

    text = re.sub(r"^ *```.*?^ *```", blank, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?:(?<=\n\n) {4,}\S.*\n)(?: {4,}\S.*\n)*", blank, text)


def _of_python(name: str, text: str) -> Iterator[Found]:
    """Messages: string literals that are sentences, docstrings left out; and counts of nouns that are always plural."""
    tree = ast.parse(text)
    said = {id(part) for joined in ast.walk(tree) if isinstance(joined, ast.JoinedStr) for part in joined.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            said.add(id(node.value))  # a docstring
        if isinstance(node, ast.JoinedStr):
            yield from _of_message(name, node.lineno, "".join(map(_part, node.values)))
            if not name.startswith(SPEAKS_FOR_OTHERS):
                yield from _counts(name, node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield from _of_message(name, node.lineno, node.value)


def _part(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"


def _of_message(name: str, line: int, text: str) -> Iterator[Found]:
    if len(re.findall(r"[A-Za-z]{2,}", text)) < 3 or CODE_TEXT.match(text):
        return
    for found in of_prose(name, text, first=line):
        yield found._replace(line=line)


def _counts(name: str, node: ast.JoinedStr) -> Iterator[Found]:
    """`f"{len(x)} runs"` says "1 runs" some day; `harness.core.counted` does not."""
    for before, value, text in zip([ast.Constant(""), *node.values], node.values, node.values[1:], strict=False):
        if not isinstance(value, ast.FormattedValue) or _part(before).endswith(" of "):
            continue
        after = re.match(rf" (?:(?:more|other|further) )?({'|'.join(COUNTED)})\b(?!/)", _part(text))
        if after and not _never_one(value):
            yield Found(
                name, node.lineno, f"{{{ast.unparse(value.value)}}}{after[0]}", "counted(n, noun), or a word for one"
            )


def _never_one(formatted: ast.FormattedValue) -> bool:
    """A limit of ours, which is not 1; a rate; what `number` made a text of; or several numbers."""
    value, form = formatted.value, formatted.format_spec
    if form is not None and ast.unparse(form).rstrip("'\"").endswith("g"):
        return True
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "number"
    last = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return last.isupper() or last in SETTINGS


def of_help() -> Iterator[Found]:
    """What `--help` prints: words, and summaries that do not fit."""
    import click

    from harness.cli import cli
    from harness.cli.environment import commands

    width = 80  # what a summary has to fit
    for path, command in [("", cli), *commands(cli)]:
        where = f"harness {path}".strip()
        context = click.Context(command, info_name=where, terminal_width=width, max_content_width=width)
        said = command.get_help(context)
        yield from of_prose(f"{where} --help", re.sub(r"(?<=\n) {2,}(?=\S)", "", said))
        for line, text in enumerate(said.split("\n"), 1):
            if text.endswith("...") and not text.startswith("Usage: "):
                yield Found(f"{where} --help", line, text.strip(), "the summary is cut: shorten its first sentence")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
