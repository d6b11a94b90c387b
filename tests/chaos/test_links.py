"""Emulated links: nothing passes while the phone is in a tunnel, whichever way it goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.fault import draw
from chaos.network_model import LINKS, LinkModel, LinkTransit


def place(slot: int) -> float:
    return draw(3, "stall", "person", slot)


def in_a_stall(model: LinkModel, at_s: float, shift: float) -> bool:
    """With a hair's breadth for rounding."""
    moved = at_s + shift * model.stall_every_s
    slot = int(moved // model.stall_every_s)
    begin = slot * model.stall_every_s + place(slot) * (model.stall_every_s - model.stall_s)
    return begin + 1e-6 < moved < begin + model.stall_s - 1e-6


STALLING = sorted(name for name, model in LINKS.items() if model.stall_s)


@given(st.sampled_from(STALLING), st.floats(0, 5000), st.floats(0, 200), st.floats(0, 1))
def test_nothing_arrives_in_a_stall_and_time_outside_of_them_is_the_time_under_way(
    name: str, at_s: float, moving_s: float, shift: float
) -> None:
    model = LINKS[name]
    took = model.passing_s(at_s, moving_s, shift, place)
    assert took >= moving_s - 1e-6
    assert not in_a_stall(model, at_s + took, shift)
    step = 0.01
    ticks = range(int(took / step))
    moved = sum(not in_a_stall(model, at_s + (tick + 0.5) * step, shift) for tick in ticks) * step
    assert moved == pytest.approx(moving_s, abs=0.02 * (2 + took / model.stall_every_s) + 0.02)


@given(st.floats(0, 1e6), st.floats(0, 1e4))
def test_a_link_without_stalls_takes_what_it_takes(at_s: float, moving_s: float) -> None:
    assert LINKS["wifi_good"].passing_s(at_s, moving_s, 0.5, place) == moving_s


def test_the_tunnel_of_the_metro_holds_requests_and_replies() -> None:
    model = replace(LINKS["metro"], loss=0.0)
    transit = LinkTransit(model, 0.06, lambda _: 0.99, 0.0, lambda _: 0.0)  # each tunnel at the slot's beginning
    assert transit.before_s(0, 2.0) == pytest.approx(6.03)
    assert transit.after_s(0, 0, 2.0) == pytest.approx(6.03)
    assert transit.after_s(0, 0, 27.99) == pytest.approx(0.01 + 8 + 0.02)  # it enters the tunnel on its way
    assert transit.after_s(0, 0, 10.0) == pytest.approx(0.03)
