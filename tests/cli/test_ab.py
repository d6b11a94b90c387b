"""`harness ab`: what it refuses before anything is sent, and what it tells a CI system."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import ab as command
from harness.cli import cli
from harness.core.errors import HarnessError
from tests.reports.test_ab import asked, rounds


def ab(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ab", *arguments])


def said(result: Result) -> str:
    return f"{result.output} {result.exception or ''}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--base-url", "http://127.0.0.1:1", "--head-url", "http://127.0.0.1:1"), "the same deployment"),
        (("--head-url", "http://127.0.0.1:1", "--head-quirk", "delay_all_ms=1"), "--head-quirk need the sandbox"),
        (("--head-quirk", "no_such_switch=1"), "no_such_switch"),
        (
            (
                "--base",
                "none.toml",
            ),
            "none.toml",
        ),
        (("no-such-profile",), "no-such-profile"),
        (("--rounds", "0"), "--rounds"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = ab(*arguments, "--out", str(tmp_path / "runs"))
    assert done.exit_code == 2 or (isinstance(done.exception, HarnessError) and done.exception.exit_code == 2)
    assert says in said(done)
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_a_sandbox_is_no_base(tmp_path: Path) -> None:
    done = ab("--base-code", str(tmp_path), "--out", str(tmp_path / "runs"))
    assert isinstance(done.exception, HarnessError)
    assert done.exception.exit_code == 2
    assert "holds no sandbox" in said(done)


def test_what_a_job_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Summary, annotations, copies under names that do not change, and the command that repeats it."""
    folder = tmp_path / "runs" / "ab-20260101T000000Z"
    folder.mkdir(parents=True)
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/films",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "7",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["harness", "ab", "--base", "main.toml", "--head", "a b.toml"])
    found = asked(rounds(head={"slow": 1.5}))
    command._write(folder, found)
    command._tell_ci(folder, found)
    assert (tmp_path / "summary").read_text().startswith("## ❌ FAIL: change against main")
    said = capsys.readouterr().out
    assert "::error title=swipe_deck is slower than at the base::swipe_deck (" in said
    kept = tmp_path / "runs" / "ci" / "ab"
    assert sorted(one.name for one in kept.iterdir()) == sorted(command.FILES)
    comment = (kept / "comment.md").read_text()
    assert "<pre>harness ab --base main.toml --head 'a b.toml'</pre>" in comment
    assert "https://github.com/acme/films/actions/runs/7" in comment
