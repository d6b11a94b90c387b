"""Other people's words are text: they move no cursor, end no line, turn no direction and hide nothing."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.visible import in_json, visible, visible_lines

ATTACKS = {
    "\x1b[2J\x1b[1;1H": "\\x1b[2J\\x1b[1;1H",
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x9b31m": "\\x9b31m",
    "a\nverdict: PASS": "a\\nverdict: PASS",
    "a\r\nb": "a\\r\\nb",
    "a\u202eb": "a\\u202eb",
    "a\u2028b": "a\\u2028b",
    "\U000e0041": "\\U000e0041",
    "\ud800": "\\ud800",
    "::error::pwned": ":\\x3aerror::pwned",
    "  ::set-output name=a::b": "  :\\x3aset-output name=a::b",
    "to [::1]:80 and ::1": "to [::1]:80 and ::1",
    "x ##[command]y": "x #\\x23[command]y",
}


@pytest.mark.parametrize(("given", "shown"), ATTACKS.items())
def test_attacks_are_shown(given: str, shown: str) -> None:
    assert visible(given) == shown


@given(st.text(st.characters(), max_size=100))
def test_nothing_unseen_is_left(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp") for sign in shown)
    assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    assert not re.search(r"(?<!\S)::[A-Za-z]", shown)
    assert visible(shown) == shown


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_plain_text_stays(text: str) -> None:
    assert visible(text) == text or "::" in text or "##[" in text


def test_lines_of_a_message_cannot_look_like_another_message() -> None:
    shown = visible_lines("error: no\nverdict: PASS\n  where: here\x1b[0m\n::error::x")
    assert shown == "error: no\n  verdict: PASS\n  where: here\\x1b[0m\n  :\\x3aerror::x"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_json_means_the_same_and_shows_all(text: str) -> None:
    written = in_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    assert not set(written) & set("\x7f\x85\x9b\u202e\u2066\u2028\ufeff\x1b")
