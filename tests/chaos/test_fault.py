"""The seeded draw, and what wrong parameters are told."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from chaos.fault import Fault, InvalidFault, Layer, draw, find, hits

SHARES = st.floats(0, 1)


class Sample(Fault):
    """Nothing anyone would notice."""

    name: ClassVar[str] = "sample"
    layer: ClassVar[Layer] = Layer.STREAM

    delay: int = Field(0, ge=0)
    share: float = Field(0.5, ge=0, le=1)


@given(st.integers(), st.text(), st.text(), st.integers(0, 10**9), SHARES, SHARES)
def test_a_larger_share_hits_the_same_ones_and_more(
    seed: int, fault: str, key: str, number: int, a: float, b: float
) -> None:
    small, large = sorted((a, b))
    assert 0 <= draw(seed, fault, key, number) < 1
    assert not hits(seed, fault, key, number, 0)
    assert hits(seed, fault, key, number, 1)
    assert hits(seed, fault, key, number, small) <= hits(seed, fault, key, number, large)


def test_the_draw_is_the_same_in_every_process() -> None:
    command = "from chaos.fault import draw; print([draw(7, 'lost_reply', f'person {n}', n) for n in range(20)])"
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str([draw(7, "lost_reply", f"person {n}", n) for n in range(20)])


def test_the_draw_keeps_its_values_from_release_to_release() -> None:
    assert draw(1, "latency", "person 3", 4) == pytest.approx(0.0201123177, abs=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_share_is_met(share: float) -> None:
    count = 20_000
    hit = sum(hits(3, "duplicate", f"person {n % 50}", n // 50, share) for n in range(count))
    assert abs(hit - count * share) < 5 * (count * share * (1 - share)) ** 0.5


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"delay": -1}, "sample.delay = -1: must be 0 or more"),
        ({"delay": 1.5}, "sample.delay = 1.5: must be a whole number"),
        ({"delay": "x"}, "sample.delay = 'x': must be a whole number"),
        ({"share": 2}, "sample.share = 2: must be 1 or less"),
        ({"share": float("nan")}, "sample.share = nan: must be finite"),
        ({"dealy": 1}, "sample.dealy is not a parameter of this fault; did you mean delay?"),
    ],
)
def test_wrong_parameters_are_named(given_: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidFault) as caught:
        Sample.parse(given_)
    assert str(caught.value) == told


def test_an_unknown_fault_is_named_with_its_nearest() -> None:
    with pytest.raises(InvalidFault, match="'lost_replyy' is no known fault"):
        find("lost_replyy")
