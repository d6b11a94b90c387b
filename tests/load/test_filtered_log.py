"""A child's words: without secrets, without escapes, whole, and closed to others."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from pathlib import Path

from harness.core.secret import Secret
from harness.run.filtered_log import FilteredLog

KEY = "canary-anon-key-0123456789-abcdefghijklmnopqrstuvwxyz"
CODED = base64.encodebytes(KEY.encode() * 2).decode()


def child(words: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.stderr.write({words!r}); sys.stderr.flush()"]


def test_a_childs_words_are_cleaned_line_by_line(tmp_path: Path) -> None:
    Secret(KEY)
    path = tmp_path / "locust.log"
    with FilteredLog(path) as log:
        process = subprocess.Popen(child(f"one {KEY}\n\x1b[2Jtwo\n{CODED}\nno line end"), stderr=log.fileno())
        process.wait(30)
        log.write(f"from stdout {KEY}\n")
        log.finish()
        text = path.read_text()
        log.finish()
    assert "canary" not in text
    assert base64.b64encode(KEY.encode()).decode()[:24] not in text.replace("\n", "")
    assert "\x1b" not in text
    assert "\\x1b[2Jtwo" in text
    assert "no line end" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_said_before_a_kill_is_there(tmp_path: Path) -> None:
    path = tmp_path / "locust.log"
    with FilteredLog(path) as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys,time; sys.stderr.write('here\\n'); sys.stderr.flush(); time.sleep(60)"],
            stderr=log.fileno(),
        )
        try:
            while "here" not in path.read_text():
                assert process.poll() is None
        finally:
            process.kill()
            process.wait(30)
    assert path.read_text() == "here\n"
