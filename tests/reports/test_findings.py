"""Findings and questions in the verdict: what changes the exit code, and what never does; and in every rendering."""

from __future__ import annotations

import io
import json
from pathlib import Path

from harness.record.probe_results import ProbeAnswer, Probes, SchemaFact
from reports.findings import findings
from reports.frames import load
from reports.render import html as render_html
from reports.render import junit, summary, terminal, verdict_json
from reports.verdict import judge
from tests.reports.build import realistic

AS_SHIPPED = Probes(
    source="Postgres",
    facts=(
        SchemaFact(name="uq_messages_client_id", found="0"),
        SchemaFact(name="uq_user_dedupe_without_day", found="0"),
        SchemaFact(name="ratings_select_policy", found="0"),
        SchemaFact(name="maintenance_job", found="not scheduled"),
        SchemaFact(name="media_events_current_partition", found="default"),
        SchemaFact(name="default_partition_rows", found="1234567"),
        SchemaFact(name="realtime_tables", why_not="only Postgres itself can tell"),
    ),
    answers=(ProbeAnswer(id="forged token", status="held", asked=1, text="refused with 401"),),
)
MENDED = Probes(
    source="Postgres",
    facts=(
        SchemaFact(name="uq_messages_client_id", found="1"),
        SchemaFact(name="ratings_select_policy", found="2"),
        SchemaFact(name="media_events_current_partition", found="media_events_2026_11"),
    ),
)


def test_findings_change_no_exit_code() -> None:
    bare, known = judge(realistic()), judge(realistic(probes=AS_SHIPPED))
    assert (known.exit_code, known.exit_codes) == (bare.exit_code, bare.exit_codes) == (0, (0,))
    assert len(known.findings) == 5
    assert bare.findings == ()


def test_a_mended_deployment_has_no_findings() -> None:
    assert findings(MENDED) == ()
    assert findings(None) == ()


def test_the_default_partition_says_how_full_it_is() -> None:
    (finding,) = [one for one in findings(AS_SHIPPED) if "swipe events all go" in one.title]
    assert finding.evidence == "media_events_current_partition = default, about 1,234,567 rows in the default partition"


def test_what_could_not_be_asked_is_listed() -> None:
    assert any("realtime_tables (only Postgres" in line for line in judge(realistic(probes=AS_SHIPPED)).not_checked)


def test_a_broken_promise_is_exit_code_11_and_named_everywhere(tmp_path: Path) -> None:
    text = "a token with a foreign signature was answered with 200"
    answer = ProbeAnswer(id="forged token", status="broken", asked=1, count=1, text=text)
    run = realistic(probes=AS_SHIPPED.model_copy(update={"answers": (answer,)}))
    verdict = judge(run)
    assert verdict.exit_codes == (11,)
    assert verdict.sentence.startswith("A token with a foreign signature is refused: not so in 1 of 1 cases.")
    stream = io.StringIO()
    terminal.write(verdict, tmp_path, stream)
    assert text in " ".join(stream.getvalue().split())
    page = render_html.render(verdict, load(run))
    assert text in page
    assert "Known facts of this target" in page
    assert "probe: forged token" in junit.render(verdict)
    assert "uq_messages_client_id = 0" in summary.render(verdict).replace("\\", "")
    assert json.loads(verdict_json.render(verdict))["probes"][0]["status"] == "broken"
