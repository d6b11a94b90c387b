"""A cursor over one query parameter's text, with the lexical rules that PostgREST's small languages share. (pure)"""

from __future__ import annotations

import re
from typing import NoReturn

from sandbox.rest.errors import unparsable
from sandbox.rest.syntax import FieldPath, JsonStep

NAME = re.compile(r"(?:[\w $]|-(?!>))+")
INDEX = re.compile(r"-?[0-9]+(?=$|->|::|[.,)])")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Scanner:
    """Reads forward through `text`; :raises RestError: PGRST100 where the text breaks the grammar."""

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        self.what = what
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def fail(self, expecting: str) -> NoReturn:
        found = "end of input" if self.at_end else f'"{self.text[self.position]}"'
        raise unparsable(self.what, self.text, self.position, f"unexpected {found} expecting {expecting}")

    def sees(self, token: str) -> bool:
        return self.text.startswith(token, self.position)

    def take(self, token: str) -> bool:
        """Step over `token` if it comes next."""
        if not self.sees(token):
            return False
        self.position += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(f'"{token}"')

    def expect_end(self) -> None:
        if not self.at_end:
            self.fail("end of input")

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Step over what `pattern` matches here."""
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def quoted(self) -> str | None:
        """A double-quoted string without its quotes and escapes, None when none starts here."""
        found = self.match(QUOTED)
        return None if found is None else ESCAPE.sub(r"\1", found[1])

    def name(self) -> str:
        """An identifier: quoted, or letters, digits, `_`, `$`, inner spaces and dashes."""
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.match(NAME)
        if found is None or not found[0].strip():
            self.fail("field name (* or [a..z0..9_$])")
        return found[0].strip()

    def json_path(self) -> tuple[JsonStep, ...]:
        steps: list[JsonStep] = []
        while self.sees("->"):
            arrow = "->>" if self.take("->>") else "->"
            if arrow == "->":
                self.expect("->")
            index = self.match(INDEX)
            steps.append(JsonStep(arrow, index[0], True) if index else JsonStep(arrow, self.name(), False))
        return tuple(steps)

    def field(self) -> FieldPath:
        return FieldPath(self.name(), self.json_path())


def names(text: str, what: str) -> tuple[str, ...]:
    """A comma-separated list of identifiers, in their order, without repetition."""
    scanner = Scanner(text, what)
    found = [scanner.name()]
    while scanner.take(","):
        found.append(scanner.name())
    scanner.expect_end()
    return tuple(dict.fromkeys(found))
