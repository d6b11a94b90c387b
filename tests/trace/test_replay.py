"""A phone replays a recording against a sandbox; what it sent is recorded at the wire and compared."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from orjson import dumps

from harness.cli.trace import trace
from harness.core.errors import UsageError
from harness.core.resolved_target import ResolvedTarget
from harness.trace.compare import compare
from harness.trace.differences import DifferenceKind
from harness.trace.lines import written
from harness.trace.model import TracedFrame, TracedSocket
from harness.trace.replay import Replayed, replay
from harness.trace.stage import stage
from tests.trace.recorded import TRACES, Line, committed, har_of, in_flow, lines_of, read, some
from tests.trace.test_reading import SECRETS
from tests.trace.test_reading import planted as planted_secrets

FLOWS = {
    "b_load": 5.0,
    "b_swipe_open": 5.0,
    "b_swipe": 7.0,
    "b_messages": 0.5,
    "b_conversation": 5.6,
    "b_leave": 0.5,
    "b_hidden": 1.0,
    "b_shown": 1.0,
}


pytestmark = pytest.mark.xdist_group("tests/trace/test_replay.py")  # one sandbox and one replay for all of them


class Silent:
    def stage(self, text: str) -> None: ...

    def progress(self, facts: object) -> None: ...

    def problem(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture(scope="module")
def target() -> Iterator[ResolvedTarget]:
    with stage(Silent()) as target:
        yield target


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    recorded = committed("real-client")
    for line in in_flow(recorded, "b-swipe"):
        line["t"] /= 2.0  # a person in a hurry: five swipes in seven seconds
    kept = some(recorded, **FLOWS)
    at = 100.0
    for line in kept:
        if line["event"] == "flow":
            line["at"] = at  # nobody pauses for long between two flows
            at += FLOWS[line["flow"].replace("-", "_")] + 2.0
    return kept


@pytest.fixture(scope="module")
def replayed(target: ResolvedTarget, lines: list[Line]) -> Replayed:
    return replay(read(lines), target)


@pytest.fixture
def phone(replayed: Replayed) -> list[Line]:
    """What the phone sent, as lines to plant something in."""
    return copy.deepcopy(lines_of(written(replayed.recording)))


def planted(phone: list[Line], replayed: Replayed) -> list[tuple[DifferenceKind, str, str]]:
    """All differences of a recording that is the phone's own but for what was planted in it."""
    comparison = compare(read(phone), replayed.recording)
    return [(one.kind, one.what, one.detail) for one in comparison.differences]


def test_the_phone_does_every_step(replayed: Replayed) -> None:
    assert replayed.notes == {}
    flows = {one.name: one for one in replayed.recording.flows}
    assert list(flows) == [name.replace("_", "-") for name in FLOWS]
    asked = {name: [one.path for one in made.requests if not one.preflight] for name, made in flows.items()}
    assert "/auth/v1/user" in asked["b-load"]
    assert asked["b-swipe"].count("/functions/v1/media-swipe-event") == 5
    assert "/rest/v1/messages" in asked["b-conversation"]
    assert "/rest/v1/profiles" in asked["b-shown"]
    frames = {name: [(one.event, one.topic[9:24]) for one in made.frames] for name, made in flows.items()}
    assert ("phx_join", "conversation-db") in frames["b-conversation"]
    assert ("phx_leave", "conversation-db") in frames["b-leave"]
    assert any(isinstance(event, TracedSocket) for event in flows["b-load"].events)
    assert all(request.status for request in flows["b-load"].requests)


def test_it_is_recorded_without_anybodys_data(replayed: Replayed, target: ResolvedTarget) -> None:
    said = written(replayed.recording).decode() + repr(replayed)
    assert "eyJ" not in said
    for secret in (target.anon_key, target.password):
        assert secret.reveal() not in said
    assert target.email_pattern.format(index=0) not in said


def test_what_the_real_client_does_is_compared_to_the_end(replayed: Replayed, lines: list[Line]) -> None:
    comparison = compare(read(lines), replayed.recording, notes=replayed.notes)
    assert [one.name for one in comparison.flows] == [name.replace("_", "-") for name in FLOWS]
    assert 0.0 < comparison.count.share <= 1.0
    assert all(row.t is not None or row.phone_t is not None for one in comparison.flows for row in one.timeline)


def test_nothing_planted_nothing_found(phone: list[Line], replayed: Replayed) -> None:
    assert planted(phone, replayed) == []


def test_planted_a_stale_time_of_5_s_instead_of_15(phone: list[Line], replayed: Replayed) -> None:
    """On coming back to the app something is read again that was read 5 to 15 s ago."""
    at = next(line["at"] for line in phone if line.get("flow") == "b-shown")
    young = next(
        line
        for flow in ("b-conversation", "b-messages")
        for line in in_flow(phone, flow)
        if line["event"] == "request" and line["method"] == "GET" and "last_seen_at" in line["url"]
    )
    begun = next(line["at"] for line in phone if line.get("flow") == "b-conversation")
    assert 5.0 < at - begun - young["t"] < 15.0
    place = phone.index(next(line for line in in_flow(phone, "b-shown"))) + 1
    phone.insert(place, {**young, "t": 0.1})
    ((kind, what, detail),) = planted(phone, replayed)
    assert (kind, what) == (DifferenceKind.REREAD, "GET /rest/v1/profiles_public")
    assert detail.startswith("read again by the recording, not by the phone, after at most 15 s")


def test_planted_a_channel_left_open(phone: list[Line], replayed: Replayed) -> None:
    kept = [line for line in phone if not ("phx_leave" in line.get("frame", "") and "conversation-db" in line["frame"])]
    assert len(kept) == len(phone) - 1
    ((kind, what, detail),) = planted(kept, replayed)
    assert (kind, what) == (DifferenceKind.CHANNEL, "channel realtime:conversation-db-:id")
    assert detail == "left open in the recording, left in the other"


def test_planted_a_column_more(phone: list[Line], replayed: Replayed) -> None:
    asked = (one for one in in_flow(phone, "b-load") if "/rest/v1/profiles?select" in one.get("url", ""))
    line = next(one for one in asked if one["method"] == "GET")
    line["url"] = line["url"].replace("select=", "select=date_of_birth,")
    ((kind, what, detail),) = planted(phone, replayed)
    assert (kind, what) == (DifferenceKind.QUERY, "GET /rest/v1/profiles")
    assert detail == "select has one column more than the phone's: date_of_birth"


def test_planted_a_batch_of_ten(phone: list[Line], replayed: Replayed) -> None:
    """All that was swiped leaves together, with the last one."""
    posts = [line for line in in_flow(phone, "b-swipe") if "media-swipe-event" in line.get("url", "")]
    posts = [line for line in posts if line["method"] == "POST"]
    items = [item for line in posts for item in line["body"]["items"]]
    assert len(items) >= 10
    posts[-1]["body"]["items"] = items
    kept = [line for line in phone if not any(line is post for post in posts[:-1])]
    ((kind, what, detail),) = planted(kept, replayed)
    assert (kind, what) == (DifferenceKind.BATCH, "POST /functions/v1/media-swipe-event")
    assert detail.startswith(f"{len(items)} items in one request, in {len(posts)} of ")


@pytest.mark.slow
def test_one_flow_alone_is_reached_by_what_comes_before(target: ResolvedTarget, lines: list[Line]) -> None:
    done = replay(read(lines), target, person=1, flows=["b-swipe-open"])
    (only,) = done.recording.flows
    assert only.name == "b-swipe-open"
    decks = [request.body for request in only.requests if request.path.endswith("swipe-deck")]
    assert [deck["limit"] for deck in decks if isinstance(deck, dict)] == [72]


@pytest.mark.slow
def test_a_conversation_that_nobody_was_seen_to_open_is_opened_first(target: ResolvedTarget) -> None:
    part = some(committed("real-client-more"), send=2.0)
    done = replay(read(part), target, person=2)
    assert done.notes == {}
    posted = [
        one for one in done.recording.flows[0].requests if (one.method, one.path) == ("POST", "/rest/v1/messages")
    ]
    assert len(posted) == 1
    typed = [one for one in done.recording.flows[0].events if isinstance(one, TracedFrame) and one.event == "broadcast"]
    assert len(typed) >= 2


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["real-client", "real-client-more"])
def test_the_committed_recordings_to_their_end(target: ResolvedTarget, tmp_path: Path, name: str) -> None:
    known, path = str(TRACES / "known.toml"), str(TRACES / f"{name}.jsonl")
    person = "5" if name == "real-client" else "6"
    asked = ["diff", path, "--known", known, "--url", target.url, "--person", person, "--json"]
    done = CliRunner().invoke(trace, asked)
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert done.exit_code == (10 if told["unknown"] else 0)
    assert [one["name"] for one in told["flows"]] == [one.name for one in read(committed(name)).flows]
    assert told["classes"]["preflights"]["recorded"] > 50
    assert all(one["share"] > 0.0 for one in told["flows"])


# ---- the command -------------------------------------------------------------------------------------------------


def test_the_command_from_file_to_page(
    phone: list[Line], target: ResolvedTarget, lines: list[Line], tmp_path: Path
) -> None:
    recording, sent, page = tmp_path / "app.har", tmp_path / "phone.jsonl", tmp_path / "page.html"
    recording.write_bytes(har_of(some(lines, b_load=5.0, b_swipe_open=5.0), gap_s=1.0))
    arguments = ["diff", str(recording), "--persona", "swiper", "--url", target.url, "--person", "3"]
    done = CliRunner().invoke(trace, [*arguments, "--keep", str(sent), "--html", str(page), "--json"])
    assert done.exit_code in (0, 10), done.output
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert done.exit_code == (10 if told["unknown"] else 0)
    assert [one["name"] for one in told["flows"]] == ["load", "swipe-open"]  # found, not marked
    html = page.read_text()
    assert "both time lines" in html
    assert "GET /auth/v1/user" in html
    assert "<script" not in html
    assert "http://" not in html
    again = CliRunner().invoke(trace, ["diff", str(sent), "--phone", str(sent)])
    assert (again.exit_code, "100.0 %" in again.output) == (0, True)


@pytest.mark.parametrize("as_har", [False, True])
def test_no_output_holds_anything_of_anybody(tmp_path: Path, as_har: bool) -> None:
    recording, other, page = tmp_path / "app.har", tmp_path / "other.jsonl", tmp_path / "page.html"
    recording.write_bytes(har_of(planted_secrets()) if as_har else b"\n".join(map(dumps, planted_secrets())))
    other.write_text("\n".join(json.dumps(line) for line in some(committed("real-client"), b_load=5.0)))
    for mine, theirs in ((recording, other), (other, recording), (recording, recording)):
        asked = ["diff", str(mine), "--phone", str(theirs), "--html", str(page)]
        text = CliRunner().invoke(trace, asked)
        told = CliRunner().invoke(trace, [*asked, "--json"])
        assert text.exit_code == told.exit_code == (0 if mine is theirs else 10)
        for said in (text.output, told.output, page.read_text()):
            assert [secret for secret in SECRETS if secret.lower() in said.lower()] == []
        assert "GET /auth/v1/user" in page.read_text()


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in some(committed("real-client"), b_load=5.0)))
    done = CliRunner().invoke(trace, ["diff", str(path), "--flow", "nowhere", "--phone", str(path)])
    assert isinstance(done.exception, UsageError)
    assert "it has: b-load" in str(done.exception)
    assert CliRunner().invoke(trace, ["diff", str(path), "--persona", "nobody"]).exit_code == 2
