"""Both serializers and the binary frames: the contract's own bytes, round trips, and rubbish."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.realtime import encoded
from sandbox.realtime.binary import (
    JSON,
    RAW,
    BroadcastPush,
    FrameError,
    UserBroadcast,
    decode_push,
    encode_broadcast,
)
from sandbox.realtime.frames import BINARY, TEXT, V1, V2, ClientPush, ServerPush, decode, encode, frame, reply, system

KIND_3 = bytes.fromhex(
    "03 01 02 0b 06 00 01 36 31 30 72 65 61 6c 74 69 6d 65 3a 74 31 74 79 70 69 6e 67 7b 22 75 73 65 72 49 64 22 3a 22"
    "75 31 22 2c 22 64 69 73 70 6c 61 79 4e 61 6d 65 22 3a 22 41 6e 6e 22 2c 22 69 73 54 79 70 69 6e 67 22 3a 74 72 75"
    "65 7d"
)
KIND_4 = bytes.fromhex(
    "04 0b 06 00 01 72 65 61 6c 74 69 6d 65 3a 74 31 74 79 70 69 6e 67 7b 22 75 73 65 72 49 64 22 3a 22 75 31 22 2c 22"
    "64 69 73 70 6c 61 79 4e 61 6d 65 22 3a 22 41 6e 6e 22 2c 22 69 73 54 79 70 69 6e 67 22 3a 74 72 75 65 7d"
)
KIND_4_RAW = bytes.fromhex(
    "04 0b 03 3d 00 72 65 61 6c 74 69 6d 65 3a 74 31 62 69 6e 7b 22 69 64 22 3a 22 39 63 37 66 30 63 31 65 2d 37 61 35"
    "35 2d 34 61 34 65 2d 39 64 36 62 2d 30 61 38 66 31 63 32 64 33 65 34 66 22 2c 22 72 65 70 6c 61 79 65 64 22 3a 74"
    "72 75 65 7d 01 02 03"
)
TYPING = b'{"userId":"u1","displayName":"Ann","isTyping":true}'
short = st.text(max_size=60)
messages = st.builds(
    UserBroadcast, short, st.binary(max_size=300), st.sampled_from([JSON, RAW]), st.binary(max_size=255)
)


def test_the_contracts_bytes() -> None:
    assert decode_push(KIND_3) == BroadcastPush("6", "10", "realtime:t1", UserBroadcast("typing", TYPING))
    assert encode_broadcast("realtime:t1", UserBroadcast("typing", TYPING)) == KIND_4
    metadata = b'{"id":"9c7f0c1e-7a55-4a4e-9d6b-0a8f1c2d3e4f","replayed":true}'
    raw = UserBroadcast("bin", b"\x01\x02\x03", RAW, metadata)
    assert encode_broadcast("realtime:t1", raw) == KIND_4_RAW


@given(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9), short, messages)
def test_a_push_comes_out_as_it_went_in(join_ref: str, ref: str, topic: str, message: UserBroadcast) -> None:
    strings = [join_ref.encode(), ref.encode(), topic.encode(), message.event.encode(), message.metadata]
    sent = bytes((3, *map(len, strings), message.encoding)) + b"".join(strings) + message.data
    assert decode_push(sent) == BroadcastPush(join_ref, ref, topic, message)


@given(short, messages)
def test_a_broadcast_says_where_its_parts_end(topic: str, message: UserBroadcast) -> None:
    made = encode_broadcast(topic, message)
    ends = 5 + made[1], 5 + made[1] + made[2], 5 + made[1] + made[2] + made[3]
    assert made[5 : ends[0]].decode() == topic
    assert made[ends[0] : ends[1]].decode() == message.event
    assert (made[ends[1] : ends[2]], made[ends[2] :]) == (message.metadata, message.data)


@given(st.sampled_from([V1, V2]), st.booleans(), st.binary(max_size=200))
def test_rubbish_is_a_frame_error_or_a_push(vsn: str, binary: bool, data: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode(vsn, data, binary=binary), ClientPush)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | short,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(short, inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from([V1, V2]), json_values)
def test_any_json_is_a_frame_error_or_a_push(vsn: str, value: object) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode(vsn, orjson.dumps(value), binary=False), ClientPush)


@settings(max_examples=50)
@given(st.sampled_from([V1, V2]), st.none() | short, st.none() | short, short, short, json_values)
def test_text_pushes(vsn: str, join_ref: str | None, ref: str | None, topic: str, event: str, payload: object) -> None:
    fields = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
    data = orjson.dumps([join_ref, ref, topic, event, payload] if vsn == V2 else fields)
    assert decode(vsn, data, binary=False) == ClientPush(join_ref, ref, topic, event, payload, len(data))


def test_version_1_needs_its_four_fields_and_no_more() -> None:
    heartbeat: dict[str, object] = {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": None}
    assert decode(V1, orjson.dumps(heartbeat), binary=False).ref is None
    for name in heartbeat:
        with pytest.raises(FrameError, match=name):
            decode(V1, orjson.dumps({key: value for key, value in heartbeat.items() if key != name}), binary=False)
    with pytest.raises(FrameError, match="no binary frames"):
        decode(V1, KIND_3, binary=True)


def body(data: bytes) -> object:
    """What a short or medium text frame holds."""
    return orjson.loads(data[2:] if data[1] < 126 else data[4:])


def test_the_contracts_messages() -> None:
    push = ClientPush(None, "13", "phoenix", "heartbeat", {})
    assert body(encode(V2, reply(push, {}))) == [None, "13", "phoenix", "phx_reply", {"response": {}, "status": "ok"}]
    assert body(encode(V1, reply(push, {}))) == {
        "event": "phx_reply",
        "payload": {"response": {}, "status": "ok"},
        "ref": "13",
        "topic": "phoenix",
    }
    notice = system("realtime:a:b", "Subscribed to PostgreSQL", status="ok", extension="postgres_changes", join_ref="6")
    said = {
        "channel": "a:b",
        "extension": "postgres_changes",
        "message": "Subscribed to PostgreSQL",
        "status": "ok",
    }
    assert body(encode(V2, notice)) == ["6", None, "realtime:a:b", "system", said]
    assert body(encode(V1, notice)) == {"event": "system", "payload": said, "ref": None, "topic": "realtime:a:b"}


@pytest.mark.parametrize(("size", "head"), [(125, 2), (126, 4), (65535, 4), (65536, 10)])
def test_frame_lengths(size: int, head: int) -> None:
    made = frame(BINARY, bytes(size))
    assert len(made) == size + head
    assert made[0] == 0x82
    assert made[1] == {2: size, 4: 126, 10: 127}[head]
    assert int.from_bytes(made[2:head], "big") == (0 if head == 2 else size)


def test_who_gets_what_of_a_broadcast() -> None:
    as_json = encoded.user_broadcast("realtime:t1", UserBroadcast("typing", TYPING))
    assert as_json.get(V2) == frame(BINARY, KIND_4)
    assert body(as_json.get(V1) or b"") == {
        "event": "broadcast",
        "payload": {"event": "typing", "payload": orjson.loads(TYPING), "type": "broadcast"},
        "ref": None,
        "topic": "realtime:t1",
    }
    raw = encoded.user_broadcast("realtime:t1", UserBroadcast("bin", b"\x01", RAW))
    assert raw.get(V1) is None
    assert (raw.get(V2) or b"")[0] == BINARY
    assert encoded.user_broadcast("realtime:t1", UserBroadcast("e", b"not JSON")).get(V1) is None
    as_text = encoded.text(ServerPush("realtime:t1", "broadcast", {"type": "broadcast", "event": "e", "payload": {}}))
    assert (as_text.get(V2) or b"")[0] == TEXT
    long = encoded.user_broadcast("realtime:" + "t" * 300, UserBroadcast("e", b"{}"))
    assert (long.get(V2) or b"")[0] == TEXT
