"""Each seeded defect of the assistant is named by its gate and by no other, and a deployment as shipped by none.

A real sandbox, its real provider broken by hand, the tables read as after a run, the breakers watched as during one.
The questions come from here instead of from phones, and the breaker cools down in two seconds instead of thirty.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.client.api.assistant_reading import read_reply
from harness.client.api.call import Service
from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.read_samples import SAMPLED_ALWAYS
from harness.config.load import load_slo_file
from harness.core.assistant_slo import AssistantRule, Breaker, Patience
from harness.core.fault_record import ASKS_PROVIDER, PROVIDER, FaultWindow
from harness.core.read_log import ReadLog
from harness.core.resolved_target import ResolvedTarget
from harness.core.scheduled_fault import Allow
from harness.core.secret import Secret
from harness.core.tables import READ_SAMPLES
from harness.egress.gate import LOOPBACK
from harness.evidence import store
from harness.evidence.postgres import PostgresReader
from harness.evidence.tables import ASSISTANT
from harness.observe.keep import keep
from harness.observe.observer import Observations, observed
from harness.probes.ask import probe
from harness.prove import defects
from harness.prove.trials import SCENARIOS
from harness.record.store import RunStore, open_run
from reports.assistant.facts import facts_of
from reports.assistant.judge import judge
from sandbox.functions.assistant import breaker, reply_model
from sandbox.provider import models as provider_models
from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from tests.reports.build import manifest
from tests.sandbox.signed_in import Person, enter, send

COOLDOWN_S, TIMEOUT_S, SLOW_S = 2, 0.4, 5.0
PEOPLE, LIMIT = 30, 6
FAULTS = "/.well-known/movinesta-sandbox/provider/faults"
SEEDED = [one for one in defects.DEFECTS if one.suite in defects.ASSISTANTS]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_models, "PACE", 0.02)
    monkeypatch.setattr(breaker, "COOLDOWN_S", COOLDOWN_S)
    monkeypatch.setattr(reply_model, "TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(reply_model, "LEAST_S", TIMEOUT_S)


def rules() -> tuple[AssistantRule, ...]:
    """Those of the proof, with the times of this test."""
    given = load_slo_file(SCENARIOS / defects.ASSISTANT.slo_file).assistant
    times: dict[type[Any], dict[str, float]] = {
        Breaker: {"cooldown_s": COOLDOWN_S, "grace_s": 1.0},
        Patience: {"limit_ms": TIMEOUT_S * 1000},
    }
    return tuple(one.model_copy(update=times.get(type(one), {})) for one in given)


class Conversation:
    """People who ask, and who look at decks meanwhile. zero: the beginning, epoch."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.zero = sandbox, time.time()
        self.log, self.decks = ReadLog(), list[tuple[int, str, str, int]]()
        self.faults: list[tuple[float, float]] = []
        self._next = 0

    def now(self) -> float:
        return time.time() - self.zero

    def asks(self, text: str = "What now?", just_before: Callable[[], None] = lambda: None) -> None:
        """The next person does: nobody of them twice, so that nobody's quota is spent."""
        person = self._person()
        talk = person.call("assistant-get-conversation", {"reason": "test"}).json()["conversationId"]
        asked = {"conversationId": talk, "userMessageId": send(person, talk, text)}
        just_before()
        begun = self.now()
        reply = person.call("assistant-chat-reply", asked)
        reading = read_reply(Service.FUNCTION, reply.status_code, reply.content)
        checked = CheckedReply(ASKS_PROVIDER, person.id, (), asked, reading.data, begun, self.now())
        sample = SAMPLED_ALWAYS[ASKS_PROVIDER](checked, reading.outcome)
        assert sample is not None
        self.log.sampled(round(begun * 1e6), round(checked.at * 1e6), self._next, ASKS_PROVIDER, sample)
        person.client.close()

    def swipes(self, times: int = 4) -> None:
        person = self._person()
        for _ in range(times):
            wanted = {"sessionId": "0b9f2f9c-4d7c-4b4a-9a42-3f1f6a6a9a01", "mode": "for_you", "limit": 5}
            status = person.call("media-swipe-deck", wanted).status_code
            self.decks.append((int(self.now()), "swipe_deck", "ok" if status == 200 else "server_error", 1))
        person.client.close()

    def breaks(self, mode: str, seconds: float, **more: Any) -> None:
        begun = self.now()
        httpx.post(self.sandbox.url + FAULTS, json={"mode": mode, "seconds": seconds, **more}).raise_for_status()
        self.faults.append((begun, begun + seconds))

    def heals(self) -> None:
        httpx.delete(self.sandbox.url + FAULTS).raise_for_status()
        self.faults[-1] = (self.faults[-1][0], self.now())

    def _person(self) -> Person:
        self._next += 1
        return enter(self.sandbox, self._next - 1)


def happens(talk: Conversation) -> None:
    """Calm, a dead provider, open breakers, their end, a slow provider."""
    talk.swipes(12)
    talk.asks("Explain in detail what makes it worth it.")
    talk.asks()
    time.sleep(1.0)  # decks are dated by the second
    talk.breaks("dead", 120)
    for _ in range(3):
        talk.asks()
    time.sleep(1.0)  # decks of a second in which a fault begins or ends count for neither side
    talk.swipes(12)
    time.sleep(1.0)
    talk.heals()
    time.sleep(COOLDOWN_S + 2.0)
    for _ in range(2):
        talk.asks()
    talk.asks(just_before=lambda: talk.breaks("slow_start", 1.5, slow_s=SLOW_S))


def recorded(talk: Conversation, seen: Observations, folder: Path) -> None:
    """All of it as a run's record has it."""
    windows = tuple(
        FaultWindow(
            name=f"chaos:{number}",
            kind="chaos",
            entry=f"{number}",
            fault="provider",
            layer=PROVIDER,
            start_s=start,
            end_s=end,
            share=1.0,
            cohort=(0.0, 1.0),
            allow=Allow(),
            judged=False,
        )
        for number, (start, end) in enumerate(talk.faults)
    )
    RunStore.create(folder, manifest(zero_epoch_s=talk.zero, chaos=windows, assistant=rules()))
    keep(folder, seen)
    samples = [taken.batch() for taken in talk.log.take() if taken.table == READ_SAMPLES]
    pq.write_table(pa.Table.from_batches(samples), folder / f"{READ_SAMPLES}.parquet")
    asyncio.run(_evidence(talk, folder))


async def _evidence(talk: Conversation, folder: Path) -> None:
    since = datetime.fromtimestamp(talk.zero - 5, UTC).isoformat()
    until = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    async with PostgresReader(talk.sandbox.discovery["dsn"]) as reader:
        for table in ASSISTANT:
            store.keep(folder, table, [batch async for batch in reader.between(table, since, until)])


def fired(switches: tuple[str, ...], folder: Path, seed: int) -> set[str]:
    """The gates that accuse a sandbox with these switches."""
    options = SandboxOptions(people=PEOPLE, catalogue=30, seed=seed, switches=Switches.parse(switches))
    with Sandbox(options) as sandbox:
        talk = Conversation(sandbox)
        dsn = sandbox.discovery["dsn"]
        with observed(dsn, LOOPBACK, (), lambda: talk.zero, every_s=0.2) as seen:
            happens(talk)
        with ThreadPoolExecutor(1) as pool:
            probes = pool.submit(probe, access(sandbox), PEOPLE, LIMIT).result()
        recorded(talk, seen, folder)
    frame = pd.DataFrame(talk.decks, columns=["second", "operation", "outcome", "count"]).assign(view="server")
    run = open_run(folder)
    frames: Any = SimpleNamespace(samples=frame, manifest=run.manifest)
    rows = judge(run.manifest.assistant, facts_of(run), frames)
    assert {row.name for row in rows if row.status != "not asked"} >= {"Breaker", "Timeout", "Tokens of an answer"}
    found = {f"assistant: {row.name}" for row in rows if row.status == "missed"}
    asked = {answer.id: answer for answer in probes.answers if answer.id.startswith("assistant")}
    assert len(asked) == 2
    assert "not asked" not in {answer.status for answer in asked.values()}, asked
    return found | {f"probe: {id_}" for id_, answer in asked.items() if answer.status == "broken"}


def access(sandbox: Sandbox) -> ResolvedTarget:
    told = sandbox.discovery
    return ResolvedTarget(
        name="sandbox",
        url=sandbox.url,
        environment="sandbox",
        anon_key=Secret(told["anon_key"]),
        password=Secret(told["people"]["password"]),
        email_pattern=told["people"]["email_pattern"],
    )


ALSO = {
    "assistant_quota_off_by_one": {"probe: assistant quota, two devices"},
    "assistant_price_percent": {"assistant: Price list, creative model"},  # where that one answered, too
}
"""What is wrong as well, and rightly named."""


@pytest.mark.slow
@pytest.mark.parametrize("defect", SEEDED, ids=lambda one: one.name)
def test_a_seeded_defect_is_named(defect: defects.Defect, tmp_path: Path) -> None:
    named = fired(defect.switches, tmp_path / "run", 1)
    assert set(defect.gates) <= named
    assert named <= set(defect.gates) | ALSO.get(defect.name, set())


@pytest.mark.slow
def test_a_healthy_assistant_is_accused_of_nothing(tmp_path: Path) -> None:
    assert fired((), tmp_path / "run", 1) == set()
