"""`harness levers` as somebody types it, before anything is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.levers.state import Asked, LeversState, save
from harness.levers.table import LEVERS


def harness(
    *arguments: str | Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["harness", "levers", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    return int(left.value.code or 0), said.err + said.out


def test_the_list_names_every_lever_and_what_it_sets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = harness("--list", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    for lever in LEVERS:
        assert f"{lever.name}: {lever.what}" in said
        for key, value in lever.told.items():
            assert f"{key}={value}" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "which lever"),
        (("batch-26",), "did you mean batch-25?"),
        (("--with", "batch-25+batch-10"), "two of them set batch_size"),
        (("--with", "batch-25+polls-15"), "beside different things"),
        (("--all", "--url", "http://127.0.0.1:1", "--target", "staging"), "exclude each other"),
        (("retries-none", "--url", "http://127.0.0.1:1"), "sandbox that is started here"),
        (("batch-25", "--resume"), "--resume needs --out"),
        (("batch-25", "--rounds", "1"), "2<=x<=50"),
    ],
)
def test_what_cannot_be_is_refused_with_2(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = harness(*arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2, said
    assert told in said


def test_another_comparison_is_neither_overwritten_nor_mixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(profile="other", target="sandbox", seed=1, load_s=8)
    save(tmp_path, LeversState(asked=asked, rounds=2, levers=("batch-25",)))
    code, said = harness("batch-25", "--out", tmp_path, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, "holds a comparison already" in said) == (2, True)
    code, said = harness("batch-25", "--short", "--resume", "--out", tmp_path, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, "profile was other, now levers" in said) == (2, True)
    asked = Asked(profile="levers", target="sandbox", seed=1, load_s=8, profile_digest="of another file")
    save(tmp_path, LeversState(asked=asked, rounds=2, levers=("batch-25",)))
    code, said = harness("batch-25", "--short", "--resume", "--out", tmp_path, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, "profile_digest was of another file, now " in said) == (2, True)
    (tmp_path / "pieces.json").write_text('{"version": 2}', encoding="utf-8")
    code, said = harness("batch-25", "--short", "--resume", "--out", tmp_path, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, "these pieces cannot be gone on with: version" in said) == (2, True)
    code, said = harness("batch-25", "--resume", "--out", tmp_path / "no", capsys=capsys, monkeypatch=monkeypatch)
    assert (code, "no pieces to go on with" in said) == (2, True)
