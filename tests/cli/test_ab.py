"""`harness ab`: what it refuses before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.core.errors import HarnessError


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
