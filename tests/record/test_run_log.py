"""The run's log: whole lines from several writers, readable, bounded, and never a secret."""

from __future__ import annotations

import json
import multiprocessing
import threading
from pathlib import Path

import pytest

from harness.core.secret_filter import MASK, WORDS, SecretFilter
from harness.record.run_log import (
    MAX_OF_ONE_EVENT,
    MAX_TEXT,
    NO_LOG,
    RUN_LOG,
    LogReader,
    RunLog,
    readable,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
CANARY = 'canary/"7f3b" x'


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / RUN_LOG).read_text().splitlines()]


def test_a_line_says_when_who_and_what(tmp_path: Path) -> None:
    log = RunLog("run-1", "worker", worker=3)
    log.open(tmp_path)
    log.warning("session failed", person=17, error="it broke")
    (line,) = lines(tmp_path)
    assert (line["run"], line["process"], line["worker"], line["level"]) == ("run-1", "worker", 3, "warning")
    assert (line["event"], line["person"], line["error"]) == ("session failed", 17, "it broke")
    assert str(line["at"]).endswith("Z")
    said = readable(line)
    assert 'WARNING [worker 3] session failed person=17 error="it broke"' in said


def test_what_is_written_before_there_is_a_directory_comes_first_and_has_the_runs_id(tmp_path: Path) -> None:
    log = RunLog(process="supervisor")
    log.info("sandbox starting")
    log.run = "run-1"
    log.open(tmp_path)
    log.info("run planned")
    assert [(line["event"], line["run"]) for line in lines(tmp_path)] == [
        ("sandbox starting", "run-1"),
        ("run planned", "run-1"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"refused: {CANARY}",
        json.dumps({"key": CANARY}),
        f"GET /x?apikey={__import__('urllib.parse').parse.quote(CANARY, safe='')}",
        repr({"key": CANARY}),
        "x" * MAX_TEXT + CANARY + "y" * (MAX_TEXT - 6),  # the cut falls into it
    ],
)
def test_a_known_secret_never_appears(tmp_path: Path, text: str) -> None:
    WORDS.learn(CANARY)
    log = RunLog("run-1", "worker")
    log.open(tmp_path)
    log.error("failed", reason=text, deep={"list": [text]}, thing=RuntimeError(text))
    written = (tmp_path / RUN_LOG).read_text()
    assert "canary" not in written
    assert "7f3b" not in written
    assert "b\\" not in written


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        (f"token {TOKEN} expired", TOKEN),
        ("authorization: Bearer opaque-123", "opaque-123"),
        ('{"refresh_token":"abc-def-9"}', "abc-def-9"),
        ("?refresh_token=abc-def-9&x=1", "abc-def-9"),
        ("cannot connect to postgresql://postgres:hunter-2@10.0.0.1:5432/x", "hunter-2"),
    ],
)
def test_what_looks_like_a_token_is_blacked_out(text: str, secret: str) -> None:
    found = SecretFilter().text(text)
    assert secret not in found
    assert MASK in found


def test_the_password_inside_a_known_address_is_a_secret_too() -> None:
    assert "hunter-2" not in SecretFilter(("postgresql://me:hunter-2@db/x",)).text("password hunter-2 refused")


def test_words_that_are_no_secret_stay() -> None:
    text = "worker 1 (pid 7) at http://127.0.0.1:54321/rest/v1?select=id lost after 5 s; digest 3de7eddb"
    assert SecretFilter(("other",)).text(text) == text


def write_many(folder: Path, number: int) -> None:
    log = RunLog("run-1", "worker", worker=number)
    log.open(folder)
    for count in range(300):
        log.info("tick", count=count, filling="x" * 500)


def test_lines_of_several_processes_and_threads_stay_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers: list[threading.Thread | multiprocessing.process.BaseProcess] = [
        *(context.Process(target=write_many, args=(tmp_path, number)) for number in range(2)),
        *(threading.Thread(target=write_many, args=(tmp_path, number)) for number in range(2, 4)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = lines(tmp_path)
    assert len(found) == 4 * 300
    for number in range(4):
        assert [line["count"] for line in found if line["worker"] == number] == list(range(300))


def test_an_event_without_end_is_cut_off_and_says_so(tmp_path: Path) -> None:
    log = RunLog("run-1", "worker")
    log.open(tmp_path)
    for _ in range(MAX_OF_ONE_EVENT + 50):
        log.error("session failed")
    log.info("worker ends")
    found = lines(tmp_path)
    assert len(found) == MAX_OF_ONE_EVENT + 1
    assert "not written" in str(found[-2]["note"])
    assert found[-1]["event"] == "worker ends"


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    log = RunLog("run-1", "worker")
    log.open(tmp_path / "missing")
    log.info("lost")
    log.close()
    log.close()
    NO_LOG.error("nobody hears it")
    assert list(tmp_path.iterdir()) == []


def test_whoever_listens_hears_every_line_at_once() -> None:
    heard: list[str] = []
    WORDS.learn(CANARY)
    log = RunLog("run-1", "supervisor", heard=lambda line: heard.append(readable(line)))
    log.info("target found", url="http://h", note=CANARY)
    assert len(heard) == 1
    assert "[supervisor] target found url=http://h" in heard[0]
    assert "canary" not in heard[0]


def test_a_reader_takes_complete_lines_once(tmp_path: Path) -> None:
    path, reader = tmp_path / RUN_LOG, LogReader(tmp_path / RUN_LOG)
    assert reader.take() == []
    path.write_text('{"event": "a"}\n{"event": "b"')
    assert [line["event"] for line in reader.take()] == ["a"]
    with path.open("a") as file:
        file.write('}\nno json\n{"event": "c"}\n')
    assert [line["event"] for line in reader.take()] == ["b", "c"]
