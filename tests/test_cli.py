"""Wrong input: one clear message, the documented code, no traceback, nothing sent."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main

PROFILE = """
name = "tiny"
people = 4
phones = 4
[phases]
warmup_s = 0
measure_s = 1
drain_s = 1
[[arrivals]]
seconds = 1
rate = {rate}
[mix]
{mix}
[behaviour.reader]
pages = {{ dist = "constant", value = 1 }}
read_s = {{ dist = "constant", value = 1 }}
"""

TARGET = """
name = "staging"
url = "{url}"
environment = "staging"
[keys]
anon_env = "TEST_ANON_KEY"
[people]
password_env = "TEST_PASSWORD"
"""


def harness(
    *arguments: str | Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    return int(left.value.code or 0), said.err + said.out


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "a-secret-password")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(PROFILE.format(rate=1, mix="reader = 1.0"))
    return path


def test_help_says_what_the_exit_codes_mean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = harness("--help", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    assert "10 SLO missed" in said


def cpu_s(*arguments: str) -> tuple[float, str]:
    """How long a Python process with these arguments works, not what it waits beside others; and what it said."""
    before = os.times()
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, timeout=60)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system, done.stdout


def test_help_is_fast() -> None:
    """The bar is 0.3 s; best of five, because beside others the same work takes longer."""
    for _ in range(5):
        took, _ = cpu_s("-m", "harness", "--help")
        if took < 0.3:
            return
    raise AssertionError(took)


def test_help_imports_nothing_heavy() -> None:
    script = "import sys; sys.argv = ['harness', '--help']; import harness.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    heavy = "pandas numpy pyarrow scipy bokeh jinja2 locust gevent pydantic asyncpg httpx"
    assert set(heavy.split()) & set(done.stdout.split()) == set()


@pytest.mark.parametrize(
    ("rate", "mix", "named"),
    [
        ("-1", "reader = 1.0", ["arrivals", "rate", "-1"]),
        ("1", "reader = 0.4", ["mix", "0.4"]),
        ("1", "raeder = 1.0", ["raeder", "reader"]),
        ("1\nrates = 2", "reader = 1.0", ["rates"]),
        ("one", "reader = 1.0", ["tiny.toml", "line"]),
    ],
)
def test_a_wrong_profile_names_file_key_and_value(
    rate: str,
    mix: str,
    named: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(PROFILE.format(rate=rate, mix=mix))
    code, said = harness("run", path, "--out", tmp_path / "runs", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2, said
    assert "tiny.toml" in said
    for word in named:
        assert word in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("differs", "named"),
    [
        ("[mix]\nswipper = 0.5\nreader = 0.5", ["no such persona: swipper", "[mix]", "did you mean swiper?"]),
        (
            '[behaviour.swiper.swips]\ndist = "constant"\nvalue = 3',
            ["behaviour.swiper.swips: swiper has no such quantity; did you mean swipes?"],
        ),
        (
            '[behaviour.chatter.retry]\ndist = "constant"\nvalue = 1.7\n'
            '[behaviour.reader.like]\ndist = "uniform"\nlow = 0\nhigh = 2',
            ["behaviour.chatter.retry = 1.7: is a share of cases", "behaviour.reader.like = 2", "give 0 to 1"],
        ),
        ("[mix]\nswiper = 0.5\nreader = 0.4", ["shares sum to 0.9, not 1; adjust one of them by +0.1"]),
        (
            '[behaviour.swiper.dwell_s]\ndist = "lognormal"\nmedian = 2\nsigma = 0.5\nmin = 3',
            ["behaviour.swiper.dwell_s.min = 3: not below median = 2"],
        ),
        (
            '[behaviour.swiper.dwell_s]\ndist = "uniform"\nlow = 3\nhigh = 1',
            ["behaviour.swiper.dwell_s.high = 1: below low = 3; swap them"],
        ),
        ("[sandbox]\npeople = 50", ["the profile needs 500 people, its sandbox has 50", "sandbox.people"]),
    ],
)
def test_bad_input_is_refused_with_the_figure_that_is_wrong_before_anything_starts(
    differs: str, named: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\nextends = "nightly"\n{differs}\n')
    code, said = harness("run", path, "--out", tmp_path / "runs", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2, said
    assert [words for words in ["mine", *named] if words not in said] == [], said
    assert not (tmp_path / "runs").exists()


def test_more_phones_than_the_target_allows_are_refused_with_both_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target.toml"
    limits = "[limits.localhost]\nrequests_per_second = 5000\nphones = 50\n"
    path.write_text(TARGET.format(url="http://localhost:9") + limits)
    monkeypatch.setenv("TEST_ANON_KEY", "a-secret-key")
    code, said = harness(
        "run", "nightly", "--target", path, "--out", tmp_path / "runs", capsys=capsys, monkeypatch=monkeypatch
    )
    assert code == 40, said
    assert "the plan needs 400 phones at once, the target file allows 50" in said
    assert "lower the profile (--scale 0.12 is the largest that fits), or raise phones of" in said


def test_a_plan_over_the_limits_is_refused_with_the_figures_and_the_scale_that_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port 9 answers nobody: what is let through fails there, with another sentence."""
    path = tmp_path / "target.toml"
    limits = "[limits.localhost]\nrequests_per_second = 20\nphones = 500\n"
    path.write_text(TARGET.format(url="http://localhost:9") + limits)
    monkeypatch.setenv("TEST_ANON_KEY", "a-secret-key")
    command = ("run", "smoke", "--target", path, "--out", tmp_path / "runs")
    code, said = harness(*command, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 40, said
    assert re.search(r"the plan needs [34][0-9]{2}\.[0-9]+ requests/s at the peak, the target file allows 20", said), (
        said
    )
    found = re.search(r"--scale ([0-9.]+) is the largest that fits", said)
    assert found, said
    assert 0.02 < float(found[1]) < 0.1
    code, said = harness(*command, "--scale", found[1], capsys=capsys, monkeypatch=monkeypatch)
    assert code == 40, said
    assert "does not answer" in said
    code, said = harness(*command, "--scale", "0", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2, said
    assert not (tmp_path / "runs").exists()


def test_the_plan_of_half_a_million_people_prints_in_two_seconds() -> None:
    """Of work, in a process of its own, imports included; best of five, as above."""
    for _ in range(5):
        took, said = cpu_s("-m", "harness", "plan", "--dau", "500000")
        assert "10,4" in said
        if took < 2:
            return
    raise AssertionError(took)


def test_an_unknown_profile_lists_the_shipped_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = harness("run", "smok", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "smoke" in said


def test_no_profile_is_a_usage_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = harness("run", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "harness run smoke" in said


def test_a_host_that_nobody_allowed_is_refused_before_a_packet_leaves(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target.toml"
    path.write_text(TARGET.format(url="https://project.example.com"))
    monkeypatch.setenv("TEST_ANON_KEY", "a-secret-key")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    code, said = harness(
        "run", tiny, "--target", path, "--out", tmp_path / "runs", capsys=capsys, monkeypatch=monkeypatch
    )
    assert code == 40, said
    assert "project.example.com" in said
    assert "a-secret-key" not in said


def test_an_unreachable_target_is_one_message(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target.toml"
    path.write_text(TARGET.format(url="http://127.0.0.1:9"))
    monkeypatch.setenv("TEST_ANON_KEY", "a-secret-key")
    code, said = harness(
        "run", tiny, "--target", path, "--out", tmp_path / "runs", capsys=capsys, monkeypatch=monkeypatch
    )
    assert code == 40, said
    assert "http://127.0.0.1:9" in said
    assert "a-secret-key" not in said


def test_a_missing_key_names_its_variable(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target.toml"
    path.write_text(TARGET.format(url="http://127.0.0.1:9"))
    monkeypatch.delenv("TEST_ANON_KEY", raising=False)
    code, said = harness("run", tiny, "--target", path, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "TEST_ANON_KEY" in said


def test_a_target_without_a_way_to_sign_in_is_refused(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target.toml"
    path.write_text(TARGET.format(url="http://127.0.0.1:9").split("[people]")[0])
    monkeypatch.setenv("TEST_ANON_KEY", "a-secret-key")
    code, said = harness("run", tiny, "--target", path, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "people.password_env" in said


def test_quirks_belong_to_a_sandbox_of_our_own(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = harness(
        "run", tiny, "--quirk", "nonsense=1", "--out", tmp_path, capsys=capsys, monkeypatch=monkeypatch
    )
    assert code == 2
    assert "nonsense" in said


def test_a_folder_that_is_no_run_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = harness("report", tmp_path, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "manifest.json" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("smoke", "--expect-workers", "2"), "--expect-workers without --master"),
        (("smoke", "--bind", "0.0.0.0"), "--bind without --master"),
        (("smoke", "--wait", "5"), "--wait without --master"),
        (("smoke", "--master", "5557", "--processes", "2"), "exclude each other"),
        (("smoke", "--worker", "localhost:5557"), "PROFILE smoke"),
        (("--worker", "localhost:5557", "--seed", "3"), "--seed"),
        (("--worker", "localhost:5557"), "HARNESS_TOKEN"),
        (("--worker", "localhost"), "not an address"),
        (("--worker", "localhost:99999"), "not an address"),
        (("smoke", "--quirk", "no_such_switch=1"), "no_such_switch"),
    ],
)
def test_what_would_be_ignored_is_refused_at_once(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HARNESS_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    code, said = harness("run", *arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2, said
    assert told in said
    assert not list(tmp_path.iterdir())


def test_a_worker_without_a_master_is_told_and_leaves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:  # bound, and nobody listens there
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HARNESS_TOKEN", "a-token-that-is-long-enough")
        monkeypatch.setenv("HARNESS_ANON_KEY", "x")
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        code, said = harness("run", "--worker", address, "--wait", "1", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 40, said
    assert "nobody listens at" in said
    assert "a-token" not in said
