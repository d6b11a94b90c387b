"""What a master believes: workers of this run, in their own name, in a worker's shape. Everything else is counted."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.run_token import TOKEN_ENV, master_secret, new_token, token_from
from harness.load.channel_keys import packed, unpacked
from harness.load.master_gate import CLOCK, HELLO, REPORT, MasterGate, Refused

RUN = "a" * 64


def gate(*came: str, begun: bool = True) -> MasterGate:
    made = MasterGate(unpacked, lambda: 0.0)
    made.run = RUN
    for name in came:
        made.admit([name.encode(), packed("client_ready", "2.47.0", name)])
    if begun:
        made.begin(came)
    return made


def refusal(made: MasterGate, sender: str, kind: str, data: Any, name: str | None = None) -> str:
    before = made.refused.total()
    with pytest.raises(Refused) as refused:
        made.admit([sender.encode(), packed(kind, data, sender if name is None else name)])
    assert made.refused.total() == before + 1
    return refused.value.kind


def test_a_worker_of_the_run_is_believed() -> None:
    made = gate("a", "b")
    report = {"worker": 1, "sequence": 3, "more": b"\xff"}
    assert made.admit([b"b", packed(REPORT, (RUN, report), "b")]).data == (RUN, report)
    assert made.admit([b"a", packed(CLOCK, 1.5, "a")]).data == 1.5
    state = {"state": "running", "current_cpu_usage": 3, "current_memory_usage": 5}
    assert made.admit([b"a", packed("heartbeat", state, "a")]).data == state
    assert not made.refused


@pytest.mark.parametrize(
    ("sender", "kind", "data", "name", "why"),
    [
        ("c", "heartbeat", {"state": "ready", "current_cpu_usage": 0.0, "current_memory_usage": 0}, None, "stranger"),
        ("c", "client_ready", "2.47.0", None, "too late"),
        ("b", CLOCK, 1.0, "a", "another's name"),
        ("b", REPORT, (RUN, {"worker": 0, "sequence": 1}), None, "another's name"),
        ("b", REPORT, ("b" * 64, {"worker": 1, "sequence": 1}), None, "another run"),
        ("b", REPORT, (RUN, {"worker": 1, "sequence": 2**40}), None, "malformed"),
        ("b", REPORT, (RUN, {"worker": True, "sequence": True}), None, "malformed"),
        ("b", CLOCK, float("nan"), None, "malformed"),
        ("b", CLOCK, {}, None, "malformed"),
        ("b", "heartbeat", {"state": "running", "current_cpu_usage": "much"}, None, "malformed"),
        ("b", "stats", {}, None, "malformed"),
        ("b", "locustfile", {"version": "2.47.0"}, None, "unknown kind"),
        ("\x1b[31m", HELLO, None, None, "malformed"),
    ],
)
def test_who_and_what_is_refused(sender: str, kind: str, data: Any, name: str | None, why: str) -> None:
    made = gate("a", "b")
    assert why in refusal(made, sender, kind, data, name)
    assert why in made.told()


def test_nobody_reports_before_the_run_has_begun_and_everybody_may_ask() -> None:
    made = gate("a", begun=False)
    assert refusal(made, "a", REPORT, (RUN, {"worker": 0, "sequence": 1})) == "in another's name"
    assert made.admit([b"anybody", packed(HELLO, None, "anybody")]).kind == HELLO


def test_where_nothing_is_planned_no_report_is_taken() -> None:
    made = gate("a")
    made.run = ""
    assert refusal(made, "a", REPORT, ("", {"worker": 0, "sequence": 1})) == "of another run"


_TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_KINDS = st.sampled_from(["client_ready", "heartbeat", "stats", "spawning", "logs", "quit", REPORT, CLOCK, HELLO, "x"])


@settings(max_examples=150, deadline=None)
@given(kind=_KINDS | _TREES, data=_TREES, name=st.just("a") | _TREES)
def test_any_tree_is_taken_or_refused_and_never_raises(kind: Any, data: Any, name: Any) -> None:
    made = gate("a")
    try:
        message = made.admit([b"a", msgpack.packb((kind, data, name))])
    except Refused:
        assert made.refused.total() == 1
    else:
        assert message.sender == "a"


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(st.binary(max_size=60), max_size=3))
def test_any_bytes_are_refused(frames: list[bytes]) -> None:
    made = gate("a")
    with pytest.raises(Refused):
        made.admit(frames)


def test_tokens_are_long_and_keys_follow_from_them_alone() -> None:
    one, other = new_token(), new_token()
    assert one != other
    assert master_secret(one) == master_secret(one) != master_secret(other)
    assert token_from({}) == ""
    assert token_from({TOKEN_ENV: one}) == one
    for bad in ("short", " " + one, one + "\n"):
        with pytest.raises(UsageError, match=TOKEN_ENV) as refused:
            token_from({TOKEN_ENV: bad})
        assert bad.strip() not in str(refused.value)
