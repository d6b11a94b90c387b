"""Phone faults with known traffic: whom they hit, how many, how long, and that a lease ends them."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import jwt
import pytest
import uvloop

from chaos.faults.phone_latency import PhoneLatencyFault
from harness.client.api.calls import MESSAGE_SEND
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.device import Device
from harness.core.fault_record import FaultEvent, Why
from harness.core.herds import Herds
from harness.core.outcome import Outcome
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.run_spec import RunSpec, windows_of
from harness.core.scheduled_fault import ChaosEntry
from harness.load import session_runner
from harness.load.engine import Engine
from harness.schedule.arrivals import Ticket
from tests.client.wire.peer import eventually

PEOPLE, EACH = 16, 25
SECRET = "s" * 40
SHARE = 0.3


@dataclass
class Server:
    """A target that remembers what it was sent. Real sockets, HTTP/1.1, kept connections."""

    url: str = ""
    seen: Counter[tuple[int, int]] = field(default_factory=Counter)
    expired: int = 0
    connections: int = 0
    reply: bytes = b"[]"
    slow_s: float = 0.0


class Http(ThreadingHTTPServer):
    request_queue_size = 128  # the usual 5 has the kernel drop connections, which come a second later
    daemon_threads = True


@contextmanager
def server() -> Iterator[Server]:
    found, lock = Server(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with lock:
                found.connections += 1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            token = self.headers["authorization"].removeprefix("Bearer ")
            with lock:
                found.seen[body["p"], body["n"]] += 1
                if jwt.decode(token, options={"verify_signature": False})["exp"] < time.time():
                    found.expired += 1
            if found.slow_s:
                time.sleep(found.slow_s)
            head = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
                found.reply
            )
            self.wfile.write(head + found.reply)

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    with Http(("127.0.0.1", 0), Handler) as http:
        found.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        http.shutdown()


@dataclass(frozen=True)
class Tried:
    """How the app saw one request."""

    person: int
    number: int
    outcome: Outcome
    code: str
    seconds: float
    at: float


class Sent(NamedTuple):
    """What the apps saw, and what the fault says it hit."""

    tried: list[Tried]
    hits: int


def profile(*chaos: dict[str, Any]) -> Profile:
    return Profile(
        name="faults",
        people=50,
        phones=50,
        phases=Phases(warmup_s=0, measure_s=20, drain_s=1),
        arrivals=(ArrivalStage(seconds=20, rate=1),),
        mix={"reader": 0.5, "chatter": 0.5},
        chaos=tuple(ChaosEntry.model_validate({"at": 0, "for": 20} | entry) for entry in chaos),
    )


@contextmanager
def engine(url: str, found: Profile, worker: int = 0, *, lead_s: float = 0.0, **options: Any) -> Iterator[Engine]:
    order = RunSpec(
        run_id="t",
        run_tag=1,
        folder="",
        url=url,
        seed=5,
        profile=found.model_copy(update={"app_origin": url}),  # a page of the target's own asks nothing first
        email_pattern="p{index}@x.test",
        user_ids=tuple(f"00000000-0000-4000-8000-{person:012d}" for person in range(50)),
        windows=windows_of(found),
    )
    made = Engine(order, Secrets("anon", jwt_secret=SECRET), zero=time.time() + lead_s, worker=worker, **options)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    while not made.ready:
        time.sleep(0.001)
    try:
        yield made
    finally:
        made.stop()
        thread.join(10)
        assert made.over


def in_time(stack: ExitStack, url: str, found: Profile, workers: int, lead_s: float) -> list[Engine]:
    """Engines that are ready before the run's zero: what is planned for an instant meets people who are there."""
    for longer in (1, 2, 4, 8):
        zero = time.time() + lead_s * longer
        with ExitStack() as made:
            engines = [
                made.enter_context(engine(url, found, worker, lead_s=lead_s * longer)) for worker in range(workers)
            ]
            if not lead_s or time.time() < zero - 0.2:
                stack.enter_context(made.pop_all())
                return engines
    raise AssertionError(f"no engine was ready within {lead_s * 8:g} s")


def send(
    url: str, found: Profile, workers: int = 1, pause_s: float = 0.0, each: int = EACH, lead_s: float = 0.0
) -> Sent:
    """Every person sends numbered messages, one after another; engines of that many workers.

    :param lead_s: engines are made so long before the run's zero; longer on a machine that needs longer for it.
    """
    tried: list[Tried] = []
    over = threading.Barrier(2)
    left = [PEOPLE]
    lock = threading.Lock()

    async def body(phone: Device) -> None:
        await phone.auth.sign_in()
        for number in range(each):
            begun = phone.now()
            reading = await phone.api.request(MESSAGE_SEND, body={"p": phone.person.number, "n": number})
            took = phone.now() - begun
            at = begun - phone.kit.zero
            tried.append(Tried(phone.person.number, number, reading.outcome, reading.code, took, at))
            if pause_s:
                await phone.pause(pause_s)
        await phone.pause(0.1)  # copies leave only while the app is open

    def done() -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            threading.Thread(target=over.wait, daemon=True).start()

    with ExitStack() as stack:
        engines = in_time(stack, url, found, workers, lead_s)
        for person in range(PEOPLE):
            engines[person % workers].submit(Ticket(person, 0.0, "reader", person), body, done)
        over.wait(20)
        time.sleep(0.15)  # copies on their way
        assert not [problem for made in engines for problem in made.problems]
        entry = found.chaos[0].name
        counted = sum(made.chaos_counts[entry][0] for made in engines)
    return Sent(tried, counted)


def binomial(hits: int, of: int = PEOPLE * EACH, share: float = SHARE) -> bool:
    return abs(hits - of * share) <= 4 * math.sqrt(of * share * (1 - share))


def test_a_lost_reply_reached_the_server_and_the_phone_knows_nothing() -> None:
    with server() as target:
        tried, hits = send(target.url, profile({"fault": "lost_reply", "share": SHARE}))
    lost = [one for one in tried if one.code == "lost_reply"]
    assert binomial(len(lost))
    assert len(lost) == hits
    assert {one.outcome for one in lost} == {Outcome.NETWORK}
    assert set(target.seen.values()) == {1}
    assert len(target.seen) == PEOPLE * EACH


def test_the_identical_set_on_phones_that_are_put_away_between_two_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose turn it is counts on: the second session is hit where a longer first one would have been."""
    monkeypatch.setattr(session_runner, "REST_S", 0.05)
    found, lost = profile({"fault": "lost_reply", "share": SHARE}), set[tuple[int, int]]()
    with server() as target:
        whole = {(one.person, one.number) for one in send(target.url, found).tried if one.code == "lost_reply"}
    with server() as target, engine(target.url, found) as made:
        for ticket, numbers in enumerate((range(10), range(10, EACH))):
            over = [threading.Event() for _ in range(PEOPLE)]

            async def body(phone: Device, numbers: range = numbers) -> None:
                await phone.auth.sign_in()
                for number in numbers:
                    reading = await phone.api.request(MESSAGE_SEND, body={"p": phone.person.number, "n": number})
                    if reading.code == "lost_reply":
                        lost.add((phone.person.number, number))

            for person, event in enumerate(over):
                made.submit(Ticket(ticket * PEOPLE + person, 0.0, "reader", person), body, event.set)
            assert all(event.wait(20) for event in over)
            until = time.monotonic() + 20
            while made.runner.devices and time.monotonic() < until:
                time.sleep(0.01)
            assert made.runner.devices == 0
        assert not list(made.problems)
    assert lost == whole


def test_the_identical_set_with_one_two_and_four_workers() -> None:
    sets = []
    for workers in (1, 2, 4):
        with server() as target:
            tried, _ = send(target.url, profile({"fault": "lost_reply", "share": SHARE}), workers)
        sets.append({(one.person, one.number) for one in tried if one.code == "lost_reply"})
    assert sets[0] == sets[1] == sets[2]
    assert binomial(len(sets[0]))


def test_a_lost_request_never_arrives_and_leaves_no_attempt() -> None:
    with server() as target:
        tried, _ = send(target.url, profile({"fault": "lost_request", "share": SHARE}))
    lost = {(one.person, one.number) for one in tried if one.code == "lost_request"}
    assert binomial(len(lost))
    assert not lost & target.seen.keys()
    assert len(lost | target.seen.keys()) == PEOPLE * EACH


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [("duplicate", {"delay": 20.0}), ("concurrent_duplicate", {}), ("duplicate", {"delay": 60.0})],
)
def test_duplicates_arrive_twice(fault: str, parameters: dict[str, float]) -> None:
    with server() as target:
        tried, hits = send(
            target.url, profile({"fault": fault, "share": SHARE, "parameters": parameters}), pause_s=0.005
        )
    twice = [one for one, times in target.seen.items() if times == 2]
    assert {one.outcome for one in tried} == {Outcome.OK}
    assert len(twice) == hits
    assert binomial(hits)


def quickest(url: str, entry: dict[str, Any], near_s: float, each: int, quantile: float = 0.0) -> float:
    """That quantile of the request times, in seconds, in the best of as many rounds as bring one near.

    A busy machine only ever adds time. What a fault adds too much is in every request, so no round would come near.
    """
    found = math.inf
    for _ in range(20):
        times = sorted(one.seconds for one in send(url, profile(entry), pause_s=0.03, each=each).tried)
        found = min(found, times[int(quantile * len(times))])
        if found <= near_s:
            break
    return found


def test_latency_is_added_exactly() -> None:
    late = {"fault": "latency", "parameters": {"latency": 50.0}}
    with server() as target:
        plain_s = quickest(target.url, {"fault": "clock_skew"}, 0.003, each=5)
        late_s = quickest(target.url, late, 0.050 + plain_s + 0.001, each=5)
    # libuv counts a timer from the beginning of the loop's turn, which may lie some ms back where others have the core.
    assert 0.045 < late_s <= 0.050 + plain_s + 0.002


def test_the_app_waits_once_whatever_a_fault_took_before() -> None:
    """One deadline for the fault's delay and the server's, as the app's own timer knows no difference."""
    impatient = replace(MESSAGE_SEND, timeout_s=0.5)
    found: list[tuple[Outcome, float]] = []
    over = threading.Event()

    async def body(phone: Device) -> None:
        await phone.auth.sign_in()
        begun = phone.now()
        reading = await phone.api.request(impatient, body={"p": 0, "n": 0})
        found.append((reading.outcome, phone.now() - begun))

    late = {"fault": "latency", "parameters": {"latency": 400.0}}
    with server() as target, engine(target.url, profile(late)) as made:
        target.slow_s = 0.3
        made.submit(Ticket(0, made.now(), "reader", 0), body, over.set)
        assert over.wait(20)
        assert not made.problems
    ((outcome, took_s),) = found
    assert outcome is Outcome.TIMEOUT
    assert took_s >= 0.499


@pytest.mark.parametrize(
    ("distribution", "quantiles"),
    [("uniform", (82.0, 100.0, 118.0)), ("normal", (67.1, 100.0, 132.9)), ("exponential", (101.0, 113.9, 159.9))],
)
def test_jitter_has_the_shape_that_is_asked_for(distribution: str, quantiles: tuple[float, float, float]) -> None:
    fault = PhoneLatencyFault.parse({"latency": 100, "jitter": 20, "distribution": distribution})
    found = [1000 * fault.drawn_s(luck) for luck in (0.05, 0.5, 0.95)]
    assert found == pytest.approx(quantiles, abs=0.1)


def test_a_slow_reader_takes_its_time_and_a_link_its_round_trips() -> None:
    slow_reader = {"fault": "slow_reader", "parameters": {"rate": 50.0}}
    with server() as target:
        target.reply = json.dumps(["x" * 3_000]).encode()
        slow = quickest(target.url, slow_reader, 0.066, each=3)
        target.reply = b"[]"
        link = quickest(target.url, {"fault": "link", "parameters": {"kind": "lte"}}, 0.070, each=10, quantile=0.25)
    assert 0.054 <= slow <= 0.066
    assert 0.040 <= link <= 0.070


def test_an_expired_token_is_what_the_server_sees() -> None:
    with server() as target:
        _, hits = send(target.url, profile({"fault": "expired_token", "share": SHARE}))
    assert target.expired == hits
    assert binomial(target.expired)


def test_an_app_killed_in_mid_flush_is_gone() -> None:
    with server() as target:
        tried, hits = send(
            target.url, profile({"fault": "killed_midflush", "share": 0.1, "parameters": {"after": 0.0}})
        )
    assert len(tried) < PEOPLE * EACH
    assert 0 < hits <= PEOPLE


@pytest.mark.slow  # a second and a half of real time, and six to make ready for it on a busy machine
def test_a_herd_is_offline_together_and_back_in_the_same_instant() -> None:
    storm = {"fault": "herd", "at": 0.3, "for": 1.5, "where": {"cohort": 0.5}}
    with server() as target:
        tried, hits = send(target.url, profile(storm), pause_s=0.02, each=120, lead_s=6.0)
    waited = {one.person: one for one in tried if one.outcome.good and one.at < 1.55 < one.at + one.seconds}
    off = {one.person for one in tried if one.code == "offline"}  # under way when the network went
    assert len(waited) == hits, "a send without a network waits for it, as the app's mutations do"
    assert off <= set(waited)
    assert 0 < len(waited) < PEOPLE
    ends = [one.at + one.seconds for one in waited.values()]
    assert min(ends) > 1.79
    assert max(ends) - min(ends) < 0.4


def test_connections_end_and_are_made_anew() -> None:
    with server() as target:
        # It happens once a person, however long the window: a loop that is late by less than that still does it.
        cut = profile({"fault": "mass_reconnect", "at": 0.3, "for": 15.0})
        tried, _ = send(target.url, cut, pause_s=0.02, each=30, lead_s=2.0)
    assert target.connections == 2 * PEOPLE
    assert len(tried) == PEOPLE * 30


def reread(jitter_s: float) -> list[float]:
    """When each phone read again what it shows, seconds from the instant in which all caches expired."""
    found = profile({"fault": "cache_expiry", "at": 0.5, "for": 15.0})
    found = found.model_copy(update={"herds": Herds(jitter_s=jitter_s)})
    read: dict[int, list[float]] = {person: [] for person in range(PEOPLE)}
    over = threading.Event()

    async def body(phone: Device) -> None:
        async def fetch() -> Fetched[int]:
            read[phone.person.number].append(phone.now() - phone.kit.zero - 0.5)
            return Fetched(Outcome.OK, 1)

        unseen = CachedQuery(("other",), fetch)
        query = CachedQuery(("shown",), fetch)
        await phone.page.queries.once(unseen)
        phone.page.queries.mount(query)
        await phone.pause(max(0.0, phone.kit.zero - phone.now()) + 0.5 + jitter_s + 1.5)

    def done() -> None:
        if made.chaos_counts["cache_expiry"][0] == PEOPLE and all(len(one) == 3 for one in read.values()):
            over.set()

    with server() as target, engine(target.url, found, lead_s=2.0) as made:
        for person in range(PEOPLE):
            made.submit(Ticket(person, 0.0, "reader", person), body, done)
        assert over.wait(30), read
    return sorted(times[-1] for times in read.values())


def test_caches_expire_together_and_only_what_is_shown_is_read_anew() -> None:
    times = reread(0.0)
    assert len(times) == PEOPLE
    assert times[0] > -0.01
    assert times[-1] - times[0] < 0.7


def test_with_jitter_they_are_read_one_after_another() -> None:
    times = reread(3.0)
    assert times[0] > -0.01
    assert times[-1] - times[0] > 1.5  # of sixteen uniform draws over 3 s; less comes once in ten thousand runs


class EarlyLoop(uvloop.Loop):  # type: ignore[misc]  # uvloop is not typed here
    """Its timers come early, as uvloop's do by up to a millisecond, and by more after a long turn."""

    def call_later(self, delay: float, callback: Any, *arguments: Any, context: Any = None) -> Any:
        return super().call_later(max(0.0, delay - 0.003), callback, *arguments, context=context)


@pytest.mark.parametrize("fault", ["mass_reconnect", "herd", "clock_skew", "cache_expiry"])
def test_a_timer_that_comes_early_costs_nobody_a_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.load.engine.new_loop", EarlyLoop)
    with server() as target:
        _, hits = send(target.url, profile({"fault": fault, "at": 0.3, "for": 1.0}), pause_s=0.02, each=30, lead_s=2.0)
    assert hits == PEOPLE


def test_what_a_reset_cuts_is_the_networks_doing_and_sent_again_on_a_kept_connection() -> None:
    """As when a load balancer is restarted: nobody gave up, and the app never hears of it (contract 0.2)."""
    over = threading.Event()
    told: list[Outcome] = []

    def arrived(number: int) -> bool:
        return target.seen[0, number] > 0

    async def body(phone: Device) -> None:
        await phone.auth.sign_in()
        for number in range(2):  # on a new connection, then on a kept one
            asked = asyncio.ensure_future(phone.api.request(MESSAGE_SEND, body={"p": 0, "n": number}))
            await eventually(partial(arrived, number))
            phone.drop_connections()
            told.append((await asked).outcome)
            target.slow_s = 0.0
            await phone.api.request(MESSAGE_SEND, body={"p": 1, "n": number})
            target.slow_s = 0.2

    with server() as target, engine(target.url, profile({"fault": "clock_skew"})) as made:
        target.slow_s = 0.2
        made.submit(Ticket(0, made.now(), "reader", 0), body, over.set)
        assert over.wait(20)
        attempts = [(one.outcome, one.code) for one in made.attempts if one.name == "message_send"]
        assert not made.problems
    assert told == [Outcome.NETWORK, Outcome.OK]
    reset, good = (Outcome.NETWORK, "reset"), (Outcome.OK, "")
    assert attempts == [reset, good, reset, good, good]
    assert target.seen == Counter({(0, 0): 1, (1, 0): 1, (0, 1): 2, (1, 1): 1})


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_faults_end_when_nobody_leads_the_run_and_go_on_when_somebody_does() -> None:
    states: list[bool] = []
    over = threading.Event()

    async def body(phone: Device) -> None:
        for _ in range(60):
            states.append(phone.network.online)
            await phone.pause(0.1)

    with server() as target, engine(target.url, profile({"fault": "offline"}), lease_s=2.5) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert until(lambda: False in states)
        assert until(lambda: states[-1])
        made.led()
        assert until(lambda: not states[-1])
        assert made.fault_schedule is not None
        lines = [(line.event, line.why) for line in made.fault_schedule.lines]
    assert lines == [(FaultEvent.START, Why.PLAN), (FaultEvent.END, Why.LEASE), (FaultEvent.START, Why.LEASE)]


def test_a_run_that_is_ended_cleans_its_phones_first() -> None:
    over = threading.Event()

    async def body(phone: Device) -> None:
        await phone.pause(60)

    with server() as target, engine(target.url, profile({"fault": "offline"})) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert until(lambda: made.runner.open_sessions == 1)
        made.close(0.1, [])
        assert over.wait(5)
        assert made.fault_schedule is not None
        assert made.fault_schedule.clean
        assert [line.why for line in made.fault_schedule.lines] == [Why.PLAN, Why.ABORT]


def test_a_profile_without_chaos_has_no_weather() -> None:
    seen: list[object] = []
    over = threading.Event()

    async def body(phone: Device) -> None:
        seen.append(phone.fault_injector)

    with server() as target, engine(target.url, profile()) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert over.wait(5)
        assert made.fault_schedule is None
    assert seen == [None]


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("message_drop", {}),
        ("message_duplicate", {}),
        ("message_reorder", {"wait": 40.0}),
        ("message_delay", {"delay": 40.0}),
    ],
)
def test_realtime_messages_meet_their_fate(fault: str, parameters: dict[str, float]) -> None:
    taken: list[tuple[int, float]] = []
    came: list[float] = []

    def took(number: int, at: float) -> None:
        taken.append((number, at))

    over = threading.Event()

    async def body(phone: Device) -> None:
        assert phone.fault_injector is not None
        assert phone.fault_injector.through is not None
        for number in range(200):
            came.append(phone.now())
            phone.fault_injector.through(partial(took, number), phone.now())
            await phone.pause(0.001)
        await phone.pause(0.2)

    entry = {"fault": fault, "share": SHARE, "parameters": parameters}
    with server() as target, engine(target.url, profile(entry)) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert over.wait(5)
        hits, seen = made.chaos_counts[fault]
    numbers = [number for number, _ in taken]
    late = sum(at - came[number] > 0.039 for number, at in taken)
    assert seen == 200
    assert binomial(hits, 200)
    if fault == "message_drop":
        assert len(set(numbers)) == len(numbers) == 200 - hits
    elif fault == "message_duplicate":
        assert len(numbers) == 200 + hits
        assert set(numbers) == set(range(200))
    elif fault == "message_reorder":
        assert sorted(numbers) == list(range(200)) != numbers
        assert late == hits
    else:
        assert numbers == list(range(200))
        assert late >= hits


def test_messages_in_order_stay_so_where_the_loop_is_late() -> None:
    """A message that is read while the one before it is overdue, its timer not yet run, waits its turn."""
    taken: list[int] = []
    over = threading.Event()

    def took(number: int, at: float) -> None:
        taken.append(number)

    def busy_for(seconds: float) -> None:
        time.sleep(seconds)  # a long turn of the loop

    async def body(phone: Device) -> None:
        assert phone.fault_injector is not None
        through = phone.fault_injector.through
        assert through is not None
        for number in range(60):
            through(partial(took, number), phone.now())
            busy_for(0.003)
        await phone.pause(0.1)

    entry = {"fault": "message_delay", "share": 0.5, "parameters": {"delay": 2.0, "jitter": 2.0}}
    with server() as target, engine(target.url, profile(entry)) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert over.wait(5)
    assert taken == list(range(60))
