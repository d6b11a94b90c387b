"""What signals do to a command: one exception, never a second one while the first is being cleaned up after."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from harness.core.interrupts import AGAIN_S, INTERRUPTS, Interrupted, Interrupts, listening


def test_the_first_signal_is_raised_and_the_next_ones_only_when_it_is_long_ago() -> None:
    now = [0.0]
    interrupts = Interrupts(lambda: now[0])
    with pytest.raises(Interrupted, match="SIGTERM"):
        interrupts.hear(signal.SIGTERM)
    now[0] += AGAIN_S / 2
    interrupts.hear(signal.SIGINT)
    now[0] += AGAIN_S
    with pytest.raises(Interrupted, match="SIGHUP"):
        interrupts.hear(signal.SIGHUP)
    assert interrupts.heard == 3


def test_a_signal_that_comes_in_a_finalizer_is_raised_behind_it() -> None:
    """Python swallows what is raised there."""

    class Finalized:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):  # the handler runs in here
                pass

    def work() -> None:
        Finalized()
        time.sleep(5)

    with Interrupts().installed(), pytest.raises(Interrupted, match="SIGINT"):
        work()


def test_held_signals_are_raised_once_behind_the_outermost_block() -> None:
    interrupts = Interrupts(lambda: 0.0)
    reached = []

    def work() -> None:
        with interrupts.held():
            with interrupts.held():
                interrupts.hear(signal.SIGTERM)
                interrupts.hear(signal.SIGINT)
            reached.append("behind the inner block")

    with pytest.raises(Interrupted, match="SIGINT"):
        work()
    assert reached == ["behind the inner block"]
    with interrupts.held():
        pass


def test_another_thread_holds_nothing() -> None:
    interrupts = Interrupts(lambda: 0.0)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with interrupts.held():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(Interrupted):
        interrupts.hear(signal.SIGTERM)
    leave.set()
    thread.join()


def test_a_hangup_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    terminate = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a loop of an earlier test may have left its own
    try:
        with listening(lambda number, frame: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGTERM, terminate)


def test_what_was_under_way_is_said_by_whoever_is_nearest() -> None:
    error = Interrupted(signal.SIGTERM)
    error.while_("before the load began", record="runs/x", remedy="`harness report runs/x`")
    error.while_("somewhere")
    assert str(error).splitlines() == [
        "interrupted by SIGTERM before the load began",
        "  where: runs/x",
        "  remedy: `harness report runs/x`",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2])
def test_every_command_leaves_with_30_and_a_word(number: signal.Signals) -> None:
    """`chaos proxy` and the like have handlers of their own; this is everybody else."""
    script = (
        "import sys, os, signal, click, time\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whoever runs these tests may ignore it, as nohup does
        "from harness import cli\n"
        "@cli.cli.command('wait')\n"
        "def wait() -> None:\n"
        "    click.echo('here')\n"
        "    time.sleep(60)\n"
        "sys.argv = ['harness', 'wait']\n"
        "cli.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 30, said
    assert said.split() == ["interrupted", "by", number.name]  # click begins a new line


def test_a_signal_in_the_middle_of_a_task_is_told_once() -> None:
    script = (
        "import asyncio, os, signal\n"
        "from harness import cli\n"
        "async def task() -> None:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    for _ in range(1000): pass\n"
        "async def main() -> None:\n"
        "    await asyncio.gather(asyncio.sleep(30), *(task() for _ in range(3)))\n"
        "@cli.cli.command('wait')\n"
        "def wait() -> None:\n"
        "    asyncio.run(main())\n"
        "import sys; sys.argv = ['harness', 'wait']\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.strip()) == (30, "interrupted by SIGINT")


def test_what_a_loop_says_without_an_exception_is_let_through(caplog: pytest.LogCaptureFixture) -> None:
    with INTERRUPTS.installed():
        loop = asyncio.new_event_loop()
        try:
            loop.call_exception_handler({"message": "a task was destroyed"})
            loop.call_exception_handler({"message": "a signal came", "exception": KeyboardInterrupt()})
        finally:
            loop.close()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == ["a task was destroyed"]
