"""A hundred random kills: no fault survives its lease, no connection stays black-holed."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.chaos.kill9 import play


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_leave_nothing_behind() -> None:
    played = asyncio.run(play(100, random.SystemRandom().randrange(10**6)))
    assert len(played) == 100
    assert [row for row in played if not row.good] == []
    assert {row.killed for row in played} == {"controller", "proxy"}
