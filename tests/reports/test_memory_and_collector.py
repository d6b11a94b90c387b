"""What a large report does with the process it runs in, and that it leaves it as it was."""

from __future__ import annotations

import gc

import pyarrow as pa
import pytest

from harness.core.collector import paused
from harness.record.memory import given_back


def test_the_collector_rests_for_the_time_and_no_longer() -> None:
    @paused()
    def nested() -> bool:
        return gc.isenabled()

    assert gc.isenabled()
    with paused():
        assert not gc.isenabled()
        assert nested() is False
        assert not gc.isenabled(), "the outer one still wants it so"
    assert gc.isenabled()
    with pytest.raises(ValueError, match="broken"), paused():
        raise ValueError("broken")
    assert gc.isenabled()


def test_what_was_read_stays_when_arrows_memory_is_given_back() -> None:
    before = pa.default_memory_pool()
    with given_back():
        assert pa.default_memory_pool().backend_name == "system"
        column = pa.array(range(100_000))
    assert pa.default_memory_pool().backend_name == before.backend_name
    assert column[99_999].as_py() == 99_999
