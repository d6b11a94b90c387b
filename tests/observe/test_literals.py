"""Statements are kept without anybody's data in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.observe.questions import TEXT_LENGTH, without_literals


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("select 1", "select ?"),
        ("select * from t where a = 'it''s' and b = $1", "select * from t where a = ? and b = $1"),
        ("insert into t values (E'a\\'b', 2.5, -3)", "insert into t values (?, ?, -?)"),
        ("do $x$ secret 'a' $x$", "do ?"),
        ("select $$secret$$", "select ?"),
        ("select a1, t2.b3 from t2", "select a1, t2.b3 from t2"),
        ("select 'cut in the mid", "select ?"),
        ("select\n\t1", "select ?"),
        (None, ""),
    ],
)
def test_examples(text: str | None, shown: str) -> None:
    assert without_literals(text) == shown


@given(st.text(alphabet="secrt'\\ $\n", min_size=1, max_size=40), st.sampled_from(["", " and x = 1", "; select 'b'"]))
def test_nothing_of_a_quoted_text_stays(inside: str, rest: str) -> None:
    quoted = inside.replace("'", "''").replace("\\", "")
    shown = without_literals(f"select Q where a = 'SECRET{quoted}SECRET'{rest}")
    assert "SECRET" not in shown


@given(st.text(max_size=3000))
def test_one_bounded_line(text: str) -> None:
    shown = without_literals(text)
    assert len(shown) <= TEXT_LENGTH
    assert "\n" not in shown
