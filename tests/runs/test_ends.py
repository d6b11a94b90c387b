"""A run whose output ends: the reader leaves after a line, and the terminal has neither our signs nor UTF-8."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_reader_that_leaves_ends_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "run", str(BRIEF), "--slo", str(BRIEF_SLO), "--url", sandbox.url]
    done = subprocess.run(
        [
            "sh",
            "-c",
            '{ "$@"; echo $? > "$CODE"; } 2>&1 | head -n 1',
            "sh",
            *command,
            "-v",
            "--out",
            str(tmp_path / "runs"),
        ],
        env=os.environ | {"CODE": str(tmp_path / "code"), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert len(done.stdout.splitlines()) == 1
    code = int((tmp_path / "code").read_text())
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "complete"
    assert json.loads((folder / "verdict.json").read_text())["exit_code"] == code
    assert code in (0, 10, 20)  # 10: on a machine that is busy with other tests
    assert (folder / "report.html").read_text().rstrip().endswith("</html>")
    shown = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(folder)],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        timeout=120,
    )
    assert shown.returncode == code, shown.stderr
    assert b"verdict:" in shown.stdout
    shown.stdout.decode("ascii")
