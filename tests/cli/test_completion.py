"""Completion as a shell does it: the script is sourced in a real bash, and the function that it defines is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
ASK = """
source completion.bash
COMP_WORDS=({words})
COMP_CWORD={last}
_harness_completion harness
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words, in `folder`."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    script = subprocess.run(
        ["harness", "completion", "bash"],
        check=True,
        capture_output=True,
        text=True,
        env=environment | {"PATH": path},
        timeout=60,
    ).stdout
    (folder / "completion.bash").write_text(script)
    asked = ASK.format(words=" ".join(f"'{word}'" for word in ("harness", *words)), last=len(words))
    done = subprocess.run(
        ["bash", "--norc", "-c", asked],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=environment | {"PATH": path},
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split()


pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("rep",), ["report"]),
        (("run", "sm"), ["smoke"]),
        (("run", "--exp"), ["--expect-workers"]),
        (("run", "smoke", "--target", "st"), ["staging"]),
        (("history", "tr"), ["trend"]),
        (("report", "la"), ["latest"]),
        (("report", "runs/2026"), ["runs/20261130T000001Z-smoke-ffffffff"]),
        (("completion", "z"), ["zsh"]),
    ],
)
def test_bash_offers(words: tuple[str, ...], offered: list[str], tmp_path: Path) -> None:
    run = tmp_path / "runs" / "20261130T000001Z-smoke-ffffffff"
    run.mkdir(parents=True)
    (run / "manifest.json").touch()
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "staging.toml").touch()
    assert completed(tmp_path, *words) == offered


@pytest.mark.parametrize(("shell", "part"), [("zsh", "compdef _harness_completion harness"), ("fish", "complete")])
def test_other_shells_have_their_script(shell: str, part: str) -> None:
    done = subprocess.run(
        [str(BIN / "harness"), "completion", shell], check=True, capture_output=True, text=True, timeout=60
    )
    assert part in done.stdout
    assert "_HARNESS_COMPLETE" in done.stdout
