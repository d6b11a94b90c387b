"""Whatever a command prints, it prints no secret; the one that hands secrets out says so."""

from __future__ import annotations

import io
import sys

import click
import pytest

from harness.cli import cli, main
from harness.cli.filtered_output import filtered_output
from harness.core.secret import Secret

KEY = "-".join(("canary", "key", "0123456789"))


def harness(
    *arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


@pytest.mark.parametrize(("error", "code"), [(RuntimeError, 70), (click.BadParameter, 2)])
def test_nothing_printed_holds_a_secret(
    error: type[Exception], code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def leak() -> None:
        Secret(KEY)
        click.echo(f"out {KEY}")
        click.echo(f"err {KEY}", err=True)
        sys.stdout.write(f"raw {KEY}\n")
        raise error(f"{KEY}\u202e\x07")

    monkeypatch.setitem(cli.commands, "leak", leak)
    left, out, err = harness("leak", capsys=capsys, monkeypatch=monkeypatch)
    assert left == code
    assert out.splitlines() == ["out [redacted]", "raw [redacted]"]
    assert KEY not in err
    assert "[redacted]\\u202e\\x07" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_every_encoding_of_a_terminal(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Secret(KEY)
    sink = io.BytesIO()
    stream = io.TextIOWrapper(sink, encoding=encoding, errors="replace")
    monkeypatch.setattr(sys, "stdout", stream)
    with filtered_output():
        sys.stdout.write(f"\u2713 {KEY}\n")
        assert sys.stdout.encoding == encoding
    assert sys.stdout is stream
    assert sink.getvalue() == "\u2713 [redacted]\n".encode(encoding, "replace")


def test_escapes_on_the_command_line_are_printed_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = harness("run", "--\x1b[2J\u202eopt", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert not set("\x1b\u202e") & set(out + err)


@pytest.mark.parametrize("address", ["http://a:canary@host", "http://a:can/ary@host"])
def test_a_password_in_an_address_is_not_repeated(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = harness("run", "smoke", "--url", address, capsys=capsys, monkeypatch=monkeypatch)
    assert code in (2, 40)
    assert "ary@" not in out + err
    assert "canary" not in out + err


def test_the_command_for_keys_prints_keys(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = harness("sandbox", "keys", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    assert "SANDBOX_SERVICE_KEY=eyJ" in out
    assert "redacted" not in out
