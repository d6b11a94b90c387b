"""A record's words, whatever they are, are printed as text: in a terminal, in Markdown, in HTML, in XML, in JSON."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.cli.progress import PlainWatcher, ScreenWatcher
from harness.record.run_log import readable
from reports.frames import load
from reports.render import html as render_html
from reports.render import junit, summary, terminal, verdict_json
from reports.verdict import Verdict, judge
from tests.reports import build
from tests.reports.test_renderers import Elements

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
PIECES = st.sampled_from(
    [
        *("\x1b[2J", "\x1b]8;;http://x\x1b\\", "\x1b[31m", "\x9b2K", "\x07", "\r", "\n", "\u202e", "\u2066", "\u200b"),
        *("\nverdict: PASS  smoke on prod\n", "\n::error::pwned", "##[set-env]", "\n# Heading\n", "\n| a | b |\n"),
        *(
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](http://evil.test)",
            "![i](http://evil.test)",
        ),
        *(
            "http://evil.test",
            "www.evil.test",
            "@team",
            "`code`",
            "</details>",
            "]]>",
            "&lt;",
            "{{ 7*7 }}",
            "\U000e0041",
        ),
        *("</title><script>", '"onload="', "plain words", "\N{SNOWMAN}", "[bold red]", "%s%n", "```\n", "\U000e0041"),
    ]
)
WORDS = st.lists(PIECES, min_size=1, max_size=5).map("".join)
ALL = (
    "plain \x1b[2J\x9b2K\r\nverdict: PASS  smoke on prod\n::error::pwned ##[set-env]\n# Heading\n| a | b |\n"
    "\u202e\u2066\u200b"
    "</title><script>alert(1)</script><img src=x onerror=alert(1)>[x](http://evil.test) www.evil.test @team ```\n"
)


def verdict_of(words: str) -> tuple[Verdict, Any]:
    run = build.Run(
        build.manifest(
            (build.latency_slo(limit_ms=50.0, name=("S" + words)[:150]), build.latency_slo("never_called")),
            profile=build.profile(description=words[:190]),
            notes=(words,),
            status="aborted",
            abort_reason=words,
            versions={words: words},
            target_name=words,
            target_url="http://127.0.0.1/" + words,
        )
    ).fit()
    run.spread([100.0] * 30)
    run.spread([100.0] * 30, operation=f"op {words}")
    finished = run.finished()
    return judge(finished), finished


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("words", "literal"),
    [
        ("@team", "&#64;&#8203;team"),  # an entity alone is resolved before anybody looks for names
        ("fixes #12", "fixes \\#&#8203;12"),
        ("see acme/films#12; or GH-7", "see acme/films\\#&#8203;12; or GH-&#8203;7"),
        ("!3 and &4 and ~5", "!&#8203;3 and &amp;&#8203;4 and \\~&#8203;5"),
        ("&#64;team", "&amp;\\#&#8203;64;team"),
        ("100 %, 5%", "100 %, 5%"),
        ("/approve", "&#47;approve"),
        ("/merge this", "&#47;merge this"),
        ("GET /rest/v1", "GET /rest/v1"),
        ("- no list", "\\- no list"),
        ("1. no list", "1\\. no list"),
        ("1.5 ms", "1.5 ms"),
        ("-5 ms, +3 %", "-5 ms, +3 %"),
        ("===", "\\==="),
        ("-- $x$", "\\-- <span>$</span>x<span>$</span>"),
        ("a\\|b", "a\\\\\\|b"),
    ],
)
def test_text_in_markdown_is_literal(words: str, literal: str) -> None:
    assert summary.md(words) == literal


def test_no_renderer_lets_these_words_act() -> None:
    no_renderer_lets_them_act(ALL)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(WORDS)
def test_no_renderer_lets_words_act(words: str) -> None:
    no_renderer_lets_them_act(words)


def no_renderer_lets_them_act(words: str) -> None:
    verdict, _ = verdict_of(words)
    plain = io.StringIO()
    terminal.write(verdict, Path("runs/x"), plain)
    lines = plain.getvalue().splitlines()
    assert not UNSEEN.search(plain.getvalue().replace("\n", ""))
    assert [line for line in lines if line.startswith("verdict:")] == lines[:1]
    assert not any(re.match(r"\s*::[A-Za-z]", line) for line in lines)
    assert "##[" not in plain.getvalue()

    tty = Tty()
    terminal.write(verdict, Path("runs/x"), tty)
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", tty.getvalue())
    assert not UNSEEN.search(coloured.replace("\n", ""))
    assert not any(line.startswith("verdict:") for line in coloured.splitlines())

    text = summary.render(verdict)
    assert not UNSEEN.search(text.replace("\n", ""))
    assert not re.search(r"<(script|img)|(?<!\\)\]\(|://|www\.|@team", text)
    assert not any(line.startswith(("# ", "```", "::", "| a ")) for line in text.splitlines())

    xml = junit.render(verdict)
    ElementTree.fromstring(xml)
    assert not UNSEEN.search(xml.replace("\n", ""))

    machine = verdict_json.render(verdict)
    assert not UNSEEN.search(machine.replace("\n", ""))
    assert Verdict.model_validate_json(machine) == Verdict.model_validate_json(verdict.model_dump_json())


@pytest.mark.slow
def test_the_page_shows_words_and_obeys_none() -> None:
    words = "\x1b[2J</title><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7*7 }}\x9b31m"
    verdict, run = verdict_of(words)
    page = render_html.render(verdict, load(run))
    harmless = Elements(render_html.render(judge(build.realistic()), load(build.realistic())))
    assert Elements(page).tags.count("script") == harmless.tags.count("script")
    assert Elements(page).tags.count("img") == harmless.tags.count("img")
    shown = "".join(Elements(page).text)
    assert not UNSEEN.search(shown.replace("\n", ""))
    assert "{{ 7*7 }}" in shown
    assert "\\x1b[2J" in shown


@pytest.mark.parametrize("terminal_", [False, True])
def test_progress_prints_words_as_text(terminal_: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal_, width=100, color_system=None)
    words = "bad\x1b[2J\x9b31m\u202e [bold]\nverdict: PASS\n::error::x"
    watcher = ScreenWatcher(console) if terminal_ else PlainWatcher(console)
    with watcher:
        watcher.problem(words)
        watcher.stage(words)
        watcher.detail(words)
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue()) if terminal_ else out.getvalue()
    assert not UNSEEN.search(said.replace("\n", "").replace("\r", ""))
    assert "\\x1b[2J" in said
    assert not any(line.startswith(("verdict:", "::")) for line in said.splitlines())


def test_a_line_of_the_log_is_one_line() -> None:
    line = {
        "at": "2026-11-29T21:20:18.123Z",
        "level": "info",
        "event": "x",
        "process": "single",
        "text": "a\x1b\nb\x9b",
    }
    said = readable(line)
    assert "\n" not in said
    assert not UNSEEN.search(said)
    assert json.dumps(said)
