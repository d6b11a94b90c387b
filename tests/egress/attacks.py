"""Everything that once sent packets to hosts nobody listed, driven in a network namespace where each packet is counted.

`python -m tests.egress.attacks FOLDER [NAME]`, in a namespace of its own, prints what each came to, and the packets.
Each attack has a port of its own, so that a packet tells whose it is.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.run_token import TOKEN_ENV, new_token
from tests.egress import liars

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("10.1.2.3", "10.9.9.9", "172.16.5.5", "198.51.100.9", "203.0.113.7")
"""Nobody listed them; they are this namespace's own, so that a connection would really be made."""
NAMES = {"staging.example.com": HOSTS[1], "unlisted.example.com": HOSTS[2]}
KEYS = {"T_ANON": "anon", "T_SERVICE": "service", "T_PASSWORD": "password"}
PROFILE = ROOT / "tests/data/brief.toml"
RECORD = ROOT / "tests/data/records/v1-everybody"
CHAOS = """
name = "chaos"
extends = "{brief}"

[[chaos]]
fault = "bandwidth"
at = "measure + 1"
for = 2
parameters = {{ rate = 1000 }}
"""
ETH_P_ALL = 3
AT_ONCE = 3
LIMIT_S = 120.0
PROBES = """
import sys
from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import Secret
from harness.probes.ask import probe
for dsn in ("", sys.argv[2]):
    access = ResolvedTarget(name="t", url=sys.argv[1], environment="staging", anon_key=Secret("a"),
                            password=Secret("p"), email_pattern="p_{index}@x.test", service_key=Secret("s"),
                            dsn=Secret(dsn))
    print([answer.text for answer in probe(access, 2).answers])
"""


@dataclass(frozen=True)
class Attack:
    """name: for messages. words: after `python`. codes: what it may exit with."""

    name: str
    words: Sequence[str | Path]
    codes: tuple[int, ...] = (40,)
    environ: dict[str, str] = field(default_factory=dict)


class Counter:
    """Every IPv4 packet of this namespace that is for none of 127.0.0.0/8: (to, port)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                frame = self._socket.recv(65_536)
            except TimeoutError:
                if self._over.is_set():
                    return
                continue
            if frame[12:14] == b"\x08\x00" and frame[30] != 127:
                head = 14 + 4 * (frame[14] & 15)
                self.seen.append((socket.inet_ntoa(frame[30:34]), int.from_bytes(frame[head + 2 : head + 4], "big")))

    def stop(self) -> list[tuple[str, int]]:
        """All there were, those under way included."""
        self._over.set()
        self._thread.join()
        self._socket.close()
        return self.seen


class Files:
    """Target files, profiles and records of the attacks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "chaos.toml").write_text(CHAOS.format(brief=PROFILE))
        self.chaos = folder / "chaos.toml"

    def target(self, name: str, url: str, *more: str, environment: str = "staging", keys: str = "") -> Path:
        path = self.folder / f"{name}.toml"
        path.write_text(
            f'name = "t"\nurl = "{url}"\nenvironment = "{environment}"\n[keys]\nanon_env = "T_ANON"\n'
            f'service_env = "T_SERVICE"\n{keys}\n[people]\npassword_env = "T_PASSWORD"\n' + "\n".join(more)
        )
        return path

    def record(self, name: str, url: str) -> Path:
        """A run directory that says it was of `url`."""
        folder = self.folder / name
        shutil.copytree(RECORD, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"target_url": url}))
        return folder


def attacks(files: Files, stack: ExitStack) -> Iterator[Attack]:
    """The list (issue: nothing leaves). Servers live as long as the stack."""
    port = iter(range(7001, 7100))

    def elsewhere(host: int = 0) -> str:
        return f"http://{HOSTS[host]}:{next(port)}"

    def serve(answer: Any) -> str:
        return f"http://127.0.0.1:{stack.enter_context(liars.liar(answer))}"

    def harness(name: str, *words: str | Path, codes: tuple[int, ...] = (40,), **environ: str) -> Attack:
        return Attack(name, ["-m", "harness", *words], codes, environ)

    def dsn(host: str = HOSTS[0], more: str = "") -> str:
        return f"postgresql://u:p@{host}:{next(port)}/db{more}"

    runs = ("--out", files.folder / "runs", "--no-html")
    here = serve(liars.yes_man())
    local = files.target("local", here)
    limits = f'[limits."{HOSTS[0]}"]\nrequests_per_second = 100\nphones = 100'
    dsn_key = 'dsn_env = "T_DSN"'

    # A1: a sandbox that names another host
    for what in ("url", "dsn"):
        lie = serve(liars.discovery(**{what: elsewhere() if what == "url" else dsn()}))
        yield harness(f"run: discovery's {what}", "run", PROFILE, "--url", lie, *runs)
        yield harness(f"check: discovery's {what}", "check", files.record(f"lie-{what}", lie), "--url", lie)
    # A2: a proxy elsewhere, and one whose entry is elsewhere
    yield harness("run: --proxy", "run", files.chaos, "--proxy", elsewhere(1), "--target", local, *runs)
    lie = serve(liars.proxy(f"{HOSTS[1]}:{next(port)}"))
    yield harness("run: the proxy's listen", "run", files.chaos, "--proxy", lie, "--target", local, *runs)
    yield harness("chaos clear", "chaos", "clear", "--api", elsewhere(1))
    # A4, and the same of a run and of users
    unlisted, named = files.target("unlisted", elsewhere(2)), files.target("named", "http://unlisted.example.com:7080")
    production = files.target("production", elsewhere(), limits, environment="production")
    inside = files.target(
        "inside",
        "http://staging.example.com:7081",
        '[limits."staging.example.com"]',
        "requests_per_second=9",
        "phones=99",
    )
    for name, target in {"unlisted": unlisted, "named": named, "production": production, "inside": inside}.items():
        url = target.read_text().split('url = "')[1].split('"')[0]
        yield harness(f"run: {name}", "run", PROFILE, "--target", target, *runs)
        yield harness(f"check: {name}", "check", files.record(f"record-{name}", url), "--target", target)
        yield harness(f"users provision: {name}", "users", "provision", "--target", target, "--count", "2")
        yield harness(f"users cleanup: {name}", "users", "cleanup", "--target", target)
    # A5: the connection string
    with_dsn = files.target("with-dsn", here, keys=dsn_key)
    record = files.record("record-dsn", here)
    for name, text in {
        "unlisted": dsn(),
        "second": dsn(f"127.0.0.1,{HOSTS[0]}"),
        "hidden": f"postgresql:///db?host={HOSTS[0]}",
    }.items():
        yield harness(f"run: dsn {name}", "run", PROFILE, "--target", with_dsn, *runs, T_DSN=text)
        yield harness(f"check: dsn {name}", "check", record, "--target", with_dsn, T_DSN=text)
    in_clear = files.target("in-clear", here, limits, keys=dsn_key)
    text = dsn(more="?sslmode=disable")
    yield harness("run: dsn in clear", "run", PROFILE, "--target", in_clear, *runs, T_DSN=text)
    # A3: a master elsewhere, and one whose order leads elsewhere
    yield harness("worker: its master", "run", "--worker", f"{HOSTS[3]}:{next(port)}", "--target", local)
    ways: dict[str, tuple[str | Path, ...]]
    ways = {"target": ("--target", local), "url": ("--url", serve(liars.discovery()))}
    for name, words in ways.items():
        master = hostile_master(stack, elsewhere())
        yield harness(f"worker: its order, {name}", "run", "--worker", master, *words, *runs[:2], codes=(2, 40))
    # what only reads, and what asks
    ways = {"report": (), "compare": (files.record("baseline", elsewhere(4)),)}
    for name, words in ways.items():
        yield harness(name, name, files.record(f"of-{name}", elsewhere(4)), *words, codes=(0, 2, 10, 11, 12, 20))
    redirecting = serve(liars.yes_man(elsewhere(4)))
    yield Attack("probes", ["-c", PROBES, redirecting, dsn()], (0,))
    locust: list[str | Path] = [
        "-m",
        "locust",
        "-f",
        ROOT / "scenarios/locustfile.py",
        "--headless",
        "-u",
        "1",
        "-t",
        "3s",
    ]
    yield Attack("plain locust", [*locust, "--host", elsewhere()])


def hostile_master(stack: ExitStack, url: str) -> str:
    """Its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    words = ["-m", "locust", "-f", ROOT / "tests/egress/hostile_master.py", "--master", "--headless", "-u", "1"]
    words += ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(number), "--expect-workers", "1"]
    environ = {**os.environ, "HOSTILE_URL": url, "HOSTILE_PROFILE": str(PROFILE), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return f"127.0.0.1:{number}"


def driven(attack: Attack) -> dict[str, Any]:
    """What became of it."""
    environ = {**os.environ, **KEYS, **attack.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, attack.words)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            said, _ = process.communicate()
            said += "\n(it had to be ended)"
    fine = process.returncode in attack.codes and "Traceback" not in said
    return {"name": attack.name, "code": process.returncode, "fine": fine, "said": said[-1500:]}


def prepare(folder: Path) -> None:
    """The namespace's only interface, its addresses, and its names."""
    hosts = folder / "hosts"
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in NAMES.items())]
    hosts.write_text("\n".join(lines) + "\n")
    for command in (
        ["ip", "link", "set", "lo", "up"],
        *(["ip", "addr", "add", f"{address}/32", "dev", "lo"] for address in HOSTS),
        ["mount", "--bind", str(hosts), "/etc/hosts"],
    ):
        subprocess.run(command, check=True)


@contextmanager
def counting() -> Iterator[list[tuple[str, int]]]:
    """Filled when it ends."""
    counter, found = Counter(), list[tuple[str, int]]()
    try:
        yield found
    finally:
        found += counter.stop()


def control() -> list[tuple[str, int]]:
    """That the counter sees what leaves: one packet to each, a name looked up on the way."""
    with counting() as found:
        for host in (*HOSTS, *NAMES):
            with socket.socket() as one:
                one.settimeout(5.0)
                one.connect_ex((host, 9))
    return found


def main(folder: Path, only: str = "") -> None:
    """only: attacks with this in their names; by hand."""
    prepare(folder)
    os.environ[TOKEN_ENV] = new_token()  # the hostile master has it, too: whoever lends it out is not safe either
    seen = control()
    with ExitStack() as stack, counting() as packets, ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(driven, [one for one in attacks(Files(folder), stack) if only in one.name]))
    sys.stdout.write(json.dumps({"control": seen, "attacks": results, "packets": packets}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
