"""What a recording is read as: flows, steps, and nothing that is somebody's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.trace import har
from harness.trace.lines import BadRecording, recording_of, written
from harness.trace.reading import read_recording
from harness.trace.steps import PersonStep, StepKind, steps_by_flow
from tests.trace.recorded import TRACES, committed, flow, har_of, read, request, sent, some


def kinds(steps: dict[str, tuple[PersonStep, ...]], name: str) -> list[str]:
    return [step.kind.value for step in steps[name]]


def test_the_flows_that_are_marked_and_what_the_person_did_in_them() -> None:
    recording = read_recording(TRACES / "real-client.jsonl")
    assert [one.name for one in recording.flows][:4] == ["b-load", "b-swipe-open", "b-swipe", "b-offline"]
    steps = steps_by_flow(recording.flows)
    assert kinds(steps, "b-load") == ["load"]
    assert kinds(steps, "b-swipe") == ["swipe"] * 8
    assert [step.word for step in steps["b-swipe"]][:3] == ["like", "dislike", "dislike"]
    assert kinds(steps, "b-offline") == ["offline"] + ["swipe"] * 8  # told by the batch that left afterwards
    assert kinds(steps, "b-online") == ["online"]
    assert kinds(steps, "b-search") == ["search", "query"]
    assert kinds(steps, "b-chips") == ["chips"]
    assert [step.word for step in steps["b-chips"]] == ["movie"]
    assert [kinds(steps, name) for name in ("b-messages", "b-conversation", "b-leave", "b-home")] == [
        ["messages"],
        ["conversation"],
        ["leave"],
        ["home"],
    ]
    assert (kinds(steps, "b-hidden"), kinds(steps, "b-shown")) == (["hidden"], ["shown"])


def test_signing_in_sending_and_a_reload_with_events_in_hand() -> None:
    steps = steps_by_flow(read_recording(TRACES / "real-client-more.jsonl").flows)
    assert (kinds(steps, "sign-in"), kinds(steps, "reload-signed-in")) == (["sign-in"], ["load"])
    assert kinds(steps, "send") == ["send"] * 3
    assert all(1.2 < (step.seconds or 0) < 1.7 for step in steps["send"])  # typed before
    assert kinds(steps, "idle-in-conversation") == []
    assert kinds(steps, "reload-buffered") == ["swipe", "swipe", "swipe", "load", "swipe-open"]


def test_when_a_flow_was_is_told_by_the_clients_own_clock() -> None:
    recording = read_recording(TRACES / "real-client.jsonl")
    starts = {one.name: one.start for one in recording.flows}
    assert starts["b-load"] is not None
    assert starts["b-shown"] is not None
    assert starts["b-shown"] - starts["b-load"] == pytest.approx(132.0, abs=0.5)
    assert starts["b-home"] is None  # nothing in it says


@pytest.mark.parametrize("name", ["real-client", "real-client-more"])
def test_without_marks_the_flows_are_found(name: str) -> None:
    marked = read(committed(name))
    found = har.recording_of(har_of(committed(name)))
    assert found.preflights
    assert sum(len(list(one.requests)) for one in found.flows) == sum(len(list(one.requests)) for one in marked.flows)
    did = [step.kind for steps in steps_by_flow(found.flows).values() for step in steps]
    wanted = [step.kind for steps in steps_by_flow(marked.flows).values() for step in steps]
    assert sorted(kind.value for kind in did) == sorted(kind.value for kind in wanted)
    names = [one.name for one in found.flows]
    assert len(names) == len(set(names))
    if name == "real-client":
        wanted_names = {"load", "swipe-open", "swipe", "offline", "online", "search", "chips", "messages"}
        assert wanted_names | {"conversation", "leave", "home", "hidden", "shown"} <= set(names)
    else:
        assert {"sign-in", "load", "send"} <= set(names)


def test_a_recording_that_is_written_reads_as_the_same() -> None:
    recording = read_recording(TRACES / "real-client.jsonl")
    again = recording_of(written(recording))
    assert [one.name for one in again.flows] == [one.name for one in recording.flows]
    for one, other in zip(recording.flows, again.flows, strict=True):
        assert [request.path for request in one.requests] == [request.path for request in other.requests]
        assert [request.query for request in one.requests] == [request.query for request in other.requests]
        assert one.start == other.start or one.start == pytest.approx(other.start, abs=0.01)


SECRETS = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0b3BzZWNyZXQifQ.c2lnbmF0dXJl",
    "sb_publishable_q1w2e3r4t5y6",
    "hunter2-correct-horse",
    "ada.lovelace@example.org",
    "Ada Lovelace",
    "meet me at the old mill",
    "adalovelace1815",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "https://pictures.example.org/ada.png",
    "secretsearch",
    "ada-folder",
)
TOKEN, KEY, PASSWORD, EMAIL, NAME, TEXT, USERNAME, ID, LINK, SEARCH, FOLDER = SECRETS


def planted() -> list[dict[str, object]]:
    """A recording with something of everything that is nobody's business, in every place where it may stand."""
    signed = {"headers": {"Authorization": f"Bearer {TOKEN}", "apikey": KEY, "x-request-id": ID, "origin": LINK}}
    message = {"text": TEXT, "body": {"text": TEXT, "type": "text"}, "user_id": ID, "displayName": NAME}
    typing = {"type": "broadcast", "event": "typing", "payload": {"displayName": NAME, "isTyping": True}}
    join = {"config": {"presence": {"key": ID}}, "access_token": TOKEN}
    return flow(
        "load",
        request(0.1, "GET", f"/auth/v1/user?apikey={KEY}", **signed),
        request(0.2, "POST", "/auth/v1/token?grant_type=password", {"email": EMAIL, "password": PASSWORD}),
        request(0.25, "POST", f"/auth/v1/token?grant_type=refresh_token&x={TOKEN}", {"refresh_token": PASSWORD}),
        request(0.3, "GET", f"/rest/v1/profiles?select=id&username=eq.{USERNAME}&id=eq.{ID}&or=(email.eq.{EMAIL})"),
        request(0.3, "GET", f"/rest/v1/profiles?display_name=ilike.%25{NAME}%25&select={EMAIL}&order={EMAIL}"),
        request(0.35, "PATCH", f"/rest/v1/profiles?id=in.({ID},{EMAIL})", {"kind": NAME, "mode": EMAIL, EMAIL: NAME}),
        request(0.4, "POST", "/rest/v1/messages", message, headers={"prefer": f"return={EMAIL}", "accept": f"<{KEY}>"}),
        request(0.5, "POST", f"/storage/v1/object/avatars/{FOLDER}/{NAME}.png", {"url": LINK}),
        request(0.5, "GET", f"/functions/v1/media-search/{USERNAME}/{EMAIL}", {"query": SEARCH}),
        request(0.5, "POST", f"/storage/v1/object/sign/avatars/{FOLDER}/a.png", {"expiresIn": 3600}),
        request(0.5, "GET", f"/rest/v1/profiles/{USERNAME}?or=(name.ilike.%25x, {USERNAME}%25,bio.eq.x)"),
        request(0.5, "GET", f"/auth/v1/user/{USERNAME}"),
        request(
            0.6,
            "POST",
            "/functions/v1/tmdb-proxy",
            {"path": f"/person/{USERNAME}/{EMAIL}", "params": {"query": SEARCH}},
        ),
        {"t": 0.7, "event": "ws-open", "url": f"/realtime/v1/websocket?apikey={KEY}"},
        sent(0.8, f"realtime:room:{EMAIL}", "phx_join", join),
        sent(0.9, f"realtime:supabase_realtime_typing:conversation:{ID}", "broadcast", typing),
    )


@pytest.mark.parametrize("as_har", [False, True])
def test_nothing_of_anybody_is_in_a_recording_once_it_is_read(as_har: bool) -> None:
    lines = planted()
    recording = har.recording_of(har_of(lines)) if as_har else read(lines)
    said = written(recording).decode() + repr(recording)
    assert len(list(recording.flows[-1].events)) > 3
    assert [secret for secret in SECRETS if secret.lower() in said.lower()] == []
    assert "isTyping" in said  # keys and the program's own words stay
    assert SEARCH in recording.words.values()  # for the replay alone


def test_the_same_thing_has_the_same_stand_in() -> None:
    one, other = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    lines = [request(n / 10, "GET", f"/rest/v1/ratings?id=eq.{id_}") for n, id_ in enumerate((one, other, one))]
    queries = [made.query for made in read(flow("a", *lines)).flows[0].requests]
    assert queries[0] == queries[2] != queries[1]


@pytest.mark.parametrize(
    "text", ["{", '{"event":"request","t":"x"}', '{"event":"other","t":1}', '{"flow":"../x","event":"flow"}', "[]"]
)
def test_what_is_no_recording_is_told_with_its_line(text: str) -> None:
    with pytest.raises(BadRecording, match="line 1"):
        recording_of(text.encode())


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, content in (
        ("a.jsonl", "{"),
        ("b.har", '{"log": {}}'),
        ("c.jsonl", ""),
        ("d.har", '{"log":{"entries":[]}}'),
    ):
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(UsageError):
            read_recording(path)


def test_what_is_asked_of_other_hosts_is_no_part_of_it() -> None:
    lines = flow("load", request(0.1, "GET", "/assets/index.js"), request(0.2, "GET", "/rest/v1/lists?select=id"))
    assert [made.path for made in read(lines).flows[0].requests] == ["/rest/v1/lists"]


def test_a_short_part_of_a_recording_is_one() -> None:
    recording = read(some(committed("real-client"), b_load=5.0, b_swipe=4.0))
    assert [one.name for one in recording.flows] == ["b-load", "b-swipe"]
    assert [step.kind for step in steps_by_flow(recording.flows)["b-swipe"]] == [StepKind.GESTURE]
    assert json.loads(written(recording).splitlines()[0])["flow"] == "b-load"
