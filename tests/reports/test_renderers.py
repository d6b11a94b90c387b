"""What each file says, and that no text from a profile can break out of it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.core.errors import ExitCode
from harness.core.tables import View
from reports.compare import compare
from reports.findings import Finding
from reports.frames import load
from reports.integrity.model import Check, Integrity
from reports.render import html as render_html
from reports.render import junit, summary, terminal, verdict_json
from reports.verdict import MEANING, Verdict, judge, judge_frames
from tests.reports import build

HOSTILE = "<script>alert(1)</script> ]]> | `x` & \"quoted\" 'single' @someone \x0b \N{SNOWMAN} </details>\n# heading"


class Elements(HTMLParser):
    """Counts elements, keeps text outside script and style, and every address an element would load."""

    LOADING = ("src", "srcset", "href", "action", "data", "poster")

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text: list[str] = []
        self.addresses: list[str] = []
        self._silent = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._silent += tag in ("script", "style")
        self.addresses += [value or "" for name, value in attrs if name in self.LOADING]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)


def hostile() -> build.Run:
    run = build.Run(
        build.manifest(
            (build.latency_slo(limit_ms=50.0, name=HOSTILE[:150]), build.latency_slo("never_called")),
            profile=build.profile(description=HOSTILE),
            notes=(HOSTILE,),
            versions={HOSTILE: HOSTILE},
            target_name=HOSTILE,
        )
    ).fit()
    run.spread([100.0] * 200)
    run.spread([100.0] * 200, operation="</script><script>alert(2)</script>")
    return run.finished()


@cache
def passed() -> Verdict:
    return judge(build.realistic())


@cache
def regressed() -> Verdict:
    now = load(build.realistic(slow=3.5))
    return judge_frames(now, compare(now, [load(build.realistic(seed=s, run_id=f"base-{s}")) for s in (2, 3)]))


def test_verdict_json_is_the_model_and_reads_back() -> None:
    verdict = regressed()
    text = verdict_json.render(verdict)
    data = json.loads(text)
    assert (data["version"], data["verdict"], data["exit_code"], data["exit_codes"]) == (1, "fail", 10, [10, 12])
    assert data["integrity"]["status"] == "not checked"
    assert {row["operation"] for row in data["comparison"]["rows"] if row["change"] == "regressed"} == {"swipe_deck"}
    assert Verdict.model_validate_json(text) == verdict
    assert "NaN" not in text
    assert "Infinity" not in text


def test_junit_has_one_case_per_slo_and_counts_that_add_up() -> None:
    root = ElementTree.fromstring(junit.render(judge(build.realistic(slow=3.5))))
    cases = root.findall("testsuite[@name='slo']/testcase")
    assert [case.get("name") for case in cases] == [slo.name for slo in build.DEFAULT_SLOS]
    failed = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert [case.get("name") for case in failed] == ["swipe_deck server"]
    message = failed[0].find("failure").get("message")  # type: ignore[union-attr]
    assert message is not None
    assert "700 ms" in message
    assert (root.get("failures"), root.get("errors")) == ("1", "0")
    assert root.get("tests") == str(len(list(root.iter("testcase"))))


def test_junit_has_a_case_for_every_gate_rule_and_finding() -> None:
    """Those that hold, too: a rule that is gone is seen by its case being gone."""
    checks = (
        Check(id="I18", title="No message is stored twice", status="held", looked_at=9, count=0),
        Check(id="I19", title="Nothing acknowledged is lost", status="broken", looked_at=9, count=2),
        Check(id="I20", title="Receipts", status="not checked", looked_at=0, count=0, note="no receipts were sent"),
    )
    known = Finding(severity="high", title="No index", evidence="scan", remedy="make one", playbook="11")
    verdict = passed().model_copy(
        update={
            "integrity": Integrity(status="broken", text="2 lost", checks=checks),
            "findings": (known,),
            "exit_code": 11,
        }
    )
    root = ElementTree.fromstring(junit.render(verdict))
    rules = {
        case.get("name"): [child.tag for child in case] for case in root.iterfind("testsuite[@name='integrity']/*")
    }
    assert rules == {
        "integrity: No message is stored twice (I18)": ["system-out"],
        "integrity: Nothing acknowledged is lost (I19)": ["failure"],
        "integrity: Receipts (I20)": ["skipped"],
    }
    gates = [case.get("name") for case in root.iterfind("testsuite[@name='gates']/testcase")]
    assert {f"generator: {row.check}" for row in verdict.health} <= set(gates)
    (finding,) = root.iterfind("testsuite[@name='findings']/testcase")
    assert finding.find("failure") is None
    assert "make one" in (finding.findtext("system-out") or "")
    assert root.find("testsuite[@name='run']") is None  # the rule's case says already why
    assert (root.get("failures"), root.get("skipped")) == ("1", "1")


def test_junit_is_green_only_for_a_pass() -> None:
    def red(verdict: Verdict) -> int:
        root = ElementTree.fromstring(junit.render(verdict))
        return int(root.get("failures", "")) + int(root.get("errors", ""))

    assert red(passed()) == 0
    vetoed = build.realistic()
    vetoed.manifest = vetoed.manifest.model_copy(update={"recorded_attempts": 1})
    assert red(judge(vetoed)) == 1
    aborted = build.realistic()
    aborted.manifest = aborted.manifest.model_copy(update={"status": "aborted"})
    assert red(judge(aborted)) == 1
    assert red(judge(build.Run(build.manifest()).fit().finished())) >= 1
    assert red(regressed()) == 3  # the SLO, and both views of the deck
    few = ElementTree.fromstring(junit.render(judge(build.Run(build.manifest(build.DEFAULT_SLOS)).fit())))
    assert len(few.findall("testsuite[@name='slo']/testcase/error")) == len(build.DEFAULT_SLOS)


@pytest.mark.parametrize("code", [code for code in MEANING if code is not ExitCode.PASS])
def test_junit_is_red_for_every_other_exit_code_whatever_the_reason(code: ExitCode) -> None:
    """A reason that no renderer knows of yet: rows all pass, and the code is not 0."""
    assert passed().exit_code == ExitCode.PASS
    changes = {"exit_code": int(code), "sentence": "Something new.", "reasons": ("Something new.",)}
    root = ElementTree.fromstring(junit.render(passed().model_copy(update=changes)))
    assert int(root.get("failures", "")) + int(root.get("errors", "")) == 1


def test_hostile_text_in_junit() -> None:
    text = junit.render(judge(hostile()))
    root = ElementTree.fromstring(text)
    assert "<script>" not in text
    assert "\x0b" not in text
    names = [case.get("name") or "" for case in root.findall("testsuite/testcase")]
    assert "<script>alert(1)</script> ]]>" in names[0]


def test_summary_opens_with_the_verdict_and_holds_a_row_per_slo() -> None:
    text = summary.render(regressed())
    assert text.startswith("## ❌ FAIL: smoke on sandbox\n")
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("|") and ("pass" in line or "fail" in line)]
    assert len(rows) == len(build.DEFAULT_SLOS)
    assert "### Against 2 baselines" in lines
    assert any(line.startswith("| ❌ regressed | swipe\\_deck |") for line in lines)
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "exactly once" in text
    assert len(text) < 60_000  # a pull-request comment holds 65,536 characters


def test_hostile_text_in_the_summary() -> None:
    text = summary.render(judge(hostile()))
    assert "<script" not in text
    assert "@someone" not in text
    assert not any(line.startswith("# ") for line in text.splitlines())
    assert text.count("<details>") == text.count("</details>")
    table = [line for line in text.splitlines() if line.startswith("| ❌ fail")]
    assert len(table) == 1
    assert len(re.findall(r"(?<!\\)\|", table[0])) == 10


def test_page_is_one_file_without_any_outside_address() -> None:
    frames = load(build.realistic(slow=3.5))
    html = render_html.render(judge_frames(frames), frames)
    page = Elements(html)
    assert not [address for address in page.addresses if not address.startswith(("data:", "#"))]
    assert "url(" not in render_html.render(judge_frames(frames), load(build.Run(build.manifest())))
    assert "<title>FAIL: smoke on sandbox</title>" in html
    assert len(html.encode()) < 6_000_000
    text = " ".join(" ".join(page.text).split())
    for words in ("Fail", "swipe_deck server: p95 is", "700 ms", "Not checked", "Integrity", "5f5f5f5f", "locust"):
        assert words in text
    assert text.index("Fail") < text.index("Objectives") < text.index("Over time")


def test_hostile_text_in_the_page() -> None:
    run = hostile()
    html = render_html.render(judge(run), load(run))
    assert "<script>alert" not in html
    harmless = Elements(render_html.render(judge(build.realistic()), load(build.realistic())))
    assert Elements(html).tags.count("script") == harmless.tags.count("script")
    assert "<script>alert(1)</script> ]]>" in "".join(Elements(html).text)


def test_page_of_a_run_without_samples() -> None:
    run = build.Run(build.manifest(build.DEFAULT_SLOS, status="running"), complete=False)
    html = render_html.render(judge(run), load(run))
    assert "No sample was recorded." in html
    assert "Inconclusive" in html
    assert len(html) < 90_000  # no chart library without a chart


def test_page_of_runs_with_only_some_tables() -> None:
    run = build.Run(build.manifest(build.DEFAULT_SLOS))
    run.add(20, 5.0, view=View.E2E)
    assert "home_feed · e2e" in render_html.render(judge(run), load(run))


@pytest.mark.parametrize("run", ["pass", "fail", "empty"])
def test_plain_terminal_lines_fit_80_columns_and_end_with_the_exit_code(run: str) -> None:
    verdicts: dict[str, Callable[[], Verdict]] = {
        "pass": lambda: judge(build.realistic()),
        "fail": regressed,
        "empty": lambda: judge(build.Run(build.manifest(build.DEFAULT_SLOS))),
    }
    verdict = verdicts[run]()
    stream = io.StringIO()
    terminal.write(verdict, Path("runs/x"), stream)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"verdict: {verdict.verdict.upper()}")
    assert lines[-2] == "report:    runs/x/report.html"
    assert lines[-1].startswith(f"exit code: {verdict.exit_code} (")
    assert "\x1b" not in stream.getvalue()
    for slo in build.DEFAULT_SLOS:
        assert any(slo.name in line for line in lines)


def test_in_a_terminal_there_are_colours_and_the_same_facts() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    terminal.write(regressed(), Path("runs/x"), stream)
    text = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    for words in ("FAIL", "swipe_deck", "700 ms", "regressed", "runs/x/report.html", "exit code: 10"):
        assert words in text


def test_without_a_page_the_command_that_makes_it_is_named() -> None:
    lines = terminal.plain(regressed(), Path("runs/x"), html=False)
    assert lines[-2] == "report:    harness report runs/x"
