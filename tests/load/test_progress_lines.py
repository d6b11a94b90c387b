"""The master never waits for whoever reads its progress."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from harness.load.progress_lines import ProgressLines

Pipe = tuple[int, TextIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as out:
        yield reader, out
    os.close(reader)


def everything(reader: int, until: str) -> list[str]:
    said = b""
    while not said.endswith(until.encode()):
        said += os.read(reader, 1 << 16)
    return said.decode().splitlines()


def test_an_unread_pipe_drops_progress_and_keeps_the_rest_in_order(pipe: Pipe) -> None:
    reader, out = pipe
    lines = ProgressLines(out)
    said = threading.Event()

    def says() -> None:
        for number in range(2_000):
            lines.say(f"progress {number} {'x' * 600}\n", passing=True)
            if number % 500 == 499:
                lines.say(f"problem {number}\n")
        said.set()

    threading.Thread(target=says, daemon=True).start()
    assert said.wait(30), "it waits for its reader"
    ending = threading.Thread(target=lines.say, args=("end\n",), kwargs={"wait": True}, daemon=True)
    ending.start()
    found = everything(reader, "end\n")
    ending.join(30)
    assert [line for line in found if line.startswith("problem")] == [f"problem {n}" for n in (499, 999, 1499, 1999)]
    assert len(found) < 500
    assert all(len(line.split()[-1]) == 600 for line in found if line.startswith("progress")), "whole lines"


def test_a_pipe_that_is_read_gets_every_line(pipe: Pipe) -> None:
    reader, out = pipe
    lines = ProgressLines(out)
    for number in range(20):
        lines.say(f"{number}\n", passing=True)
    assert everything(reader, "19\n") == [str(number) for number in range(20)]


def test_what_is_no_file_takes_everything() -> None:
    out = io.StringIO()
    ProgressLines(out).say("a\n", passing=True)
    assert out.getvalue() == "a\n"
