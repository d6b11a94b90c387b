"""What people write shows what a target mangles, and is the same for the same seed."""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import texts

SAID = [texts.text(chance := random.Random(7), "x")] + [texts.text(chance, "x") for _ in range(4_000)]


def test_the_same_stream_says_the_same() -> None:
    one, two = random.Random("seed"), random.Random("seed")
    assert [texts.text(one, "a") for _ in range(500)] == [texts.text(two, "a") for _ in range(500)]


@pytest.mark.parametrize(
    "mangled",
    [
        lambda text: text.encode("latin-1", "replace").decode("latin-1"),
        lambda text: text.encode("ascii", "replace").decode(),
        lambda text: "".join(sign for sign in text if ord(sign) < 0x10000),
        lambda text: unicodedata.normalize("NFC", text),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace("\u200d", ""),
        lambda text: text.replace("\\", ""),
        lambda text: text.replace("'", "''"),
        lambda text: text.replace("&", "&amp;"),
        lambda text: text.strip(),
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text[:5],
        lambda text: text[:500],
        lambda text: text[:1900],
    ],
)
def test_each_way_of_mangling_would_show(mangled) -> None:  # type: ignore[no-untyped-def]
    assert any(mangled(text) != text for text in SAID)


def test_lengths_go_from_one_to_what_the_field_takes() -> None:
    units = [len(text.encode("utf-16-le")) // 2 for text in SAID]
    assert min(units) == 1
    assert 1_900 < max(units) <= texts.LIMIT
    assert sum(unit > 200 for unit in units) < 0.05 * len(units)
    assert 0.5 < sum(text == "x" for text in SAID) / len(SAID) < 0.7


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=3), st.integers(-5, 3_000))
def test_long_texts_are_whole_code_points_within_the_limit(parts: list[str], units: int) -> None:
    text = texts.long_text(parts, units)
    assert 1 <= len(text.encode("utf-16-le")) // 2 <= max(1, min(units, texts.LIMIT))


def test_nothing_that_no_database_takes() -> None:
    for text in SAID:
        assert "\x00" not in text
        text.encode()  # no lone surrogates
