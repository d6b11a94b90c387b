"""Replies in outline: what is kept of each kind for the rules that are asked after the run, and of what nothing is."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from harness.client.checks.read_checks import ReadChecks
from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.read_samples import NO_ID, asked_for
from harness.core.outcome import Outcome
from harness.core.read_log import ReadSample

ME, OTHER, ROOM, ROOM_2, MESSAGE = (str(uuid.UUID(int=number, version=4)) for number in range(1, 6))
MINE = uuid.UUID(ME).bytes


def outline(
    call: str,
    data: Any,
    *arguments: str,
    body: Any = None,
    me: str = ME,
    copies: bool = False,
    outcome: Outcome = Outcome.OK,
) -> ReadSample | None:
    """What a phone keeps of one reply."""
    kept: list[ReadSample] = []

    def fails(error: Exception) -> None:
        raise error

    checks = ReadChecks(lambda *_: None, lambda *_: None, fails, lambda *_: True, lambda _, sample: kept.append(sample))
    checks.ends(CheckedReply(call, me, arguments, body, data, copies=copies), outcome)
    return kept[0] if kept else None


def raw(*ids: str) -> bytes:
    return b"".join(uuid.UUID(id_).bytes for id_ in ids)


def in_list(room: str, last: Any) -> dict[str, Any]:
    return {"conversation_id": room, "participants": [{"id": ME}], "last_message_id": last}


def test_a_list_has_the_last_message_of_each_conversation() -> None:
    found = outline("conversation_list", [in_list(ROOM, MESSAGE), in_list(ROOM_2, None)])
    assert found == ReadSample(MINE, ids=raw(ROOM, ROOM_2), owners=raw(MESSAGE) + NO_ID)
    found = outline("conversation_list", [in_list(ROOM, 7)])
    assert found == ReadSample(MINE, ids=raw(ROOM)), "no id: nothing is said of last messages, all of the rest"


def test_of_people_one_follows_it_is_known_whether_they_are_all() -> None:
    for call, limit in (("people_followed", 900), ("stories_followed", 40)):
        assert outline(call, [{"followed_id": OTHER}] * (limit - 1), ME) == ReadSample(
            MINE, ids=raw(OTHER) * (limit - 1)
        )
        found = outline(call, [{"followed_id": OTHER}] * limit, ME)
        assert found is not None
        assert not found.whole


def test_of_lists_it_is_kept_what_was_asked_for() -> None:
    rows = [{"list_id": ROOM, "title_id": MESSAGE}]
    ask = f"{ROOM},{ROOM_2}"
    for call in ("list_items", "stories_items"):
        found = outline(call, rows, ask)
        assert found == ReadSample(MINE, ids=raw(MESSAGE), owners=raw(ROOM), detail=ask.replace("-", ""))
        assert asked_for(found.detail) == (raw(ROOM), raw(ROOM_2))
    found = outline("stories_lists", [{"id": ROOM, "user_id": OTHER}], f"{ME},{OTHER}")
    assert found is not None
    assert (found.ids, found.owners, asked_for(found.detail)) == (raw(ROOM), raw(OTHER), (raw(ME), raw(OTHER)))
    assert asked_for("") == ()


def test_read_markers_have_whose_they_are_and_their_times() -> None:
    rows: list[dict[str, object]] = [
        {"user_id": ME, "last_read_at": "2026-03-01T09:00:00.5+00:00", "last_read_message_id": MESSAGE},
        {"user_id": OTHER, "last_read_at": None, "last_read_message_id": None},
    ]
    found = outline("read_receipts_poll", rows, ROOM)
    times = (1_772_355_600_500_000).to_bytes(16) + bytes(16)
    assert found == ReadSample(MINE, uuid.UUID(ROOM).bytes, ids=raw(ME, OTHER), owners=times)
    assert outline("read_receipts_poll", rows, ROOM, copies=True) is None
    assert outline("read_receipts_poll", [{"user_id": 7}], ROOM) is None


def test_a_page_has_the_date_of_each_message() -> None:
    at = [1_772_355_600_500_000, 1_772_355_600_000_000]
    rows = [
        {"id": MESSAGE, "created_at": "2026-03-01T09:00:00.5+00:00"},
        {"id": OTHER, "created_at": "2026-03-01T09:00:00+00:00"},
    ]
    found = outline("messages_poll", rows, ROOM)
    dated = b"".join(one.to_bytes(16) for one in at)
    assert found == ReadSample(MINE, uuid.UUID(ROOM).bytes, True, at[1], raw(MESSAGE, OTHER), dated)
    rows[0]["created_at"] = "never"
    assert outline("messages_poll", rows, ROOM) == ReadSample(
        MINE, uuid.UUID(ROOM).bytes, True, at[1], raw(MESSAGE, OTHER)
    )


def test_a_library_has_titles_rows_and_statuses() -> None:
    rows = [{"id": MESSAGE, "title_id": ROOM, "status": "watched"}, {"id": OTHER, "title_id": ROOM_2, "status": "x"}]
    found = outline("library_list", rows, ME)
    assert found == ReadSample(MINE, ids=raw(ROOM, ROOM_2), owners=raw(MESSAGE, OTHER), detail="watched,x")
    assert outline("library_list", [], ME) == ReadSample(MINE)
    assert outline("library_list", rows, OTHER) is None
    assert outline("library_list", [{**rows[0], "status": None}], ME) is None


def test_figures_suggestions_settings_and_removals() -> None:
    figures = {"followers_count": 9, "following_count": 4}
    assert outline("own_stats", figures, ME) == ReadSample(MINE, first=4)
    assert outline("own_stats", [], ME) == ReadSample(MINE), "no row at all"
    hints = {"ok": True, "contextKey": "home:v1", "suggestions": [{"id": ROOM}, {"id": ROOM_2}]}
    assert outline("assistant_suggestions", hints) == ReadSample(MINE, ids=raw(ROOM, ROOM_2), detail="home:v1")
    assert outline("assistant_suggestions", {**hints, "suggestions": []}) == ReadSample(MINE, detail="home:v1")
    settings = {"ok": True, "version": 3, "settings": {"b": 1, "a": "x" * 100}}
    found = outline("app_settings", settings)
    assert found is not None
    assert found.first == 3
    assert found.detail.startswith('{"a":"checksum ')
    assert found.detail.endswith('"b":1}')
    busy = {"ok": True, "is_typing": False, "is_queued": True, "jobKind": "reply"}
    status = outline("assistant_status", busy, body={"p_conversation_id": ROOM})
    assert status == ReadSample(MINE, raw(ROOM), detail=ROOM, first=0, second=1)
    removed = outline("attachment_remove", [{"name": "a.png"}], body={"prefixes": ["a.png"]})
    assert removed == ReadSample(MINE, detail="a.png")


@pytest.mark.parametrize(
    ("call", "data", "more"),
    [
        ("own_stats", {"following_count": 4}, {"arguments": (OTHER,)}),
        ("own_stats", [], {"arguments": (OTHER,)}),
        ("own_stats", {"following_count": "4"}, {"arguments": (ME,)}),
        ("assistant_suggestions", {"suggestions": []}, {}),
        ("assistant_suggestions", {"contextKey": "k", "suggestions": [{"id": "no id"}]}, {}),
        ("assistant_suggestions", {"contextKey": "k", "suggestions": []}, {"outcome": Outcome.SERVER_ERROR}),
        ("assistant_status", {"is_typing": True}, {"body": {"p_conversation_id": ROOM}}),
        ("assistant_status", {"is_typing": True, "is_queued": False}, {"body": {"p_conversation_id": "x"}}),
        ("app_settings", {"version": 3, "settings": {}}, {}),
        ("app_settings", {"version": "3", "settings": {"a": 1}}, {}),
        ("app_settings", {"version": 3, "settings": {"a": 1}}, {"me": ""}),
        ("attachment_remove", [], {"body": {"prefixes": ["a.png"]}}),  # nothing was removed
        ("attachment_remove", [{"name": "a.png"}], {"body": {"prefixes": ["a.png"]}, "copies": True}),
        ("attachment_remove", [{"name": "a.png"}], {"body": {"prefixes": ["a.png", "b.png"]}}),
    ],
)
def test_nothing_is_kept_of_what_says_nothing(call: str, data: Any, more: dict[str, Any]) -> None:
    rest = {name: value for name, value in more.items() if name != "arguments"}
    assert outline(call, data, *more.get("arguments", ()), **rest) is None
