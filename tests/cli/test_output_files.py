"""Files that commands write: whole or not at all, wherever they are to go, and no file of somebody else's is harmed."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.command import assert_printable, harness

RECORD = Path(__file__).parents[1] / "data/records/v2-everybody"
WRITERS = {
    "slo": ["slo", "export", "--prometheus", "--write"],
    "plan": ["plan", "--force", "--write"],
}


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("HARNESS_", "GITHUB_", "GITLAB_"))]:
        monkeypatch.delenv(name)


def where_nothing_fits(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, where no file may have more than a few hundred bytes, as on a disk that is full."""
    script = 'ulimit -f "$0" && exec "$@"'
    line = ["sh", "-c", script, "1", sys.executable, "-B", "-m", "harness", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("line", WRITERS.values(), ids=WRITERS)
def test_on_a_full_disk_the_file_stays_as_it_was(line: list[str], tmp_path: Path) -> None:
    for before in (None, "of before"):
        if before is not None:
            (tmp_path / "out").write_text(before)
        done = where_nothing_fits(*line, "out")
        assert done.returncode == 70
        assert "this file could not be written: File too large" in done.stderr
        assert "Traceback" not in done.stderr
        assert [path.read_text() for path in tmp_path.iterdir()] == ([] if before is None else [before])


@pytest.mark.parametrize("line", [["init", "mine"], ["ci", "init", "github", "--into", "mine"]], ids=" ".join)
def test_several_files_on_a_full_disk(line: list[str], tmp_path: Path) -> None:
    done = where_nothing_fits(*line)
    assert done.returncode == 70
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("line", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("name", ["loop", "x" * 255, "loop/x", "file/x", "/dev/full", "no/x"])
def test_a_place_that_cannot_be_is_wrong_usage(line: list[str], name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("mine")
    code, said = harness(*line, name)
    assert code == 2
    assert "cannot be written" in said or "could not be written" in said or "a device, not a file" in said
    assert_printable(said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.yml").write_text("before")
    (tmp_path / "link.yml").symlink_to("real.yml")
    assert harness("slo", "export", "--prometheus", "--write", "link.yml")[0] == 0
    assert (tmp_path / "link.yml").is_symlink()
    assert "groups:" in (tmp_path / "real.yml").read_text()


# ---- histories -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [["list"], ["changes"], ["export"], ["prune", "--keep", "1"], ["add", "nowhere"]])
@pytest.mark.parametrize("content", [b"x", b"my notes\n", b"SQLite", b"\0" * 99, b"x" * 10_000])
def test_a_file_that_is_no_history_is_left_alone(line: list[str], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(content)
    code, said = harness("history", "--file", "mine.txt", *line)
    assert code == 2
    assert "this is no history" in said
    assert (tmp_path / "mine.txt").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_made_where_nothing_is_added(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "mine.txt").write_bytes(b"mine")
    assert harness("history", "--file", "empty", "list")[0] == 2
    assert (tmp_path / "empty").read_bytes() == b""
    assert harness("history", "--file", "new.db", "merge", "mine.txt")[0] == 2
    assert harness("history", "--file", "new.db", "merge", "nowhere")[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine.txt"]


@pytest.mark.parametrize("name", ["loop", "loop/h.db", "file/h.db", "/dev/null", "/dev/null/h.db", "x" * 300, "folder"])
def test_a_place_where_no_history_can_be(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    code, said = harness("history", "--file", name, "add", "nowhere")
    assert code == 2, said
    assert "damaged" not in said
    assert_printable(said)


def test_a_history_on_a_full_disk_is_not_called_damaged() -> None:
    done = where_nothing_fits("history", "--file", "h.db", "add", "nowhere")
    assert done.returncode == 70
    assert "damaged" not in done.stderr
    assert "free some space" in done.stderr


# ---- files that are read ---------------------------------------------------------------------------------------------


def test_workflows_are_made_of_plain_target_files_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "deep.toml").write_text("x = " + "[" * 100_000)
    (tmp_path / "pyproject.toml").write_text("project = 1\n")
    for name, named in (("pipe.toml", "a pipe"), ("/dev/zero", "a device"), ("deep.toml", "nested too deeply")):
        code, said = harness("ci", "init", "github", "--target", name)
        assert code == 2
        assert named in said
    assert not (tmp_path / ".github").exists()


def test_a_run_that_may_not_be_written_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def closed(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr("reports.report.replacing", closed)
    record = tmp_path / "a run\nof two lines"
    shutil.copytree(RECORD, record)
    code, said = harness("report", record)
    assert code == 20, "its verdict, which such a disk does not hide"
    assert "cannot write verdict.json: Read-only file system" in said
    assert "a run\\nof two lines" in said


def test_a_file_that_may_be_written_and_not_replaced_is_written(tmp_path: Path) -> None:
    """As one that is mounted by itself into a container."""
    (tmp_path / "mounted.yml").write_text("before")
    done = subprocess.run(
        [
            *("unshare", "--mount", "--map-root-user", "sh", "-c"),
            'mount --bind mounted.yml mounted.yml && exec "$@"',
            *("sh", sys.executable, "-B", "-m", "harness", "slo", "export", "--prometheus", "--write", "mounted.yml"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no mounts of our own here")
    assert done.returncode == 0, done.stderr
    assert "groups:" in (tmp_path / "mounted.yml").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["mounted.yml"]
