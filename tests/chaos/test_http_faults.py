"""Faults of single requests, and that everything else passes as it came."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest

from tests.chaos.rig import on_loop, proxied
from tests.chaos.test_stream_faults import binomial_bounds
from tests.chaos.web import Shop, ask

GONE = (asyncio.IncompleteReadError, ConnectionError)


def test_a_status_in_the_upstreams_place_by_route_and_method() -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            await rig.toxic("http_status", status=503, body="no", path="/functions/*", method="post,put")
            link = await rig.connect()
            assert await ask(link, "POST /functions/v1/x?a=b", b"hello") == (503, b"no")
            assert await ask(link, "GET /functions/v1/x") == (200, b"GET /functions/v1/x 0")
            assert await ask(link, "PUT /rest/v1/x", b"abc") == (200, b"PUT /rest/v1/x 3")
            assert shop.asked == ["GET /functions/v1/x", "PUT /rest/v1/x abc"]

    on_loop(main())


def test_a_cohort_is_hit_and_the_others_are_not() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            await rig.toxic("http_status", header="x-cohort: b*")
            link = await rig.connect()
            told = [(await ask(link, headers={"X-Cohort": cohort}))[0] for cohort in ("a1", "b1", "b2")]
            assert told == [200, 503, 503]
            assert (await ask(link))[0] == 200

    on_loop(main())


def test_a_reply_is_lost_after_the_upstream_answered() -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            for how, end in (("close", asyncio.IncompleteReadError), ("reset", ConnectionResetError)):
                toxic = await rig.toxic("http_drop_response", how=how, method="POST")
                link = await rig.connect()
                assert (await ask(link))[0] == 200
                with pytest.raises(end):
                    await ask(link, "POST /write", how.encode())
                await rig.remove(toxic)
            assert shop.asked == ["GET /", "POST /write close", "GET /", "POST /write reset"]

    on_loop(main())


def test_a_delay_is_added_to_the_servers_own_time() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            await rig.toxic("http_delay", delay=100)
            link = await rig.connect()
            for line, least in (("GET /", 0.099), ("GET /wait", 0.299), ("GET /chunked", 0.099)):
                began = time.monotonic()
                assert (await ask(link, line))[0] == 200
                assert least < time.monotonic() - began < least + 0.2

    on_loop(main())


@pytest.mark.slow
def test_a_delay_is_met_to_two_milliseconds_or_two_percent() -> None:
    """Up to five tries: other work on this machine makes a measurement late, never early or exact."""

    async def tried() -> float:
        async with proxied(Shop()) as rig:
            link = await rig.connect()
            took: list[list[float]] = [[], []]
            for part in took:
                for _ in range(25):
                    began = time.monotonic()
                    await ask(link)
                    part.append(time.monotonic() - began)
                if part is took[0]:
                    await rig.toxic("http_delay", delay=80)
            plain, slow = (sorted(part)[12] for part in took)
            return abs((slow - plain) * 1000 - 80)

    async def main() -> None:
        errors = []
        for _ in range(5):
            errors.append(await tried())
            if errors[-1] < 2:
                return
        raise AssertionError(errors)

    on_loop(main(), 60)


def test_a_delayed_reply_goes_on_when_its_fault_ends_and_not_when_another_does() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            toxic = await rig.toxic("http_delay", delay=8000)
            other = await rig.toxic("http_status", path="/other")
            asking = asyncio.ensure_future(ask(await rig.connect()))
            await asyncio.sleep(0.1)
            await rig.remove(other)
            await asyncio.sleep(0.05)
            assert not asking.done()
            await rig.remove(toxic)
            assert (await asyncio.wait_for(asking, 1))[0] == 200

    on_loop(main())


def test_a_duplicate_reaches_the_upstream_with_the_same_bytes() -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            await rig.toxic("http_duplicate", method="POST", delay=30)
            link = await rig.connect()
            assert await ask(link, "POST /messages", b"hello") == (200, b"POST /messages 5")
            assert (await ask(link))[0] == 200
            await asyncio.sleep(0.15)
            assert sorted(shop.asked) == ["GET /", "POST /messages hello", "POST /messages hello"]
            posts = [head for head in shop.heads if head.startswith(b"POST")]
            assert posts[0] == posts[1]

    on_loop(main())


async def hit(seed: int, share: float, *, workers: int = 1) -> dict[str, list[int]]:
    """Which of 12 requests of each of 20 people fail; worker i of n has the people k with k mod n = i, all at once."""
    found: dict[str, list[int]] = {}
    async with proxied(Shop(), seed=seed) as rig:
        toxic = await rig.toxic("http_status", share=share)

        async def work(worker: int) -> None:
            links = [await rig.connect() for _ in range(2)]
            for person in range(worker, 20, workers):
                headers = {"x-chaos-key": f"person-{person}"}
                told = [(await ask(links[(person + turn) % 2], headers=headers))[0] for turn in range(12)]
                found[headers["x-chaos-key"]] = [turn for turn, status in enumerate(told) if status == 503]

        await asyncio.gather(*(work(worker) for worker in range(workers)))
        assert toxic.hit_count.hits == sum(map(len, found.values()))
        assert toxic.hit_count.seen == 240
    return found


def test_the_share_is_met_and_the_same_seed_hits_the_same_requests_with_any_number_of_workers() -> None:
    async def main() -> None:
        one, two, four, other = [await hit(seed, 0.2, workers=n) for seed, n in ((4, 1), (4, 2), (4, 4), (5, 1))]
        low, high = binomial_bounds(240, 0.2)
        assert low <= sum(map(len, one.values())) <= high
        assert one == two == four != other

    on_loop(main())


def test_a_person_is_known_by_the_subject_of_the_token() -> None:
    def token(subject: str, salt: str) -> dict[str, str]:
        claims = base64.urlsafe_b64encode(json.dumps({"sub": subject, "salt": salt}).encode()).decode().rstrip("=")
        return {"authorization": f"Bearer x.{claims}.y"}

    async def statuses(salt: str) -> list[int]:
        async with proxied(Shop(), seed=9) as rig:
            await rig.toxic("http_status", share=0.5)
            return [(await ask(await rig.connect(), headers=token("ann", f"{salt}{n}")))[0] for n in range(16)]

    async def main() -> None:
        first = await statuses("a")
        assert first == await statuses("b")
        assert set(first) == {200, 503}

    on_loop(main())


def test_a_connection_that_is_open_already_is_taken_up_at_its_next_request() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            link = await rig.connect()
            assert (await ask(link))[0] == 200
            toxic = await rig.toxic("http_status")
            assert (await ask(link))[0] == 503
            await rig.remove(toxic)
            assert (await ask(link))[0] == 200
            assert (await ask(link))[0] == 200

    on_loop(main())


def test_pipelined_requests_are_answered_in_order() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            await rig.toxic("http_status", status=418, path="/teapot")
            reader, writer = await rig.connect()
            writer.write(b"".join(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path for path in (b"/a", b"/teapot", b"/b")))
            writer.write_eof()
            got = await asyncio.wait_for(reader.read(), 5)
            assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"418", b"200"]

    on_loop(main())


def test_requests_pass_byte_for_byte_while_rules_exist() -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            await rig.toxic("http_status", path="/other")
            reader, writer = await rig.connect()
            odd = b"POST /x?y=%20z HTTP/1.1\r\nHoSt: q\r\nX-Odd:   spaced\r\nContent-Length: 3\r\n\r\nabc"
            for byte in odd:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            await asyncio.wait_for(reader.readuntil(b"3"), 5)
            assert shop.heads[0] + b"abc" == odd

    on_loop(main())


def test_what_is_not_http_passes_untouched_although_rules_exist() -> None:
    async def main() -> None:
        async with proxied() as rig:
            await rig.toxic("http_status")
            reader, writer = await rig.connect()
            for data in (b"\x16\x03\x01hello\r\n\r\n", b"more"):
                writer.write(data)
                assert await asyncio.wait_for(reader.readexactly(len(data)), 5) == data

    on_loop(main())


def test_latency_and_a_status_work_together() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            await rig.toxic("latency", latency=60)
            await rig.toxic("http_status")
            began = time.monotonic()
            assert (await ask(await rig.connect()))[0] == 503
            assert time.monotonic() - began >= 0.059

    on_loop(main())


def test_a_head_request_and_a_hundred_continue_keep_their_place() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            toxic = await rig.toxic("http_status", path="/deny", body="denied")
            link = await rig.connect()
            assert (await ask(link, "HEAD /a"))[0] == 200
            assert (await ask(link, "HEAD /deny"))[0] == 503
            assert (await ask(link))[0] == 200
            reader, writer = link
            writer.write(b"POST /deny HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
            got = await asyncio.wait_for(reader.read(), 5)
            assert got.startswith(b"HTTP/1.1 503 ")
            await rig.remove(toxic)

    on_loop(main())


def test_half_a_head_goes_on_when_the_last_rule_ends() -> None:
    """What may become a request is held back while a rule may concern it, and not a moment longer."""

    async def main() -> None:
        async with proxied() as rig:
            toxic = await rig.toxic("http_status")
            reader, writer = await rig.connect()
            writer.write(b"x")
            await asyncio.sleep(0.05)
            await rig.remove(toxic)
            assert await asyncio.wait_for(reader.read(1), 2) == b"x"

    on_loop(main())
