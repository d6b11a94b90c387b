"""`harness ci init`, and what a judged run tells GitHub and GitLab."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness.cli import cli
from harness.cli.ci import tell_ci
from harness.core.secret import Secret
from reports.render import ci_comment, open_metrics
from reports.render.ci_annotations import remarks
from reports.report import report
from reports.verdict import Verdict
from tests.reports import build

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/films",
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_RUN_ID": "99",
}
TARGET = """
name = "staging"
[keys]
anon_env = "STAGING_ANON"
service_env = "STAGING_SERVICE"
[people]
password_env = "STAGING_PASSWORD"
"""


def init(into: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ci", "init", *arguments, "--into", str(into)])


def metrics(text: str) -> dict[str, Any]:
    """Families of an OpenMetrics text, by the reference parser."""
    return {one.name: one for one in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]


def workflow(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    found["on"] = found.pop(True, None)  # YAML 1.1 reads `on` as true; GitHub does not
    return dict(found)


def slower(tmp_path: Path, **options: Any) -> tuple[Path, Verdict, list[Path]]:
    """A run whose deck became slower, judged against two others."""
    baselines = [build.save(build.realistic(n, run_id=f"base-{n}"), tmp_path / f"base-{n}") for n in (2, 3)]
    folder = build.save(build.realistic(slow=1.6), tmp_path / "runs" / "run")
    return folder, report(folder, baselines, html=False, **options), baselines


# ---- the files -------------------------------------------------------------------------------------------------------


def test_github_gets_three_workflows_that_parse(tmp_path: Path) -> None:
    done = init(tmp_path, "github")
    assert done.exit_code == 0, done.output
    folder = tmp_path / ".github" / "workflows"
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["harness-nightly.yml", "harness-rehearsal.yml", "harness-smoke.yml"]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert f"wrote {path}" in done.output.replace("\n", "")
        assert "@@" not in text
        assert text.startswith("# Written by `harness ci init github`")
        (job,) = workflow(path)["jobs"].values()
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "${{" not in step.get("run", ""), "what others write never stands in a script"
        assert job["timeout-minutes"] <= 180
    smoke, nightly, rehearsal = (workflow(folder / f"harness-{name}.yml") for name in ("smoke", "nightly", "rehearsal"))
    assert set(smoke["on"]) == {"pull_request", "push", "workflow_dispatch"}
    assert smoke["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "schedule" in nightly["on"]
    assert nightly["permissions"] == {"contents": "read"}
    assert list(rehearsal["on"]) == ["workflow_dispatch"]
    assert rehearsal["jobs"]["rehearsal"]["environment"] == "rehearsal"


def test_pip_is_told_where_the_harness_is_and_never_looks_its_name_up(tmp_path: Path) -> None:
    done = init(tmp_path, "github")
    assert "HARNESS_PACKAGE" in done.output
    (job,) = workflow(tmp_path / ".github/workflows/harness-smoke.yml")["jobs"].values()
    (step,) = [one for one in job["steps"] if one.get("name") == "Install the harness"]
    assert step["env"] == {"HARNESS_PACKAGE": "${{ vars.HARNESS_PACKAGE }}"}
    for given in ({}, {"HARNESS_PACKAGE": "x"}):
        script = step["run"].replace("python -m pip install", "echo")
        ran = subprocess.run(["bash", "-c", script], env={"PATH": os.environ["PATH"], **given}, capture_output=True)
        assert (ran.returncode == 0) == bool(given), ran.stderr


def test_only_what_was_merged_becomes_a_baseline(tmp_path: Path) -> None:
    init(tmp_path, "github")
    (job,) = workflow(tmp_path / ".github/workflows/harness-smoke.yml")["jobs"].values()
    (save,) = [step for step in job["steps"] if "cache/save" in step.get("uses", "")]
    assert "github.event_name != 'pull_request'" in save["if"]


def test_a_target_brings_its_option_and_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "staging.toml").write_text(TARGET)
    done = init(tmp_path, "github", "--target", "staging.toml", "--branch", "trunk", "--install", "pip install x")
    assert done.exit_code == 0, done.output
    assert "STAGING_ANON, STAGING_SERVICE, STAGING_PASSWORD" in done.output
    for name in ("smoke", "nightly", "rehearsal"):
        (job,) = workflow(tmp_path / f".github/workflows/harness-{name}.yml")["jobs"].values()
        (step,) = [one for one in job["steps"] if one.get("name") == "Run, judge, report"]
        assert "--target staging.toml" in step["run"]
        assert step["env"]["STAGING_SERVICE"] == "${{ secrets.STAGING_SERVICE }}"
        assert [one["run"] for one in job["steps"] if one.get("name") == "Install the harness"] == ["pip install x\n"]
    smoke = workflow(tmp_path / ".github/workflows/harness-smoke.yml")
    assert smoke["on"]["push"]["branches"] == ["trunk"]
    assert "--baseline branch:trunk" in (tmp_path / ".github/workflows/harness-smoke.yml").read_text()


def test_a_fork_that_is_given_no_secret_is_not_red(tmp_path: Path) -> None:
    (tmp_path / "staging.toml").write_text(TARGET)
    init(tmp_path, "github", "--target", "staging.toml")
    path = tmp_path / ".github/workflows/harness-smoke.yml"
    (job,) = workflow(path)["jobs"].values()
    assert "head.repo.full_name == github.repository" in job["if"]
    assert "pull_request_target" not in workflow(path)["on"]
    init(tmp_path, "github", "--force")
    (job,) = workflow(path)["jobs"].values()
    assert "if" not in job, "a sandbox of its own needs no secret"


@pytest.mark.parametrize("branch", ["1.0", "true", "null", "2026", "release/1.x", "0x1F"])
def test_a_branch_is_a_name_whatever_yaml_would_make_of_it(tmp_path: Path, branch: str) -> None:
    assert init(tmp_path, "github", "--branch", branch).exit_code == 0
    assert workflow(tmp_path / ".github/workflows/harness-smoke.yml")["on"]["push"]["branches"] == [branch]


@pytest.mark.parametrize("name", ["my #1.toml", "a: b.toml", "${{ x }}.toml"])
def test_a_file_that_no_workflow_can_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TARGET)
    done = init(tmp_path, "github", "--target", name)
    assert "cannot stand in a workflow" in str(done.exception)
    assert not (tmp_path / ".github").exists()


def test_runs_against_one_target_wait_for_each_other_on_gitlab(tmp_path: Path) -> None:
    (tmp_path / "main.toml").write_text(TARGET)
    for arguments, group in (((), None), (("--target", "main.toml"), "harness-target")):
        assert init(tmp_path, "gitlab", "--force", *arguments).exit_code == 0
        found = yaml.safe_load((tmp_path / ".gitlab" / "harness.yml").read_text(encoding="utf-8"))
        assert found[".harness"].get("resource_group") == group
        assert found["harness nightly"]["resource_group"] == (group or "harness-nightly")


def test_a_name_with_a_space_reaches_the_command_whole(tmp_path: Path) -> None:
    (tmp_path / "my staging's.toml").write_text(TARGET)
    for system, path in (("github", ".github/workflows/harness-nightly.yml"), ("gitlab", ".gitlab/harness.yml")):
        assert init(tmp_path, system, "--target", "my staging's.toml").exit_code == 0
        found = yaml.safe_load((tmp_path / path).read_text(encoding="utf-8"))
        lines = (
            [step.get("run", "") for step in found["jobs"]["nightly"]["steps"]]
            if system == "github"
            else found["harness nightly"]["script"]
        )
        (line,) = [one for one in lines if one.startswith("harness run")]
        assert shlex.split(line)[3:5] == ["--target", "my staging's.toml"]


def test_gitlab_gets_one_file_that_parses(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "movinesta-harness"\n')
    done = init(tmp_path, "gitlab")
    assert done.exit_code == 0, done.output
    assert "include" in done.output
    found = yaml.safe_load((tmp_path / ".gitlab" / "harness.yml").read_text(encoding="utf-8"))
    assert set(found) == {".harness", "harness smoke", "harness compared", "harness nightly", "harness rehearsal"}
    compared = found["harness compared"]
    assert compared["script"][-1] == "harness ab --base-code .harness-base"
    assert compared["artifacts"]["reports"]["junit"] == "runs/ci/ab/junit.xml"
    assert found[".harness"]["before_script"][0] == "make install"
    after = "\n".join(found["harness nightly"]["after_script"]).replace("$PWD/.venv/bin", str(tmp_path))
    (tmp_path / "harness").write_text("#!/bin/sh\necho called $@ >> calls\n")
    (tmp_path / "harness").chmod(0o755)
    subprocess.run(["sh", "-ec", after], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, check=True)
    assert "called history prune --keep 90" in (tmp_path / "calls").read_text(), "in a shell of its own"
    assert found[".harness"]["artifacts"]["reports"] == {
        "junit": "runs/ci/junit.xml",
        "metrics": "runs/ci/metrics.txt",
    }
    assert found["harness rehearsal"]["rules"][0]["when"] == "manual"


def comparing(folder: Path) -> list[dict[str, Any]]:
    """The steps of the written smoke workflow that compare a change with its base."""
    (job,) = workflow(folder / ".github/workflows/harness-smoke.yml")["jobs"].values()
    return [step for step in job["steps"] if "base" in step.get("name", "")]


def test_a_change_is_compared_with_its_base_where_there_are_two_deployments(tmp_path: Path) -> None:
    (tmp_path / "main.toml").write_text(TARGET)
    (tmp_path / "preview.toml").write_text(TARGET.replace("STAGING_SERVICE", "PREVIEW_SERVICE"))
    assert init(tmp_path, "github", "--target", "main.toml", "--preview", "preview.toml").exit_code == 0
    (step,) = comparing(tmp_path)
    assert step["run"] == "harness ab --base main.toml --head preview.toml"
    assert step["if"] == "${{ always() && github.event_name == 'pull_request' }}"
    assert {"HARNESS_CI_TOKEN", "STAGING_SERVICE", "PREVIEW_SERVICE"} <= set(step["env"])
    assert init(tmp_path, "gitlab", "--target", "main.toml", "--preview", "preview.toml").exit_code == 0
    found = yaml.safe_load((tmp_path / ".gitlab" / "harness.yml").read_text(encoding="utf-8"))
    assert found["harness compared"]["script"] == ["harness ab --base main.toml --head preview.toml"]


def test_a_checkout_of_the_harness_compares_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "movinesta-harness"\n')
    init(tmp_path, "github")
    fetch, step = comparing(tmp_path)
    assert fetch["with"] == {"ref": "${{ github.base_ref }}", "path": ".harness-base"}
    assert step["run"] == "harness ab --base-code .harness-base"


def test_one_deployment_is_compared_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.toml").write_text(TARGET)
    init(tmp_path, "github", "--target", "main.toml")
    assert comparing(tmp_path) == []
    refused = init(tmp_path, "github", "--preview", "main.toml", "--force")
    assert refused.exit_code == 2
    assert "--preview needs --target" in refused.output


def test_nothing_is_overwritten_without_being_told_to(tmp_path: Path) -> None:
    init(tmp_path, "github")
    mine = tmp_path / ".github/workflows/harness-smoke.yml"
    mine.write_text("mine")
    refused = init(tmp_path, "github")
    assert refused.exit_code == 2 or getattr(refused.exception, "exit_code", 0) == 2
    assert "--force" in str(getattr(refused.exception, "remedy", ""))
    assert mine.read_text() == "mine"
    assert init(tmp_path, "github", "--force").exit_code == 0
    assert mine.read_text().startswith("# Written by")


# ---- what a run says -------------------------------------------------------------------------------------------------


def test_outside_of_ci_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, verdict, baselines = slower(tmp_path)
    tell_ci(folder, verdict, baselines)
    assert capsys.readouterr().out == ""
    assert not (folder / "comment.md").exists()


def test_github_is_told_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary"
    summary.write_text("what an earlier step wrote\n")
    for name, value in {**GITHUB, "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["harness", "run", "smoke", "--baseline", "main"])
    folder, verdict, baselines = slower(tmp_path)
    tell_ci(folder, verdict, baselines)
    lines = capsys.readouterr().out.splitlines()
    regressed = [line for line in lines if line.startswith("::error title=swipe_deck regressed::")]
    assert len(regressed) == 2
    assert "p95" in regressed[0]
    assert "baseline" in regressed[0]
    assert summary.read_text().startswith("what an earlier step wrote\n## ❌ FAIL")
    comment = (folder / "comment.md").read_text(encoding="utf-8")
    assert comment.startswith("<!-- movinesta-harness: smoke on sandbox -->\n## ❌ FAIL")
    assert "**swipe\\_deck**" in comment
    assert re.search(r"\*\*\+[56][0-9]", comment)
    assert "<pre>harness run smoke --baseline main</pre>" in comment
    assert f"<pre>harness compare {folder} {baselines[0]} {baselines[1]}</pre>" in comment
    assert "https://github.com/acme/films/actions/runs/99" in comment
    kept = folder.parent / "ci"
    names = {"verdict.json", "junit.xml", "summary.md", "comment.md", "metrics.txt"}
    assert {path.name for path in kept.iterdir()} == names
    assert json.loads((kept / "verdict.json").read_text())["exit_code"] == verdict.exit_code


@pytest.mark.parametrize("event", ['{"pull_request": {"head": {"sha": "' + "ab" * 20 + '"}}}', "{}", "no JSON", None])
def test_a_comment_names_its_commit_for_it_may_outlive_it(
    event: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later commit whose run is refused leaves the comment of the one before. Of a request GITHUB_SHA is a merge."""
    for name, value in {**GITHUB, "GITHUB_SHA": "cd" * 20, "GITHUB_EVENT_PATH": str(tmp_path / "event")}.items():
        monkeypatch.setenv(name, value)
    if event is not None:
        (tmp_path / "event").write_text(event)
    folder, verdict, baselines = slower(tmp_path)
    tell_ci(folder, verdict, baselines)
    commit = ("ab" if event and "sha" in event else "cd") * 6
    assert f" Of commit {commit}.\n" in (folder / "comment.md").read_text(encoding="utf-8")


def test_a_summary_that_is_full_stays_within_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary"
    summary.write_text("x" * (1024 * 1024 - 2000))
    for name, value in {**GITHUB, "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)
    tell_ci(*slower(tmp_path))
    assert summary.stat().st_size <= 1024 * 1024
    assert "Cut to the size" in summary.read_text()


def test_what_cannot_be_written_or_posted_changes_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        **GITHUB,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "no such folder" / "summary"),
        "GITHUB_API_URL": "http://127.0.0.1:1",
        "HARNESS_CI_TOKEN": "ghs_0123456789",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    tell_ci(*slower(tmp_path))
    said = capsys.readouterr().err
    assert "could not be told" in said
    assert "could not be posted: no answer" in said, "one keeps the other not back"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "")
    (tmp_path / "b").mkdir()
    tell_ci(*slower(tmp_path / "b"))
    said = capsys.readouterr().err
    assert "could not be posted: no answer" in said
    assert "ghs_0123456789" not in said


def test_gitlab_gets_metrics_and_no_commands_of_github(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    folder, verdict, baselines = slower(tmp_path)
    tell_ci(folder, verdict, baselines)
    assert "::error" not in capsys.readouterr().out
    families = metrics((folder.parent / "ci/metrics.txt").read_text())
    (code,) = families["harness_exit_code"].samples
    assert code.value == verdict.exit_code
    latencies = {sample.labels["slo"]: sample.value for sample in families["harness_latency_seconds"].samples}
    for row in verdict.slos:
        if row.kind == "latency" and row.value is not None:
            assert latencies[row.name] == pytest.approx(row.value / 1000)
    (regressed,) = families["harness_regressed_operations"].samples
    assert regressed.value == 2


def test_metrics_of_hostile_names_and_of_no_sample_parse() -> None:
    from reports.verdict import judge

    hostile = build.latency_slo(name='a"} 1\n# EOF\\ {x="')
    for run in (build.realistic(), build.Run(build.manifest(build.DEFAULT_SLOS)).fit()):
        run.manifest = run.manifest.model_copy(update={"slos": (*run.manifest.slos, hostile)})
        text = open_metrics.render(judge(run))
        assert text.endswith("# EOF\n")
        met = metrics(text)["harness_slo_met"]
        assert len(met.samples) == len(run.manifest.slos)


def test_no_secret_leaves_in_any_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that a target put into its answers, and one that stands on the command line."""
    secret = Secret("hunter2-of-the-database")
    summary = tmp_path / "summary"
    for name, value in {**GITHUB, "GITHUB_STEP_SUMMARY": str(summary)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["harness", "run", "smoke", "--quirk", f"x={secret.reveal()}"])
    run = build.realistic()
    run.manifest = run.manifest.model_copy(
        update={"notes": (f"note {secret.reveal()}",), "status": "aborted", "abort_reason": f"why {secret.reveal()}"}
    )
    folder = build.save(run, tmp_path / "runs" / "run")
    tell_ci(folder, report(folder, html=False), [])
    said = capsys.readouterr()
    texts = [said.out, said.err, summary.read_text()] + [one.read_text() for one in (folder.parent / "ci").iterdir()]
    assert len(texts) >= 8
    assert not [text for text in texts if secret.reveal() in text]


def test_hostile_names_in_comment_and_annotations() -> None:
    from reports.verdict import judge
    from tests.reports.test_renderers import HOSTILE, hostile

    verdict = judge(hostile())
    text = ci_comment.render(verdict, command=f"harness run '{HOSTILE}'")
    assert "<script" not in text
    assert "@someone" not in text
    assert text.count("<!--") == text.count("-->") == 1
    assert all("\n" not in one.message and "\x1b" not in one.message for one in remarks(verdict))


def test_junit_of_the_run_is_what_the_ci_folder_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    folder, verdict, baselines = slower(tmp_path)
    tell_ci(folder, verdict, baselines)
    root = ElementTree.parse(folder.parent / "ci" / "junit.xml").getroot()
    assert root.find("testsuite[@name='run']/testcase[@name='baseline: swipe_deck (server)']") is not None


def test_the_next_run_replaces_all_of_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that this run has not is none of the run before."""
    monkeypatch.setenv("GITLAB_CI", "true")
    folder, verdict, baselines = slower(tmp_path)
    (folder / "report.html").write_text("page")
    tell_ci(folder, verdict, baselines)
    assert (folder.parent / "ci" / "report.html").exists()
    (folder / "report.html").unlink()
    tell_ci(folder, verdict, baselines)
    assert not (folder.parent / "ci" / "report.html").exists()


def test_what_was_missed_is_an_error_and_what_was_not_answered_a_warning() -> None:
    from reports.verdict import judge

    few = build.latency_slo("swipe_batch", 400.0, min_samples=10**6)
    run = build.realistic(slow=3.5)
    run.manifest = run.manifest.model_copy(update={"slos": (*run.manifest.slos, few)})
    verdict = judge(run)
    assert set(verdict.exit_codes) == {10, 20}
    levels = {one.message.split(" ")[0]: one.level for one in remarks(verdict)}
    assert levels == {"swipe_deck": "error", "swipe_batch": "warning"}
