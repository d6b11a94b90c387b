"""What preflight found before a run: in the verdict, the page, JUnit and the summary."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.core.errors import ExitCode
from harness.record.preflight_results import PreflightRecord, RecordedFinding
from reports.frames import load
from reports.render import html, junit, summary, terminal
from reports.verdict import Verdict, judge
from tests.reports.build import Run, realistic

HIGH = RecordedFinding(
    lint="others_access",
    severity="high",
    title="Signed in, rows of somebody else can be read or written",
    why="everybody has everybody's data",
    manual="10",
    object="public.messages select",
    evidence="GET /rest/v1/messages?select=user_id&limit=1 as me -> 200",
    remedy="alter table public.messages enable row level security;",
)
LOW = HIGH.model_copy(update={"severity": "low", "lint": "api_key_unchecked", "object": "PostgREST, <b>no key</b>"})
ACCEPTED = HIGH.model_copy(update={"object": "public.lists select", "accepted": "lists are shown (until 2027-01-01)"})


def run(*findings: RecordedFinding, unasked: tuple[str, ...] = ()) -> Run:
    record = PreflightRecord(findings=findings, asked=37, unasked=unasked, took_s=9.5)
    return realistic(preflight=record)


def verdict(*findings: RecordedFinding, unasked: tuple[str, ...] = ()) -> Verdict:
    return judge(run(*findings, unasked=unasked))


def test_a_high_finding_means_that_the_target_is_not_ready() -> None:
    found = verdict(HIGH, LOW)
    assert found.exit_code == ExitCode.TARGET
    assert found.verdict == "fail"
    assert found.meaning == "the target is not ready"
    assert "public.messages select" in found.sentence
    assert "api_key_unchecked" not in " ".join(found.reasons)


def test_lesser_and_accepted_ones_change_no_exit_code() -> None:
    assert ExitCode.TARGET not in verdict(LOW, ACCEPTED).exit_codes
    assert ExitCode.TARGET not in verdict().exit_codes


def test_what_was_not_asked_is_said() -> None:
    assert "Preflight, the catalogue: no connection." in verdict(unasked=("the catalogue: no connection",)).not_checked


def test_junit_has_a_case_for_each_finding() -> None:
    root = ElementTree.fromstring(junit.render(verdict(HIGH, LOW, ACCEPTED)))
    (suite,) = [one for one in root.iter("testsuite") if one.get("name") == "preflight"]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    (failed,) = suite.findall("testcase/failure/..")
    assert failed.get("name") == "others_access: public.messages select"
    assert "alter table public.messages" in str(failed.findtext("failure"))
    said = [str(one.text) for one in suite.iter("system-out")]
    assert any("Accepted: lists are shown" in text for text in said)


def test_page_terminal_and_summary_name_them() -> None:
    made = run(HIGH, LOW, ACCEPTED)
    found = judge(made)
    page = html.render(found, load(made))
    assert 'id="preflight"' in page
    assert "public.messages select" in page
    assert "<b>no key</b>" not in page
    assert "lists are shown" in page
    assert "public.messages select" in " ".join(" ".join(terminal.foreword(found)).split())
    text = summary.render(found)
    assert "Preflight: 1 high, 0 medium, 1 low; 1 accepted; 37 questions asked" in text.replace("\\", "")
    assert "public.messages" in text


def test_sentences_of_the_manual_are_asked_by_it() -> None:
    rows = {
        row.name: row
        for row in verdict(HIGH, unasked=("rate_limit_missing: assistant-orchestrator: no",)).coverage.rows
    }
    assert rows["limit on search"].status == "held"
    assert rows["limit on the assistant"].status == "not asked"
    broken = HIGH.model_copy(update={"lint": "payload_uncapped", "object": "function media-search: size"})
    rows = {row.name: row for row in verdict(broken).coverage.rows}
    assert rows["sizes"].status == "broken"
    assert "media-search" in rows["sizes"].seen
    rows = {row.name: row for row in judge(realistic()).coverage.rows}
    assert rows["sizes"].status == "not asked"
