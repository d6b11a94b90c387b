"""Realtime's frames: the examples of the contract, what is skipped unparsed, and a hundred thousand broken ones."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.client.realtime.phoenix import codec
from harness.client.realtime.phoenix.codec import V1, V2, Frame, FrameKind, decode, encode, encode_broadcast

TOPIC = "realtime:t1"
KEYS_KEPT_BY_ORJSON = 2_048
"""It remembers that many object keys; broken frames have new ones all the time."""
TYPING = {"userId": "u1", "displayName": "Ann", "isTyping": True}
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
BOTH = pytest.mark.parametrize("version", [V1, V2])


def everything(_: str, __: str) -> bool:
    return True


def nothing(_: str, __: str) -> bool:
    return False


def server_text(version: str, topic: str, event: str, payload: Any, ref: Any = None, join_ref: Any = None) -> bytes:
    if version == V2:
        return orjson.dumps([join_ref, ref, topic, event, payload])
    return orjson.dumps({"event": event, "payload": payload, "ref": ref, "topic": topic})


def read(version: str, data: bytes, wants: codec.Wants = everything, *, binary: bool = False) -> Frame:
    return decode(version, data, binary=binary, wants=wants)


# ---- the contract's bytes ---------------------------------------------------------------------------------------


def test_a_broadcast_goes_out_as_kind_3() -> None:
    assert len(KIND_3) == 78
    assert encode_broadcast(V2, "6", "10", TOPIC, "typing", TYPING) == (KIND_3, True)


def test_a_broadcast_comes_in_as_kind_4() -> None:
    assert len(KIND_4) == 73
    frame = read(V2, KIND_4, binary=True)
    assert (frame.kind, frame.topic) == (FrameKind.BROADCAST, TOPIC)
    assert frame.payload == {"type": "broadcast", "event": "typing", "payload": TYPING}


def test_raw_bytes_and_metadata_come_in_as_kind_4() -> None:
    assert len(KIND_4_RAW) == 83
    frame = read(V2, KIND_4_RAW, binary=True)
    assert frame.payload == {
        "type": "broadcast",
        "event": "bin",
        "payload": b"\x01\x02\x03",
        "meta": {"id": "9c7f0c1e-7a55-4a4e-9d6b-0a8f1c2d3e4f", "replayed": True},
    }


def test_the_shipped_client_broadcasts_as_text() -> None:
    data, binary = encode_broadcast(V1, "8", "9", "realtime:c", "typing", TYPING)
    assert not binary
    assert orjson.loads(data) == {
        "topic": "realtime:c",
        "event": "broadcast",
        "payload": {"type": "broadcast", "event": "typing", "payload": TYPING},
        "ref": "9",
        "join_ref": "8",
    }


def test_a_heartbeat_is_written_as_in_the_contract() -> None:
    heartbeat = b'{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"13"}'
    assert encode(V1, None, "13", "phoenix", "heartbeat", {}) == heartbeat
    assert encode(V2, None, "13", "phoenix", "heartbeat", {}) == b'[null,"13","phoenix","heartbeat",{}]'


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x03\x01" + b"6" + b"t:a" + b"e" + b"data",
        b"\x01\x01\x01\x03\x02" + b"6" + b"7" + b"t:a" + b"ok" + b"data",
        b"\x02\x03\x01" + b"t:a" + b"e" + b"data",
        KIND_3,
    ],
)
def test_other_binary_kinds_are_recognized_and_left_alone(data: bytes) -> None:
    frame = read(V2, data, binary=True)
    assert frame.kind is FrameKind.UNKNOWN
    assert frame.topic in ("t:a", TOPIC)
    assert not frame.read


def test_header_fields_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        encode_broadcast(V2, "1", "2", TOPIC, "e" * 256, {})
    with pytest.raises(ValueError, match="binary"):
        encode_broadcast(V1, "1", "2", TOPIC, "e", b"raw")


# ---- envelopes --------------------------------------------------------------------------------------------------


@BOTH
def test_every_kind_is_told_by_its_event(version: str) -> None:
    for kind in FrameKind:
        if kind in (FrameKind.UNKNOWN, FrameKind.MALFORMED, FrameKind.HEARTBEAT):
            continue
        frame = read(version, server_text(version, TOPIC, kind.value, {"a": 1}, "5"))
        assert frame == Frame(kind, TOPIC, kind.value, {"a": 1}, "5", None)
    assert read(version, server_text(version, "phoenix", "phx_reply", {}, "5")).kind is FrameKind.HEARTBEAT
    assert read(version, server_text(version, TOPIC, "something_new", {})).kind is FrameKind.UNKNOWN


@BOTH
def test_key_order_and_whitespace_do_not_matter(version: str) -> None:
    if version == V1:
        texts = [
            '{"topic":"t","ref":null,"payload":{"x":{"topic":"u","event":"v"}},"event":"system"}',
            ' { "payload" : {"x":{"topic":"u","event":"v"}} , "event" : "system" , "topic":"t" , "ref":null } ',
            '{"topic":"t","event":"system","payload":{"x":{"topic":"u","event":"v"}},"ref":null}\n',
            '{"event":"system","ref":null,"payload":{"x":{"topic":"u","event":"v"}},"topic":"t"}',
            '{"event":"system","topic":"t","ref":null,"payload":{"x":{"topic":"u","event":"v"}}}',
        ]
    else:
        texts = [' [ null , null , "t" , "system" , {"x":{"topic":"u","event":"v"}} ] \n']
    for text in texts:
        frame = read(version, text.encode(), lambda topic, event: (topic, event) == ("t", "system"))
        assert frame == Frame(FrameKind.SYSTEM, "t", "system", {"x": {"topic": "u", "event": "v"}})


def test_escapes_in_a_topic_are_read() -> None:
    for version in (V1, V2):
        frame = read(version, server_text(version, 'quo"te\\n', "system", {}))
        assert frame.topic == 'quo"te\\n'


@BOTH
@settings(max_examples=50)
@given(
    topic=st.text(max_size=20),
    event=st.text(max_size=12),
    payload=st.dictionaries(st.text(max_size=5), st.recursive(st.text() | st.integers(-9, 9), st.lists, max_leaves=4)),
    ref=st.none() | st.text("0123456789", min_size=1),
)
def test_what_a_server_writes_is_read_back_whoever_wants_it(
    version: str, topic: str, event: str, payload: dict[str, Any], ref: str | None
) -> None:
    data = server_text(version, topic, event, payload, ref)
    frame = read(version, data)
    assert (frame.topic, frame.event, frame.payload, frame.ref) == (topic, event, payload, ref)
    skipped = read(version, data, nothing)
    assert (skipped.kind, skipped.topic, skipped.event, skipped.read) == (frame.kind, topic, event, False)


@settings(max_examples=50)
@given(
    event=st.text("abc", min_size=1, max_size=9),
    topic=st.text("xyz:", min_size=1, max_size=9),
    payload=st.dictionaries(st.text(max_size=9), st.integers(-(2**53), 2**53) | st.text(max_size=9)),
    join_ref=st.text("0123456789", max_size=3),
    ref=st.text("0123456789", max_size=3),
)
def test_kind_3_says_what_was_said(event: str, topic: str, payload: dict[str, Any], join_ref: str, ref: str) -> None:
    """A server forwards a kind 3 frame as kind 4 with the same payload bytes."""
    data, _ = encode_broadcast(V2, join_ref, ref, topic, event, payload)
    sizes = data[1:7]
    start = 7 + sizes[0] + sizes[1]
    forwarded = bytes([4, sizes[2], sizes[3], sizes[4], sizes[5]]) + data[start:]
    frame = read(V2, forwarded, binary=True)
    assert frame.topic == topic
    assert frame.payload == {"type": "broadcast", "event": event, "payload": orjson.loads(orjson.dumps(payload))}


# ---- what nobody wants ------------------------------------------------------------------------------------------


@BOTH
def test_floods_and_unknown_topics_are_not_parsed(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("parsed")

    diff = server_text(version, "realtime:presence:global", "presence_diff", {"joins": {"a": {"metas": [{}]}}})
    gone = server_text(version, "realtime:left", "postgres_changes", {"data": {"record": {}}, "ids": [1]})
    monkeypatch.setattr(orjson, "loads", refuse)
    assert read(version, diff, nothing).kind is FrameKind.PRESENCE_DIFF
    assert read(version, gone, nothing).kind is FrameKind.CHANGE
    with pytest.raises(AssertionError, match="parsed"):
        read(version, diff, everything)


def test_an_unwanted_binary_broadcast_is_not_parsed() -> None:
    frame = read(V2, KIND_4[:-1], nothing, binary=True)  # not JSON any more, and nobody looks
    assert frame.kind is FrameKind.BROADCAST
    assert not frame.read


# ---- what is not a frame ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "data", "binary"),
    [
        (V1, b"", False),
        (V1, b"null", False),
        (V1, b"[]", False),
        (V1, b"{}", False),
        (V1, b'{"topic":1,"event":"system","payload":{},"ref":null}', False),
        (V1, b'{"topic":"t","event":"system","payload":[],"ref":null}', False),
        (V1, b'{"topic":"t","event":"system","payload":{},"ref":7}', False),
        (V1, b'{"event":"system","payload":{"x":"\xff"},"ref":null,"topic":"t"}', False),
        (V1, KIND_4, True),
        (V2, b"[" * 100_000, False),
        (V2, b'["1","2","t","system"]', False),
        (V2, b'["1","2","t","system",{},1]', False),
        (V2, b'["1","2","t","system",{}', False),
        (V2, b'["1","2","t\xff","system",{}]', False),
        (V2, b'[null,null,"t","postgres_changes",null]', False),
        (V2, b"", True),
        (V2, b"\x09", True),
        (V2, b"\x04", True),
        (V2, b"\x04\xff\xff\xff\x01abc", True),
        (V2, KIND_4[:40], True),
        (V2, KIND_4[:4] + b"\x02" + KIND_4[5:], True),
        (V2, KIND_4[:6] + b"\xff" + KIND_4[7:], True),
    ],
)
def test_a_malformed_frame_is_a_value_that_says_why(version: str, data: bytes, binary: bool) -> None:
    frame = read(version, data, binary=binary)
    assert frame.kind is FrameKind.MALFORMED
    assert frame.detail
    assert frame.payload is None


def samples(version: str) -> list[tuple[bytes, bool]]:
    """Good frames of every kind, to be broken."""
    change = {"data": {"table": "messages", "type": "INSERT", "record": {"id": "x", "n": 1.5}}, "ids": [81240551]}
    presence = {"joins": {"a1": {"metas": [{"phx_ref": "r", "last_seen": 1795428000000}]}}, "leaves": {}}
    texts = [
        server_text(version, TOPIC, "postgres_changes", change),
        server_text(version, TOPIC, "presence_diff", presence),
        server_text(version, TOPIC, "phx_reply", {"status": "ok", "response": {"postgres_changes": []}}, "6", "6"),
        server_text(version, TOPIC, "system", {"status": "error", "message": "Token has expired", "ü": "é"}),
        server_text(version, "phoenix", "phx_reply", {"status": "ok", "response": {}}, "13"),
    ]
    binaries = [KIND_3, KIND_4, KIND_4_RAW] if version == V2 else [KIND_4]
    return [(text, False) for text in texts] + [(data, True) for data in binaries]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four of: a bit flipped, bytes cut, doubled, inserted or replaced by what a parser may trip over."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(out) + 1)
        match rng.randrange(6):
            case 0 if place < len(out):
                out[place] ^= 1 << rng.randrange(8)
            case 1:
                del out[place : place + rng.randint(1, 20)]
            case 2:
                out[place:place] = out[place : place + rng.randint(1, 20)]
            case 3:
                out[place:place] = rng.randbytes(rng.randint(1, 4))
            case 4:
                token = rng.choice(
                    [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"null", b"\x00", b"1e999", b"\xed\xa0\x80"]
                )
                out[place : place + rng.randint(0, 2)] = token
            case _:
                del out[place:]
    return bytes(out)


def fuzz(version: str, count: int) -> None:
    """Neither an exception nor a leak: as many blocks of memory after the frames as before them."""
    rng, frames = random.Random(f"{version} {count}"), samples(version)
    wants: list[Callable[[str, str], bool]] = [everything, nothing, lambda topic, _: topic == TOPIC]

    def some(number: int) -> int:
        malformed = 0
        for _ in range(number):
            data, binary = rng.choice(frames)
            frame = decode(version, mutated(data, rng), binary=binary, wants=rng.choice(wants))
            assert isinstance(frame, Frame)
            malformed += frame.kind is FrameKind.MALFORMED
            assert (frame.kind is FrameKind.MALFORMED) == bool(frame.detail)
        return malformed

    some(1_000)
    gc.collect()
    before = sys.getallocatedblocks()
    malformed = some(count)
    gc.collect()
    assert malformed > count // 4, "the frames were hardly broken"
    assert sys.getallocatedblocks() - before < KEYS_KEPT_BY_ORJSON + 500


@BOTH
def test_ten_thousand_broken_frames(version: str) -> None:
    fuzz(version, 5_000)


@pytest.mark.slow
@BOTH
def test_a_hundred_thousand_broken_frames(version: str) -> None:
    fuzz(version, 100_000)
