"""Records what a sandbox of ours answers to phones: every request of a run (`prove-mutants` has all personas).

    cd benchmarks && python -m replay.record FILE [--profile smoke] [--few 3]

The run goes through a proxy that passes everything on as it is and keeps it. Some 90 s; the sandbox's own cost does not
matter here. `--few` keeps the answers to so many people: `benchmarks/short/few.gz`, on which CI measures, was made so.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from chaos.http1 import MessageHead
from harness.prove.mutants.exchange import CallReply, CallRequest
from harness.prove.mutants.proxy import PHONE, MutatingProxy
from harness.prove.mutants.survey import MutantSurvey
from replay.recording import Answer, Recording
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

PEOPLE, CATALOGUE = 120, 600
LONGEST_S = 300
PROFILE = "smoke"
DROPPED = frozenset(("content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "date"))


class KeepingProxy(MutatingProxy):
    """Passes everything on, and keeps it."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream, survey=MutantSurvey())
        self.recording = Recording()

    def concerns(self, head: MessageHead) -> bool:
        phone = head.headers.get("user-agent", "").startswith(PHONE)
        return phone and "upgrade" not in head.headers

    def surveyed(self, request: CallRequest, reply: CallReply) -> None:
        headers = [(name, value) for name, value in reply.headers.items() if name not in DROPPED]
        self.recording.note(
            request.person, request.method, request.target, request.body, Answer(reply.status, headers, reply.body)
        )


def record(path: Path, profile: str = PROFILE, few: int | None = None) -> Recording:
    """Run the profile once against a sandbox, and write down what it answered; to `few` people, or to all."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        with (
            Sandbox(SandboxOptions(people=PEOPLE, catalogue=CATALOGUE)) as sandbox,
            tempfile.TemporaryDirectory() as out,
        ):
            proxy = KeepingProxy(sandbox.url)
            asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
            command = [sys.executable, "-m", "harness", "run", profile, "--url", proxy.url, "--out", out]
            told = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
            asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(10)
            if not proxy.recording.shapes:
                raise SystemExit(f"nothing was recorded; the run ended with {told.returncode}:\n{told.stderr[-2000:]}")
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
    recording = proxy.recording if few is None else proxy.recording.of_few(few)
    recording.save(path)
    return recording


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--profile", default=PROFILE)
    parser.add_argument("--few", type=int, help="of so many people alone")
    options = parser.parse_args()
    made = record(options.file, options.profile, options.few)
    answers = [one for rows in made.shapes.values() for _, one in rows]
    size = sum(len(one.body) for one in answers)
    print(f"{len(answers):,} answers of {len(made.shapes)} shapes to {len(made.people)} people, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
