"""What people and CI jobs hand over by mistake: each is refused at once, with its name and what is the matter."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from harness.config.load import load_profile
from harness.core.errors import UsageError
from tests.fuzz.command import assert_printable, harness

MINE = 'name = "mine"\nextends = "smoke"\n'
BARE = """
name = "bare"
people = 4
phones = 4
phases = { warmup_s = 0, measure_s = 1 }
arrivals = [{ seconds = 1, rate = 1 }]
"""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["run", "smoke", "--target", ""], "--target is empty"),
        (["run", "smoke", "--target="], "--target is empty"),
        (["run", "smoke", "--target", "  "], "--target is empty"),
        (["run", "smoke", "--slo", ""], "--slo is empty"),
        (["run", "smoke", "--url", ""], "--url is empty"),
        (["run", "smoke", "--proxy", ""], "--proxy is empty"),
        (["run", "smoke", "--worker", ""], "--worker is empty"),
        (["run", "smoke", "--out", ""], "--out is empty"),
        (["run", "smoke", "--baseline", ""], "--baseline is empty"),
        (["run", ""], "an argument is empty"),
        (["report", ""], "an argument is empty"),
        (["check", "x", "--target", ""], "--target is empty"),
        (["compare", "x", ""], "an argument is empty"),
        (["tip", "herd", "--target="], "--target is empty"),
        (["users", "cleanup", "--target", ""], "--target is empty"),
        (["plan", "--mix", ""], "--mix is empty"),
        (["chaos", "proxy", "--upstream", ""], "--upstream is empty"),
        (["sandbox", "up", "--data", ""], "--data is empty"),
    ],
    ids=" ".join,
)
def test_an_empty_value_is_a_variable_that_was_not_set(line: list[str], named: str) -> None:
    code, said = harness(*line)
    assert code == 2
    assert named in said
    assert "variable" in said


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["run", "smoke", "--url", "http://127.0.0.1:99999"], "port 99999 does not exist"),
        (["run", "smoke", "--url", "http://[::1"], "http://[::1"),
        (["run", "smoke", "--url", "http://[::::]:1"], "no IPv6 address"),
        (["run", "--worker", "127.0.0.1:1", "--url", "http://127.0.0.1:x"], "http://127.0.0.1:x"),
        (["run", "--worker", "127.0.0.1:99999"], "port 99999 does not exist"),
        (["run", "--worker", "nobody"], "give HOST:PORT"),
        (["check", "x", "--url", "http://[::1"], "http://[::1"),
        (["chaos", "clear", "--api", "http://[::1"], "http://[::1"),
        (["chaos", "clear", "--api", "http://127.0.0.1:99999"], "99999"),
        (["run", "smoke", "--proxy", "http://127.0.0.1:0"], "port 0 does not exist"),
        (["run", "smoke", "--out", "/dev/null/x"], "/dev/null is not a folder"),
        (["run", "smoke", "--out", "x" * 300], "too long"),
        (["run", "smoke", "--seed", "9" * 400], "0<=x<=1000000000000000"),
        (["trace", "record", "--app", "ftp://nowhere", "--out", "o"], "no folder 'ftp://nowhere'"),
        (["tip", "herd", "--seed", str(2**62)], "0<=x<=1000000000000000"),
        (["run", "smoke", "--url", "http://127.0.0.1:1", "--web", "[::1:8089"], "no address for a page"),
        (["tip", "herd", "--shortest", "nan"], "not finite"),
        (["tip", "herd", "--out", "/dev/null"], "not a folder"),
        (["prove", "--out", "/dev/null/x"], "not a folder"),
        (["plan", "--write", "no/such/folder.toml"], "no such folder"),
        (["plan", "--write", "/"], "a folder, not a file"),
        (["plan", "--hold", "inf", "--write", "x.toml"], "not finite"),
        (["compare", "x", "y", "--html", "no/such/page.html"], "no such folder"),
        (["report", "x" * 5000], "not a run directory"),
        (["run", "x" * 5000], "no profile"),
        (["run", "x" * 5000 + ".toml"], "name too long"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_before_anything_starts(line: list[str], named: str, tmp_path: Path) -> None:
    code, said = harness(*line)
    assert code == 2, said
    assert named.lower() in said.lower()
    assert_printable(said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--api", "--url", "--proxy"])
def test_a_password_in_a_url_is_not_repeated(option: str) -> None:
    line = ["chaos", "clear"] if option == "--api" else ["run", "smoke"]
    code, said = harness(*line, option, "http://somebody:hunter2@127.0.0.1:1")
    assert code == 2
    assert "hunter2" not in said


@pytest.mark.parametrize("line", [["run"], ["run", "smoke", "--target"], ["run", "smoke", "--slo"], ["plan", "--mix"]])
def test_devices_pipes_sockets_and_folders_are_no_files_and_nobody_waits_for_them(
    line: list[str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.toml")
        for name, what in (
            ("pipe.toml", "a pipe"),
            ("folder.toml", "a folder"),
            ("socket.toml", "a socket"),
            ("/dev/zero", "a device"),
            ("large.toml", "larger than 1,000,000 bytes"),
        ):
            code, said = harness(*line, name)
            assert code == 2, said
            assert what in said
            assert name in said


def test_a_byte_order_mark_is_taken_and_other_encodings_are_named(tmp_path: Path) -> None:
    (tmp_path / "bom.toml").write_bytes(MINE.encode("utf-8-sig"))
    assert load_profile(tmp_path / "bom.toml").name == "mine"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        (tmp_path / "wide.toml").write_bytes(MINE.encode(encoding))
        code, said = harness("run", "wide.toml")
        assert code == 2
        assert "UTF-16" in said
        assert "save it as UTF-8" in said
    (tmp_path / "latin.toml").write_bytes(b'name = "mine"\n# caf\xe9\n')
    assert "line 2, column 6" in harness("run", "latin.toml")[1]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"{MINE}seed = {'9' * 5000}\n", "line 3"),
        (f'name = "mine"\nextends = "{"a" * 5000}.toml"\n', "extends"),
        ('name = "mine"\nextends = "a\\u0000.toml"\n', "extends"),
        (f'{MINE}"\\u001b[31mred" = 1\n', "not a known key"),
        ("x = " + "[" * 100_000, "nested too deeply"),
        (f"{MINE}seed = {10**18}\n", "seed = 1000000000000000000: must be 1e+15 or less"),
        (f"{MINE}[abort]\ngrace_s = 1e300\n", "abort.grace_s = 1e+300: must be 1e+15 or less"),
        (f"{MINE}[phases]\nwarmup_s = 1\nmeasure_s = 1\ndrain_s = 1e300\n", "phases.drain_s"),
        (f"{BARE}mix = {{ reader = 1.0 }}\n", "behaviour.reader.pages"),
        (f"{BARE}mix = {{ reader = 1.0 }}\n[behaviour.reader]\npages = {{ dist = 'constant', value = 1 }}\n", "read_s"),
    ],
    ids=[
        "digits",
        "long name",
        "null in name",
        "escape",
        "deep",
        "seed",
        "grace",
        "drain",
        "no behaviour",
        "half of it",
    ],
)
def test_what_toml_allows_and_no_run_can_have(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    code, said = harness("run", "mine.toml")
    assert code == 2, said
    assert named in said
    assert "mine.toml" in said
    assert_printable(said)


def test_profiles_may_not_extend_each_other_for_ever(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"p{number}.toml").write_text(f'name = "p"\nextends = "p{number + 1}.toml"\n')
    with pytest.raises(UsageError, match="extend each other"):
        load_profile(tmp_path / "p0.toml")
