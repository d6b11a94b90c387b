"""What differs between two recordings, said as exactly that; and what is no difference."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.trace.compare import compare
from harness.trace.comparison import TraceClass, TraceComparison
from harness.trace.differences import DifferenceKind, TraceDifference
from harness.trace.known import read_known
from harness.trace.told import as_json, lines
from tests.trace.recorded import TRACES, Line, committed, flow, in_flow, read, request, sent

ROOM = "realtime:conversation-db-id-0001"
PROFILE = "/rest/v1/profiles?select=id,bio&id=eq.id-0001"


def found(recorded: list[Line], phone: list[Line]) -> list[TraceDifference]:
    return list(compare(read(recorded), read(phone)).differences)


def only(recorded: list[Line], phone: list[Line]) -> tuple[DifferenceKind, str, str]:
    """The one difference that there is."""
    differences = found(recorded, phone)
    assert len(differences) == 1, [one.key for one in differences]
    return differences[0].kind, differences[0].what, differences[0].detail


def batch(t: float, *kinds: str) -> Line:
    events = [{"eventType": kind, "clientEventId": f"id-{n + 100:04d}"} for n, kind in enumerate(kinds)]
    items = [{"mediaItemId": f"id-{n + 200:04d}", "events": [event]} for n, event in enumerate(events)]
    return request(t, "POST", "/functions/v1/media-swipe-event", {"items": items})


# ---- none --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["real-client", "real-client-more"])
def test_a_recording_differs_in_nothing_from_itself(name: str) -> None:
    comparison = compare(read(committed(name)), read(committed(name)))
    assert list(comparison.differences) == []
    assert comparison.count.share == 1.0
    assert comparison.of_class(TraceClass.PREFLIGHTS).recorded > 50


@pytest.mark.parametrize("name", ["real-client", "real-client-more"])
def test_ids_texts_and_a_little_time_are_no_difference(name: str) -> None:
    """Another person, other titles, another day, a slower machine."""
    text = (TRACES / f"{name}.jsonl").read_text().replace("id-0", "id-9").replace("brown", "green")
    other = [json.loads(line) for line in text.splitlines()]
    for line in other:
        if line["event"] == "request":
            line["t"] += 0.3
    assert [one.key for one in found(committed(name), other)] == []


def test_how_many_things_are_asked_about_is_the_datas_doing() -> None:
    url = "/rest/v1/profiles_public?select=id&id=in."
    few, many = request(0.1, "GET", f"{url}()"), request(0.1, "GET", f"{url}(id-0001,id-0002)")
    assert found(flow("a", few), flow("a", many)) == []


def test_flows_of_one_name_are_kept_apart() -> None:
    one, other = request(0.1, "GET", PROFILE), request(0.1, "GET", "/rest/v1/lists?select=id")
    recording = read([*flow("swipe", one), *flow("swipe", other)])
    assert [(made.name, len(made.events)) for made in recording.flows] == [("swipe", 1), ("swipe-2", 1)]
    assert [
        difference.flow for difference in found([*flow("swipe", one), *flow("swipe", other)], flow("swipe", one))
    ] == ["swipe-2"]


def test_a_beat_more_or_less_of_a_timer_is_none() -> None:
    polls = [request(t, "GET", "/rest/v1/messages?select=id&conversation_id=eq.id-0001") for t in (1.0, 6.0, 11.0)]
    later = [{**line, "t": line["t"] + 3.5} for line in polls[:2]]
    end = request(11.4, "GET", "/rest/v1/lists?select=id")
    assert found(flow("idle", *polls, end), flow("idle", *later, end)) == []


# ---- each kind ---------------------------------------------------------------------------------------------------


def test_a_call_that_is_missing_and_one_that_is_extra() -> None:
    mine, theirs = request(0.1, "GET", "/rest/v1/lists?select=id"), request(0.1, "HEAD", "/rest/v1/follows?select=id")
    kinds = {(one.kind, one.what) for one in found(flow("a", mine), flow("a", theirs))}
    assert kinds == {
        (DifferenceKind.MISSING, "GET /rest/v1/lists"),
        (DifferenceKind.EXTRA, "HEAD /rest/v1/follows"),
    }


def test_a_column_more() -> None:
    more = request(0.1, "GET", "/rest/v1/profiles?select=id,bio,age&id=eq.id-0001")
    kind, what, detail = only(flow("a", more), flow("a", request(0.1, "GET", PROFILE)))
    assert (kind, what) == (DifferenceKind.QUERY, "GET /rest/v1/profiles")
    assert detail == "select has one column more than the phone's: age"


@pytest.mark.parametrize(
    ("mine", "theirs", "detail"),
    [
        ("id=eq.id-0001", "id=in.(id-0001)", "id=eq.*, the phone's in.(*)"),
        ("id=eq.id-0001&limit=6", "id=eq.id-0001&limit=9", "limit=6, the phone's 9"),
        ("id=eq.id-0001&limit=6", "id=eq.id-0001", "limit=6 is missing in the phone"),
        ("id=eq.id-0001", "id=eq.id-0001&order=id.desc", "order=id.desc is missing in the recording"),
        ("name=ilike.%25x%25", "name=like.%25x%25", "name=ilike.*, the phone's like.*"),
    ],
)
def test_a_filter_that_is_another(mine: str, theirs: str, detail: str) -> None:
    url = "/rest/v1/lists?select=id,name&"
    kind, _, said = only(flow("a", request(0.1, "GET", url + mine)), flow("a", request(0.1, "GET", url + theirs)))
    assert (kind, said) == (DifferenceKind.QUERY, detail)


@pytest.mark.parametrize(
    ("mine", "theirs", "detail"),
    [
        ({"a": 1, "b": None}, {"a": 1}, "body b (null) is missing in the phone"),
        ({"a": 1}, {"a": 1, "c": {"d": 2}}, "body c.d (number) is missing in the recording"),
        ({"a": 1, "adult": False}, {"a": 1, "adult": "false"}, "body adult is false, the phone's <text>"),
        ({"a": 1, "limit": 72}, {"a": 1, "limit": 60}, "body limit is 72, the phone's 60"),
        (
            {"x": 1, "filters": {"status": "all"}},
            {"x": 1, "filters": {}},
            "body filters.status (all) is missing in the phone",
        ),
        (
            {"x": 1, "context": {}},
            {"x": 1, "context": {"id": "y"}},
            "body context.id (<text>) is missing in the recording",
        ),
    ],
)
def test_a_body_that_is_another(mine: Any, theirs: Any, detail: str) -> None:
    url = "/functions/v1/media-search"
    differences = found(flow("a", request(0.1, "POST", url, mine)), flow("a", request(0.1, "POST", url, theirs)))
    assert {one.kind for one in differences} == {DifferenceKind.BODY}
    assert [one.detail for one in differences] == [detail]


def test_a_header_that_is_another() -> None:
    mine = request(0.1, "GET", PROFILE, headers={"accept": "application/json", "origin": "http://a"})
    theirs = request(0.1, "GET", PROFILE, headers={"accept": "*/*", "origin": "http://b"})
    kind, _, detail = only(flow("a", mine), flow("a", theirs))
    assert (kind, detail) == (DifferenceKind.HEADER, "header accept is application/json, the phone's */*")
    signed = request(0.1, "GET", PROFILE)
    assert only(flow("a", signed), flow("a", {**signed, "auth": "anon"}))[2].startswith("header authorization")


def test_an_instant_beyond_its_play() -> None:
    mine, theirs = batch(1.0, "like"), batch(3.0, "like")
    kind, what, detail = only(flow("a", mine), flow("a", theirs))
    assert (kind, what) == (DifferenceKind.INSTANT, "POST /functions/v1/media-swipe-event")
    assert detail == "the phone sends it more than 0.75 s later"
    assert found(flow("a", mine), flow("a", batch(1.5, "like"))) == []


def test_a_timer_of_another_period() -> None:
    url = "/rest/v1/messages?select=id&conversation_id=eq.id-0001"
    mine = [request(float(t), "GET", url) for t in (0, 5, 10, 15, 20)]
    theirs = [request(float(t), "GET", url) for t in (0, 10, 20)]
    details = {one.detail for one in found(flow("a", *mine), flow("a", *theirs)) if one.kind is DifferenceKind.INSTANT}
    assert details == {"every 5.0 s, the phone every 10.0 s"}


def test_a_reply_that_is_not_waited_for() -> None:
    lists, items = "/rest/v1/lists?select=id", "/rest/v1/list_items?select=id"
    mine = [request(0.1, "GET", lists, seconds=0.1), request(0.21, "GET", items)]
    theirs = [request(0.1, "GET", lists, seconds=0.1), request(0.1, "GET", items)]
    kind, what, detail = only(flow("a", *mine), flow("a", *theirs))
    assert (kind, what) == (DifferenceKind.ORDER, "GET /rest/v1/list_items")
    assert detail.startswith("sent after the reply to GET /rest/v1/lists")


def test_a_call_whose_name_only_begins_alike_is_another() -> None:
    public = "/rest/v1/profiles_public?select=id&id=eq.id-0002"
    mine = [request(0.1, "GET", public, seconds=0.1), request(0.4, "GET", PROFILE)]
    theirs = [request(0.1, "GET", public, seconds=0.1), request(0.1, "GET", PROFILE)]
    assert found(flow("a", *mine), flow("a", *theirs)) == []


def test_a_join_with_another_payload_and_a_typing_signal_too_few() -> None:
    mine = sent(0.1, ROOM, "phx_join", {"config": {"private": False}, "access_token": "x"})
    theirs = sent(0.1, ROOM, "phx_join", {"config": {"private": False}})
    assert only(flow("a", mine), flow("a", theirs))[2] == "body access_token (<text>) is missing in the phone"
    typing = {"type": "broadcast", "event": "typing", "payload": {"isTyping": True}}
    kind, what, _ = only(flow("a", mine, sent(0.2, ROOM, "broadcast", typing)), flow("a", mine))
    assert (kind, what.split()[-1]) == (DifferenceKind.MISSING, "typing")


def test_no_heartbeat_at_all_is_missed() -> None:
    mine = flow(
        "a", sent(1.0, "phoenix", "heartbeat"), sent(26.0, "phoenix", "heartbeat"), sent(51.0, "phoenix", "heartbeat")
    )
    assert {one.kind for one in found(mine, flow("a"))} == {DifferenceKind.MISSING}


def test_preflights_count_like_other_requests_but_not_where_a_recording_can_show_none() -> None:
    asked = {"access-control-request-method": "GET"}
    preflight = request(0.1, "OPTIONS", PROFILE, headers=asked, auth="none")
    get = request(0.2, "GET", PROFILE)
    assert only(flow("a", preflight, get), flow("a", get))[:2] == (
        DifferenceKind.MISSING,
        "OPTIONS GET /rest/v1/profiles",
    )
    assert found(flow("a", get), flow("a", preflight, get)) == []


# ---- four planted changes, each told as exactly that -------------------------------------------------------------


def test_a_shorter_stale_time() -> None:
    before = [request(0.1, "GET", PROFILE)]
    shown = [request(0.1, "GET", "/rest/v1/lists?select=id"), request(0.2, "GET", PROFILE)]
    mine = [*flow("home", *before, at=100.0), *flow("shown", *shown, at=108.0)]
    theirs = [*flow("home", *before, at=100.0), *flow("shown", shown[0], at=108.0)]
    kind, what, detail = only(mine, theirs)
    assert (kind, what) == (DifferenceKind.REREAD, "GET /rest/v1/profiles")
    assert detail.startswith("read again by the recording, not by the phone, after at most 10 s")
    kind, _, detail = only(theirs, mine)
    assert (kind, detail[:43]) == (DifferenceKind.REREAD, "read again by the phone, not by the recordi")


def test_after_a_page_load_nothing_is_read_again_for_its_age() -> None:
    load = [request(0.1, "GET", "/auth/v1/user")]
    mine = [
        *flow("home", request(0.1, "GET", PROFILE), at=100.0),
        *flow("load", *load, request(0.2, "GET", PROFILE), at=108.0),
    ]
    theirs = [*flow("home", request(0.1, "GET", PROFILE), at=100.0), *flow("load", *load, at=108.0)]
    assert only(mine, theirs)[0] is DifferenceKind.MISSING


def test_a_channel_left_open() -> None:
    join, leave = sent(0.1, ROOM, "phx_join", {"config": {}}), sent(0.2, ROOM, "phx_leave")
    closed, left_open = [*flow("a", join), *flow("b", leave), *flow("c")], [*flow("a", join), *flow("b"), *flow("c")]
    kind, what, detail = only(left_open, closed)
    assert (kind, what) == (DifferenceKind.CHANNEL, "channel realtime:conversation-db-:id")
    assert detail == "left open in the recording, left in the other"
    assert only(closed, left_open)[2] == "left open in the phone, left in the other"


def test_a_batch_of_ten() -> None:
    five = [batch(2.0 * n, "like", "impression") for n in range(1, 6)]
    ten = [batch(10.0, *("like", "impression") * 5)]
    kind, what, detail = only(flow("swipe", *ten), flow("swipe", *five))
    assert (kind, what) == (DifferenceKind.BATCH, "POST /functions/v1/media-swipe-event")
    assert detail == "10 items in one request, in 5 of 2 on the phone"
    assert only(flow("swipe", *five), flow("swipe", *ten))[0] is DifferenceKind.BATCH


# ---- the allow list ----------------------------------------------------------------------------------------------


def compared(tmp_path: Path, toml: str) -> TraceComparison:
    path = tmp_path / "known.toml"
    path.write_text(toml)
    recorded = flow("a", request(0.1, "GET", PROFILE), request(0.2, "GET", "/rest/v1/lists?select=id"))
    return read_known(path).applied(compare(read(recorded), read(flow("a", request(0.1, "GET", PROFILE)))))


def test_a_known_difference_has_its_reason_and_is_none(tmp_path: Path) -> None:
    comparison = compared(
        tmp_path, '[[known]]\nkind = "missing"\nwhat = "GET /rest/v1/li*"\nreason = "nobody needs their lists"\n'
    )
    assert comparison.unknown == ()
    assert [one.known for one in comparison.differences] == ["nobody needs their lists"]
    assert comparison.unused == ()
    assert comparison.count.share < 1.0  # the share does not know of reasons


def test_an_entry_that_no_longer_occurs_is_said(tmp_path: Path) -> None:
    comparison = compared(tmp_path, '[[known]]\nflow = "a"\nwhat = "GET /gone"\nreason = "it was so once"\n')
    assert len(comparison.unknown) == 1
    assert comparison.unused == ("a | * | GET /gone | *",)
    assert "allow list: a | * | GET /gone | * no longer occurs; take it out" in list(lines(comparison))
    other_flow = compared(tmp_path, '[[known]]\nflow = "b"\nwhat = "GET /gone"\nreason = "it was so once"\n')
    assert other_flow.unused == ()  # that flow was not compared


@pytest.mark.parametrize(
    "toml",
    ["[[known]]\nwhat = 'x'", "[[known]]\nreason = 'short'", "[[known]]\nreason = 'long enough'\nkid = 1", "x ="],
)
def test_an_entry_without_a_reason_is_refused(tmp_path: Path, toml: str) -> None:
    with pytest.raises(UsageError):
        compared(tmp_path, toml)


# ---- told --------------------------------------------------------------------------------------------------------


def test_text_and_json_say_the_same_of_a_changed_client() -> None:
    changed = copy.deepcopy(committed("real-client"))
    for line in in_flow(changed, "b-home"):
        line["url"] = line.get("url", "").replace("limit=500", "limit=100")
    comparison = compare(read(changed), read(committed("real-client")))
    said, told = list(lines(comparison)), as_json(comparison)
    assert told["unknown"] == len(comparison.unknown) > 0
    home = next(one for one in told["flows"] if one["name"] == "b-home")
    assert {one["kind"] for one in home["differences"]} == {"query"}
    assert all("limit=100, the phone's 500" in one["detail"] for one in home["differences"])
    assert any("limit=100, the phone's 500" in line for line in said)
    assert said[1].split()[:2] == ["b-load", "100.0"]
    assert told["share"] < 1.0
