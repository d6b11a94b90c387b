"""What it costs a phone to check what it reads, on replies of a real sandbox.

    python benchmarks/read_checks.py

Some sessions (feed, swipes, search, chat) are run and their replies kept; then the checks alone are run over them
again, in their order. Best of seven rounds of each, shared out over all requests. Exits 1 when a request costs more
than 25 us, a tenth of what it costs the generator as a whole (`benchmarks/wire.py`).
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable

import orjson

from harness.client import api_client
from harness.client.checks.read_checks import ReadChecks
from harness.client.checks.read_rule import CheckedReply
from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.home import Home
from harness.client.screens.browse.search import Search
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.browse.title import TitlePage
from harness.client.screens.chat.parts import Conversation, conversation_list
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.read_log import ReadLog, ReadSample, ReadViolation
from harness.core.run_spec import RunSpec, windows_of
from harness.load.engine import Engine
from harness.record.run_log import NO_LOG
from harness.schedule.arrivals import Ticket
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox

SESSIONS, PEOPLE, ROUNDS = 6, 60, 7
LIMIT_US = 25.0
Step = tuple[CheckedReply, Outcome]


class KeptChecks(ReadChecks):
    """Keeps what it is asked about, of all phones, in the order of the answers."""

    steps: list[Step] = []  # noqa: RUF012

    def ends(self, reply: CheckedReply, outcome: Outcome) -> None:
        self.steps.append((reply, outcome))
        super().ends(reply, outcome)


async def session(phone: Device) -> None:
    """A bit of everything."""
    assert await open_app(phone)
    home = Home(phone)
    page = await home.open()
    for _ in range(2):
        page = await home.more() or page
    home.leave()
    if page is not None and page.leads:
        title = TitlePage(phone, page.leads[0].title)
        await title.open()
        title.leave()
    swipes = SwipePage(phone)
    await swipes.open()
    for _ in range(20):
        if (card := await swipes.next_card()) is None:
            break
        await swipes.look_and_swipe(card, 0.05, "skip")
    swipes.leave()
    search = Search(phone)
    search.open()
    await search.type("the night", [0.3] * 8)
    search.leave()
    rows = await conversation_list(phone)
    conversation = Conversation(phone, rows[0], joined=True, poll_s=0.5)
    await conversation.open()
    for _ in range(4):
        await conversation.send("Something to say about a film.")
        await phone.pause(1.0)
    conversation.leave()


def recorded(sandbox: Sandbox) -> tuple[int, list[Step]]:
    """How many requests some sessions made, and what their phones checked."""
    vars(api_client)["ReadChecks"] = KeptChecks
    profile = Profile(
        name="checks",
        people=PEOPLE,
        phones=PEOPLE,
        phases=Phases(warmup_s=0, measure_s=600, drain_s=1),
        arrivals=(ArrivalStage(seconds=600, rate=1),),
        mix={"reader": 1.0},
    )
    found = sandbox.discovery
    spec = RunSpec(
        run_id="checks",
        run_tag=1,
        folder="",
        url=sandbox.url,
        seed=1,
        profile=profile,
        email_pattern=found["people"]["email_pattern"],
        windows=windows_of(profile),
    )
    secrets = Secrets(found["anon_key"], found["people"]["password"])
    engine = Engine(spec, secrets, zero=time.time(), worker=0, log=NO_LOG)
    thread = threading.Thread(target=engine.serve, daemon=True)
    thread.start()
    while not engine.ready:
        time.sleep(0.001)
    for number in range(SESSIONS):
        over = threading.Event()
        engine.submit(Ticket(number, engine.now(), "reader", number), session, over.set)
        over.wait(120)
    requests = engine.counted
    problems = list(engine.problems)
    engine.stop()
    thread.join(10)
    if problems:
        raise SystemExit(problems[0])
    return requests, list(KeptChecks.steps)


def replayed(steps: Iterable[Step]) -> dict[str, list[float]]:
    """CPU seconds of each step, by call; each person's replies on a phone of their own."""
    log, phones, cost = ReadLog(), dict[str, ReadChecks](), defaultdict[str, list[float]](list)

    def raises(error: Exception) -> None:
        raise error

    def sampled(reply: CheckedReply, sample: ReadSample) -> None:
        log.sampled(round(reply.begun * 1e6), round(reply.at * 1e6), 0, reply.call, sample)

    def violated(call: str, rule: str, found: ReadViolation) -> None:
        log.violated(0, 0, 0, call, rule, found)

    for reply, outcome in steps:
        checks = phones.setdefault(reply.me, ReadChecks(log.checked, violated, raises, log.wants, sampled))
        begun = time.perf_counter()
        fresh = CheckedReply(
            reply.call, reply.me, reply.arguments, reply.body, reply.data, reply.begun, reply.at, reply.copies
        )
        checks.begins(reply.call, reply.arguments, reply.body)
        checks.ends(fresh, outcome)
        cost[reply.call].append(time.perf_counter() - begun)
    return cost


def main() -> int:
    with Sandbox(SandboxOptions(people=PEOPLE, catalogue=1000)) as sandbox:
        requests, steps = recorded(sandbox)
    rounds = [replayed(steps) for _ in range(ROUNDS)]
    best = {call: sum(min(times) for times in zip(*(one[call] for one in rounds), strict=True)) for call in rounds[0]}
    total = sum(best.values()) / requests * 1e6
    sys.stdout.write(f"{'call':28}{'replies':>9}{'mean KB':>9}{'us each':>9}{'share':>8}\n")
    sizes = defaultdict[str, list[int]](list)
    for reply, _ in steps:
        sizes[reply.call].append(len(orjson.dumps(reply.data)))
    for call, seconds in sorted(best.items(), key=lambda item: -item[1]):
        number = len(sizes[call])
        share = seconds / sum(best.values())
        sys.stdout.write(
            f"{call:28}{number:>9}{sum(sizes[call]) / number / 1000:>9.1f}{seconds / number * 1e6:>9.2f}{share:>8.1%}\n"
        )
    sys.stdout.write(f"{requests} requests, {len(steps)} of them with something to check: {total:.2f} us a request\n")
    return int(total > LIMIT_US)


if __name__ == "__main__":
    sys.exit(main())
