"""Whatever a command prints, it prints no secret; the one that hands secrets out says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main

ROOT = Path(__file__).parents[1]
KEY = "canary-key-0123456789"
CRASH = """
import sys, click
from harness import cli
from harness.core.secret import Secret
@cli.cli.command()
@click.argument("how")
def leak(how):
    key = Secret("canary-key-0123456789").reveal()
    click.echo("out " + key)
    click.echo("err " + key, err=True)
    sys.stdout.write("raw " + key + "\\n")
    if how == "crash":
        raise RuntimeError(key + "\\x1b[2J")
    raise click.BadParameter(key + "\\x1b[2J")
sys.argv = ["harness", "leak", sys.argv[1]]
cli.main()
"""


@pytest.mark.parametrize(("how", "code"), [("crash", 70), ("refuse", 2)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_nothing_printed_holds_a_secret(how: str, code: int, encoding: str) -> None:
    environ = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", CRASH, how], cwd=ROOT, env=environ, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == code
    assert b"canary-key-0123456789" not in done.stdout
    assert b"\x1b" not in done.stderr
    said = done.stderr.decode(encoding).replace('"canary-key-0123456789"', "")  # the source line of the traceback
    assert "canary" not in said
    assert done.stdout.decode(encoding).splitlines() == ["out [redacted]", "raw [redacted]"]


def test_escapes_on_the_command_line_are_printed_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", "run", "--\x1b[2J\u202eopt"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert not set("\x1b\u202e") & set(said.err + said.out)


def test_a_password_in_an_address_is_not_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (["run", "smoke", "--url", "http://a:canary@host"], ["check", "x", "--url", "http://a:can/ary@h"]):
        monkeypatch.setattr(sys, "argv", ["harness", *arguments])
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr()
        assert "ary" not in said.err + said.out


def test_the_command_for_keys_prints_keys(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", "sandbox", "keys"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert "SANDBOX_SERVICE_KEY=eyJ" in said
    assert "redacted" not in said
