"""Faults of the phone that meet: what becomes of attempt or message, and that what is counted is what happened."""

from __future__ import annotations

import itertools
import threading
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chaos.faults
from chaos.fault import Layer, find
from chaos.phone_fault import ARRIVES, UNTOUCHED, MessageTreatment, PhoneFault
from harness.client.api.calls import MESSAGE_SEND
from harness.client.device import Device
from harness.core.outcome import Outcome
from harness.schedule.arrivals import Ticket
from tests.client.test_fault_injector import engine, profile, send, server

assert chaos.faults


def messages_met(*faults: str) -> tuple[list[int], dict[str, tuple[int, int]]]:
    """Which of 100 messages came, and hits and seen by fault, all at a share of 1."""
    taken: list[int] = []
    over = threading.Event()

    async def body(phone: Device) -> None:
        assert phone.fault_injector is not None
        through = phone.fault_injector.through
        assert through is not None
        for number in range(100):
            through(partial(lambda number, at: taken.append(number), number), phone.now())
            await phone.pause(0.001)
        await phone.pause(0.2)

    with server() as target, engine(target.url, profile(*({"fault": fault} for fault in faults))) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert over.wait(10)
        counts = {fault: (made.chaos_counts[fault][0], made.chaos_counts[fault][1]) for fault in faults}
    return taken, counts


@pytest.mark.parametrize("other", ["message_delay", "message_duplicate", "message_reorder"])
def test_a_dropped_message_stays_dropped_and_the_other_fault_did_not_hit_it(other: str) -> None:
    for faults in (("message_drop", other), (other, "message_drop")):
        taken, counts = messages_met(*faults)
        assert taken == []
        assert counts == {"message_drop": (100, 100), other: (0, 100)}


def test_a_message_can_be_late_twice_and_out_of_order_at_once() -> None:
    taken, counts = messages_met("message_duplicate", "message_reorder")
    assert sorted(taken) == sorted([*range(100), *range(100)])
    assert set(counts.values()) == {(100, 100)}


MESSAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("message_delay", {"delay": 300.0}),
    ("message_duplicate", {}),
    ("message_reorder", {"wait": 200.0}),
)


@pytest.mark.parametrize("chosen", [*itertools.permutations(MESSAGES, 2), *itertools.permutations(MESSAGES, 3)])
def test_fates_of_messages_add_up_in_any_order(chosen: tuple[tuple[str, dict[str, Any]], ...]) -> None:
    found = ARRIVES
    for name, parameters in chosen:
        fault = find(name, Layer.PHONE).parse(parameters)
        assert isinstance(fault, PhoneFault)
        found = fault.treat_message(found, lambda _: 0.5)
    names = [name for name, _ in chosen]
    delay = 0.3 * ("message_delay" in names) + 0.2 * ("message_reorder" in names)
    copies = 2 if "message_duplicate" in names else 1
    assert found.delays_s == pytest.approx((delay,) * copies)
    assert found.in_order is ("message_reorder" not in names)


@given(st.lists(st.sampled_from(["message_delay", "message_duplicate", "message_reorder", "message_drop"]), max_size=4))
def test_nothing_comes_back_to_a_message_that_was_dropped(names: list[str]) -> None:
    found = MessageTreatment(delays_s=())
    for name in names:
        fault = find(name, Layer.PHONE).parse({})
        assert isinstance(fault, PhoneFault)
        assert fault.treat_message(found, lambda _: 0.5) is found


@pytest.mark.parametrize("first", ["lost_request", "lost_reply"])
def test_of_two_losses_the_first_does_it_and_counts(first: str) -> None:
    second = "lost_reply" if first == "lost_request" else "lost_request"
    entries = [{"fault": fault, "parameters": {"notice": "close"}} for fault in (first, second)]
    with server() as target:
        sent = send(target.url, profile(*entries), each=3)
        assert sent.hits == len(sent.tried) == 48
        assert {(one.outcome, one.code) for one in sent.tried} == {(Outcome.NETWORK, first)}
        assert len(target.seen) == (0 if first == "lost_request" else 48)


@pytest.mark.parametrize(
    "other", ["duplicate", "concurrent_duplicate", "expired_token", "slow_reader", "killed_midflush"]
)
def test_a_request_that_never_left_is_hit_by_its_loss_alone(other: str) -> None:
    with server() as target:
        sent = send(target.url, profile({"fault": other}, {"fault": "lost_request"}), each=2)
        assert sent.hits == 0  # of the first entry
        assert {one.code for one in sent.tried} == {"lost_request"}
        assert not target.seen


def test_what_only_touches_the_reply_does_not_hit_one_that_is_lost() -> None:
    lost = find("lost_reply", Layer.PHONE).parse({})
    assert isinstance(lost, PhoneFault)
    gone = lost.treat(UNTOUCHED, lambda _: 0.5)
    for name, parameters in (("slow_reader", {}), ("latency", {"direction": "reply"}), ("lost_request", {})):
        fault = find(name, Layer.PHONE).parse(parameters)
        assert isinstance(fault, PhoneFault)
        assert fault.treat(gone, lambda _: 0.5) is gone


def test_an_expired_token_concerns_calls_that_carry_one() -> None:
    over = threading.Event()

    async def body(phone: Device) -> None:
        for number in range(3):  # nobody is signed in yet
            await phone.api.request(MESSAGE_SEND, body={"p": 1, "n": number})
        await phone.auth.sign_in()
        for number in range(3, 8):
            await phone.api.request(MESSAGE_SEND, body={"p": 1, "n": number})

    with server() as target, engine(target.url, profile({"fault": "expired_token"})) as made:
        made.submit(Ticket(0, 0.0, "reader", 0), body, over.set)
        assert over.wait(10)
        hits, seen = made.chaos_counts["expired_token"]
        assert (hits, seen) == (target.expired, 5) == (5, 5)
