"""The words of reports and terminals: singular and plural, names before codes, one word for one thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.progress import headline
from reports.integrity.model import Check, Integrity
from reports.render import summary, terminal
from reports.verdict import judge
from tests.reports import build

TEMPLATES = Path(__file__).parents[2] / "reports" / "templates"
FACTS = {"at_s": 12.0, "end_s": 85.0, "left": 3, "per_second": 20.0, "failed": 0}
GONE = (
    "Asked before the load",
    "Who should have heard",
    "remade from this",
    "Before the notice",
    "roken unnoticed",
    "to no member",
)


@pytest.mark.parametrize(
    ("sessions", "attempts", "words"), [(1, 1, ("1 session ", "1 attempt,")), (2, 0, ("2 sessions ", "0 attempts,"))]
)
def test_the_live_line_says_attempts_and_counts_them_right(
    sessions: int, attempts: int, words: tuple[str, str]
) -> None:
    line = headline({**FACTS, "sessions": sessions, "attempts": attempts})
    assert all(word in line for word in words)
    assert "20 attempts/s" in line
    assert "request" not in line


def test_old_words_are_in_no_template() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert [word for word in GONE if word in text] == [], template.name


def test_a_check_is_named_before_its_code() -> None:
    check = Check(id="I18", title="No message is stored twice", status="broken", looked_at=259, count=7)
    found = Integrity(status="broken", text="1 check of 54 found data that is lost", checks=(check,))
    lines = terminal.integrity(found)
    assert "  broken: 7 of 259 messages were stored twice (I18)" in lines


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("interrupted", "Interrupted after 1 min 20 s."),
        ("interrupted by SIGTERM under load", "Interrupted after 1 min 20 s by SIGTERM under load."),
        ("over half of all requests failed", "The run was aborted: over half of all requests failed."),
    ],
)
def test_an_interrupted_run_says_after_how_long(reason: str, sentence: str) -> None:
    run = build.realistic(status="aborted", abort_reason=reason)
    assert judge(run).sentence.startswith(sentence)


def test_switches_that_are_off_fill_no_summary() -> None:
    notes = tuple(f"sandbox switch s{number}=0" for number in range(66))
    text = summary.render(judge(build.realistic(notes=(*notes, "sandbox switch delay_deck_ms=900"))))
    assert "sandbox switches on: delay\\_deck\\_ms=900 (66 others off)" in text
    assert len(re.findall("sandbox switch", text)) == 1


def test_what_samples_cannot_show_says_how_far_off_it_could_be() -> None:
    run = build.Run(build.manifest((build.share_slo(0.005, claim="shown", operations=("home_feed",)),))).fit()
    run.spread([10.0] * 500)
    row = judge(run.finished()).slos[0]
    assert row.note.startswith("met, but 500 samples are too few: the true rate could be 0.6 %, 0.5 % allowed")
