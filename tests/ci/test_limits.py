"""What a CI system takes, and no more: sizes, escapes, the number of annotations."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from harness.ci.annotations import MOST, Annotation, commands
from harness.ci.limits import CUT, within

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)")
blocks = st.lists(st.sampled_from(["word", "é" * 40, "<details>\n\ninside\n\n</details>", "| a | b |\n|---|---|"]))


@given(blocks, st.integers(0, 400), st.booleans())
def test_never_larger_than_asked_and_no_fold_is_left_open(parts: list[str], most: int, characters: bool) -> None:
    text = "\n\n".join(parts)
    found = within(text, most, characters=characters)
    assert (len(found) if characters else len(found.encode())) <= most
    assert found.count("<details>") == found.count("</details>")
    if found != text:
        assert found == "" or found.endswith(CUT + "\n")


def test_what_fits_stays_as_it_is() -> None:
    assert within("a\n\nb", 4) == "a\n\nb"
    assert within("a" * 10, 9) == ""


@given(st.text(), st.text())
def test_a_command_is_one_line_and_reads_back(title: str, message: str) -> None:
    (line,) = commands([Annotation("error", title, message)])
    assert "\n" not in line
    assert "\r" not in line
    found = COMMAND.fullmatch(line)
    assert found is not None
    unescaped = found[3].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert unescaped == message[:4000]
    assert (
        found[2].replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
        == title
    )


def test_ten_of_a_level_and_the_tenth_says_how_many_more() -> None:
    many = [Annotation("warning", f"w{number}", "m") for number in range(14)]
    lines = commands([*many, Annotation("error", "e", "m")])
    assert lines[0] == "::error title=e::m"
    assert len([line for line in lines if line.startswith("::warning")]) == MOST
    assert lines[-1].startswith("::warning title=5 more::")
