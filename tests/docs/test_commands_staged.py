"""Commands of the documents that need a target or a run: beside a sandbox, in a project that `harness init` made."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.docs.test_commands import BIN, ROOT, shown
from tests.docs.ways import Way, way

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

TARGET = """
name = "staging"
url = "{url}"
environment = "staging"
[keys]
anon_env = "STAGING_ANON_KEY"
service_env = "STAGING_SERVICE_KEY"
dsn_env = "STAGING_DSN"
[people]
tag = "docs"
password_env = "STAGING_PEOPLE_PASSWORD"
"""
VERDICTS = {0, 10, 20}
"""Whether a busy machine's run passes is not what is asked here."""
CODES = {
    "run": VERDICTS,
    "report": VERDICTS,
    "compare": {0, 12},
    "trace": {0, 10},
    "preflight": {0, 40},  # findings: a deployment as shipped has some
}
STAYS = ("harness sandbox up", "harness chaos proxy")
"""What goes on until Ctrl-C, and what needs such a proxy, has tests of its own."""
CHAOS = ("curl ", "harness chaos clear")


@dataclass(frozen=True)
class Stage:
    """Where commands run: a project with two runs, a target file, and the sandbox behind it."""

    folder: Path
    url: str
    environment: dict[str, str]

    @property
    def run(self) -> str:
        return max(path.name for path in (self.folder / "runs").glob("*Z-*"))

    @property
    def earlier(self) -> str:
        return min(path.name for path in (self.folder / "runs").glob("*Z-*"))

    def here(self, text: str) -> str:
        """The command with this stage's address and run in place of the document's; few people instead of many."""
        text = re.sub(r"http://127\.0\.0\.1:\d+", self.url, text)
        text = re.sub(r"runs/\d{8}T\d{6}Z-[a-z]+-(?:[0-9a-f]{8}|\*)", f"runs/{self.earlier}", text)
        text = re.sub(r"\b\d{8}T\d{4}\b", self.run[:13], text)
        return re.sub(r"--count \d+", "--count 5", text).replace(".venv/bin/", "")

    def does(self, text: str, limit_s: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=limit_s,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=200, catalogue=300)) as running:
        yield running


@pytest.fixture(scope="module")
def stage(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """With what docs/first-run.md and docs/own-persona.md have their reader write before."""
    folder = tmp_path_factory.mktemp("project")
    found = sandbox.discovery
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")} | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "STAGING_ANON_KEY": found["anon_key"],
        "STAGING_SERVICE_KEY": found["service_key"],
        "STAGING_DSN": found["dsn"],
        "STAGING_PEOPLE_PASSWORD": "a-password-for-people",
    }
    made = Stage(folder, sandbox.url, environment)
    for text in ("harness init", "harness init my-tests"):
        done = made.does(text)
        assert done.returncode == 0, done.stderr
    target = TARGET.format(url=sandbox.url)
    for name in ("targets/staging.toml", "staging.toml"):
        (folder / name).write_text(target)
    page = (ROOT / "docs" / "own-persona.md").read_text(encoding="utf-8")
    (folder / "chatty.toml").write_text(block(page, "toml"))
    (folder / "visitor.py").write_text(block(page, "python"))
    (folder / "tests").symlink_to(ROOT / "tests")
    app = folder.parent / "app" / "supabase"  # a checkout of the app beside the project, as docs/preflight.md has it
    (app / "functions" / "hello").mkdir(parents=True)
    (app / "config.toml").write_text('project_id = "app"\n')
    (app / "functions" / "hello" / "index.ts").write_text('Deno.serve(() => new Response("hello"))\n')
    for _ in range(2):  # the second to be compared with the first
        done = made.does("harness run profiles/first.toml --slo slo.toml")
        assert done.returncode in VERDICTS, done.stdout + done.stderr
    done = made.does("harness history add latest")
    assert done.returncode == 0, done.stderr
    return made


def block(page: str, language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def staged() -> list[str]:
    texts = {re.sub(r"\s+#\s.*$", "", one.text) for one in shown() if way(one)[0] is Way.STAGED}
    return sorted(text for text in texts if not text.startswith((*STAYS, *CHAOS)))


@pytest.mark.parametrize("text", staged())
def test_it_ends_as_it_should(text: str, stage: Stage) -> None:
    done = stage.does(stage.here(text))
    words = shlex.split(text)
    assert done.returncode in CODES.get(words[1], {0}), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if words[:2] in (["harness", "run"], ["harness", "report"]):
        assert done.stdout.startswith("verdict: ")


@pytest.mark.parametrize("text", sorted({one.text for one in shown() if one.text.startswith(STAYS[0])}))
def test_a_sandbox_comes_up_and_goes(text: str, stage: Stage) -> None:
    command = shlex.split(re.sub(r"--port \d+", "", text))
    process = subprocess.Popen(
        [*command, "--port", "0"], cwd=stage.folder, env=stage.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait(10)


def test_the_proxy_of_chaos_proxy_md(stage: Stage) -> None:
    """The page's first block: the proxy, a fault set with curl, and its end."""
    commands = [one for one in shown() if one.page == "docs/chaos-proxy.md"]
    assert [one.program for one in commands[:3]] == ["harness", "curl", "harness"]
    ports = [free_port() for _ in range(2)]
    here = {
        "127.0.0.1:8787": stage.url.removeprefix("http://"),
        "127.0.0.1:8788": f"127.0.0.1:{ports[0]}",
        "127.0.0.1:8474": f"127.0.0.1:{ports[1]}",
    }
    api = f"--api 127.0.0.1:{ports[1]}"
    proxy, fault, clear = (re.sub(r"127\.0\.0\.1:\d+", lambda one: here[one[0]], one.text) for one in commands[:3])
    process = subprocess.Popen(
        shlex.split(f"{proxy} {api}"), cwd=stage.folder, env=stage.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("API: ")
        if shutil.which("curl"):
            done = stage.does(f"{fault} --fail --silent --show-error")
            assert done.returncode == 0, done.stderr
            assert "http_drop_response" in done.stdout
            assert "1 fault" in stage.does(f"{clear} {api}").stdout
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_the_notebook_page_has_every_table_of_a_record_with_its_columns(stage: Stage) -> None:
    """Of a real run: what lies in the folder is what the page says, table by table."""
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    run = stage.folder / "runs" / stage.run
    files = sorted(run.rglob("*.parquet"))
    assert len(files) > 20
    for path in files:
        name = path.relative_to(run).with_suffix("").as_posix()
        columns = pq.read_schema(path).names
        if name.startswith("stored/"):
            row = re.search(rf"^\| `{name.removeprefix('stored/')}` \| (.*) \|$", page, re.MULTILINE)
            assert row, f"{name} has no row"
            assert row[1].replace("`", "").split(", ") == columns
        else:
            section = re.search(rf"^### {name}\.parquet\n(.*?)^### ", page, re.MULTILINE | re.DOTALL)
            assert section, f"{name} has no section"
            assert re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE) == columns


def test_the_notebook_pages_example_runs(stage: Stage) -> None:
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    code = re.sub(r'^run = ".*"$', f'run = "runs/{stage.run}"', block(page, "python"), flags=re.MULTILINE)
    (stage.folder / "example.py").write_text(code)
    begun = time.monotonic()
    done = stage.does(f"{shlex.quote(sys.executable)} example.py")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^e2e\s+.*\d", done.stdout, re.MULTILINE)
    assert "home_feed" in done.stdout
    assert time.monotonic() - begun < 100
