"""Terminals that lack our signs, readers that leave, descriptors that are closed: a verdict is told all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.streams import LenientOutput

SAYS = "from harness.cli import streams\nwith streams.guarded():\n    import sys\n    {body}\n"


def said(body: str, *, environ: dict[str, str] | None = None, shell: str = "") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", SAYS.format(body=body)]
    if shell:
        command = ["sh", "-c", f'"$0" "$@" {shell}', *command]
    return subprocess.run(command, env=os.environ | (environ or {}), capture_output=True, timeout=60)


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_signs_that_an_encoding_lacks_are_replaced(environ: dict[str, str]) -> None:
    done = said("print('caf\\u00e9 \\u2264 5 \\u2014 \\u2713 \\U0001f3ac')", environ=environ)
    assert done.returncode == 0, done.stderr
    assert b" <= 5 " in done.stdout
    assert done.stdout.rstrip().endswith(b"+ ?")


def test_a_reader_that_leaves_ends_nothing() -> None:
    done = said("[print('x' * 1000) for _ in range(2000)]; print('the end', file=sys.stderr)", shell="| head -n 1")
    assert done.returncode == 0
    assert done.stderr == b"the end\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_streams_that_are_closed_or_full_end_nothing_and_are_nobody_elses_file(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    done = said(
        f"f = open({str(path)!r}, 'w'); print('out'); print('err', file=sys.stderr); f.write('mine'); f.close();"
        f" sys.exit(7)",
        shell=closed,
    )
    assert done.returncode == 7, done.stderr
    assert path.read_text() == "mine"


def test_what_a_broken_descriptor_is_given_is_dropped() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    out = LenientOutput(writing)
    assert out.write(b"abc") == 3
    assert out.lost
    os.close(writing)
