"""Conversations on the virtual clock: what is asked for and written, how often, and when it stops (contract 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api.chat_shapes import Summary
from harness.client.interruptible_sleep import SessionClosed
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.chat.attachments import SignedFiles
from harness.client.screens.chat.parts import (
    Attachment,
    AttachmentKind,
    Conversation,
    File,
    Inbox,
    conversation_list,
    start_conversation,
    upload,
)
from harness.client.screens.chat.read_marker import ReadMarker
from harness.client.screens.commute import come_back, go_offline, use_another_app
from harness.core.outcome import Outcome
from tests.client.chat_server import CONVERSATION, OTHER, ChatServer
from tests.client.virtual import LATENCY_S, ME, VirtualPhone, World

DIRECT = Summary(CONVERSATION, False, (OTHER,))
GROUP = Summary(CONVERSATION, True, (OTHER,))
MESSAGES, DELIVERY, READ, REACTIONS = "/messages?", "message_delivery_receipts", "message_read_receipts", "reactions"
LIST = "get_conversation_summaries_v2"


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def chatting(world: World, server: ChatServer) -> VirtualPhone:
    phone = world.phone().signed_in()
    phone.server = server
    return phone


def opened(world: World, phone: VirtualPhone, **options: object) -> Conversation:
    conversation = Conversation(phone, DIRECT, **options)  # type: ignore[arg-type]
    assert world.run(conversation.open())
    world.loop.sleep(1.0)
    return conversation


# ---- the list ---------------------------------------------------------------------------------------------------


def test_the_list_falls_back_to_version_1_and_costs_four_requests_when_everything_fails(world: World) -> None:
    server = ChatServer()
    server.first("summaries", *[(500, b"")] * 4)
    phone = chatting(world, server)
    assert world.run(conversation_list(phone)) == []
    lists = [sent for sent in phone.sent if "summaries" in sent.path]
    asked = [(sent.path.rpartition("/")[2], round(sent.at - lists[0].at, 2)) for sent in lists]
    v1, v2 = "get_conversation_summaries", "get_conversation_summaries_v2"
    assert asked == [(v2, 0.0), (v1, 0.05), (v2, 1.1), (v1, 1.15)]
    assert lists[0].json == {"p_user_id": ME}


def test_version_1_is_good_enough(world: World) -> None:
    server = ChatServer()
    server.first("summaries_v2", (404, {"code": "PGRST202"}))
    rows = world.run(conversation_list(chatting(world, server)))
    assert [(row.conversation, row.others, row.unread) for row in rows] == [(CONVERSATION, (OTHER,), True)]


def test_beside_the_list_one_signature_an_hour_and_the_marks_of_everybody_each_time(world: World) -> None:
    phone = chatting(world, ChatServer())
    world.run(conversation_list(phone))
    world.loop.sleep(3700.0)
    lists = len(phone.to(LIST))
    assert lists == pytest.approx(1 + 3700 / (60 + LATENCY_S), abs=1)
    signed = phone.to("/storage/v1/object/sign/avatars/")
    assert [unquote(sent.path.rpartition("avatars/")[2]) for sent in signed] == ["me/a b.jpg"] * 2
    assert signed[1].at - signed[0].at >= 3600 - 60, "a minute before it ends"
    marks = phone.to("profiles_public?select=id,is_verified,verified_type,verified_label")
    assert len(marks) == lists
    assert {ME, OTHER} == set(marks[0].path.rpartition("in.(")[2].strip(")").split(",")), "oneself included"
    assert phone.to("conversation_prefs") == [], "the app asks for preferences when it writes some"


def test_without_pictures_nobody_asks_for_marks(world: World) -> None:
    server = ChatServer()
    bare = server.summary()
    for person in bare["participants"]:
        person["avatarUrl"] = None
    server.first("summaries_v2", (200, [bare]))
    phone = chatting(world, server)
    world.run(conversation_list(phone))
    assert phone.to("profiles_public") == phone.to("/sign/avatars/") == []


def test_opening_a_direct_chat_asks_whether_somebody_is_blocked_and_so_does_each_message(world: World) -> None:
    phone = chatting(world, ChatServer())
    conversation = opened(world, phone)
    assert len(phone.to("blocked_users")) == 1
    world.run(conversation.send("hello"))
    assert len(phone.to("blocked_users")) == 2
    conversation.leave()
    opened(world, phone)
    assert len(phone.to("blocked_users")) == 2, "half a minute old at most"


def test_the_hint_asks_about_the_conversation_each_120_s_until_the_person_is_elsewhere(world: World) -> None:
    server = ChatServer()
    server.first("assistant-orchestrator", *[(200, {"ok": True, "suggestions": []})] * 9)
    phone = chatting(world, server)
    world.run(conversation_list(phone))
    opened(world, phone)
    world.loop.sleep(250.0)
    HintChip.of(phone).hide()
    world.loop.sleep(300.0)
    hints = phone.to("assistant-orchestrator")
    about = {"conversationId": CONVERSATION}
    assert [sent.json["context"] for sent in hints] == [{}, about, about, about]
    assert [round((sent.at - hints[1].at) / 120) for sent in hints[1:]] == [0, 1, 2]


def test_a_beat_that_found_no_network_is_made_up_for_although_the_read_is_still_fresh(world: World) -> None:
    phone = chatting(world, ChatServer())
    opened(world, phone)
    world.loop.sleep(2.0)  # 3 s: receipts are stale from 15 s on, their beat comes at 5 s
    phone.network.lose(phone.now())
    world.loop.sleep(3.0)
    before = len(phone.to(READ, "GET"))
    phone.network.regain(phone.now())
    world.loop.sleep(0.5)
    assert (before, len(phone.to(READ, "GET"))) == (1, 2)


def test_the_list_rests_in_the_background_and_catches_up_when_stale(world: World) -> None:
    phone = chatting(world, ChatServer())
    world.run(conversation_list(phone))
    world.run(use_another_app(phone, 600.0))
    world.loop.sleep(1.0)
    assert len(phone.to(LIST)) == 2  # the first, and the one on coming back
    world.run(use_another_app(phone, 10.0))
    world.loop.sleep(1.0)
    assert len(phone.to(LIST)) == 2  # not stale yet


def test_messages_have_hints_of_their_own_each_two_minutes(world: World) -> None:
    """Contract 6.6: the surface `messages`, polled each 120 s while on screen."""
    server = ChatServer()
    server.first("assistant-orchestrator", *[(200, {"ok": True, "suggestions": []})] * 9)
    phone = chatting(world, server)
    world.run(conversation_list(phone))
    world.loop.sleep(250.0)
    hints = phone.to("assistant-orchestrator")
    assert {sent.json["surface"] for sent in hints} == {"messages"}
    assert [round((sent.at - hints[0].at) / 120) for sent in hints] == [0, 1, 2]


def test_a_conversation_takes_the_list_from_memory_and_the_messages_screen_reads_it_at_each_mount(world: World) -> None:
    phone = chatting(world, ChatServer())
    world.run(conversation_list(phone))
    assert len(phone.to(LIST)) == 1, "nothing was remembered: the mount's read is the one"
    conversation = opened(world, phone)
    assert len(phone.to(LIST)) == 1
    conversation.leave()
    world.run(conversation_list(phone))
    assert len(phone.to(LIST)) == 2
    world.run(phone.end())
    phone.begin(1, 1.0)
    world.run(conversation_list(phone))
    assert len(phone.to(LIST)) == 3  # another page knows nothing


def test_marking_read_falls_back_to_the_receipt(world: World) -> None:
    server = ChatServer()
    server.first("mark_conversation_read", (404, {}))
    phone = chatting(world, server)
    row = world.run(conversation_list(phone))[0]
    assert world.run(Inbox.of(phone).mark_read(row)) is Outcome.OK
    assert phone.to("mark_conversation_read")[0].json == {
        "p_conversation_id": CONVERSATION,
        "p_last_message_id": row.last_message,
    }
    assert phone.to(READ)[0].json["last_read_message_id"] == row.last_message


def test_preferences_are_upserted_and_deleted_when_all_off(world: World) -> None:
    phone = chatting(world, ChatServer())
    inbox = Inbox.of(phone)
    world.run(inbox.set_prefs(DIRECT, muted=True))
    world.run(inbox.set_prefs(DIRECT))
    table, column, write, delete = phone.to("conversation_prefs")
    assert [sent.path.partition("?")[2] for sent in (table, column)] == [
        "select=conversation_id&limit=1",
        "select=muted_until&limit=1",
    ]
    assert write.path.endswith("?on_conflict=user_id,conversation_id")
    assert b"prefer: resolution=merge-duplicates\r\n" in write.headers
    assert list(write.json) == ["user_id", "conversation_id", "muted", "hidden", "muted_until"]
    assert delete.method == "DELETE"


def test_a_direct_conversation_is_made_by_the_function(world: World) -> None:
    phone = chatting(world, ChatServer())
    assert world.run(start_conversation(phone, OTHER)) == DIRECT
    assert phone.sent[0].json == {"targetUserId": OTHER}
    phone.server = None
    pending = world.loop.create_task(start_conversation(phone, OTHER))
    world.loop.sleep(25.1)
    assert pending.result() is None  # 25 s, once
    assert len(phone.sent) == 2


# ---- pollers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("joined", "every_s"), [(True, 5.0), (False, 1.5)])
def test_an_open_conversation_asks_four_things_on_its_beat(world: World, joined: bool, every_s: float) -> None:
    phone = chatting(world, ChatServer(3, mine=1))
    opened(world, phone, joined=joined)
    world.loop.sleep(58.0)
    rounds = 1 + int(60 / (every_s + LATENCY_S))
    for fragment in (MESSAGES, READ, DELIVERY, REACTIONS):
        assert len(phone.to(fragment, "GET")) == pytest.approx(rounds, abs=1), fragment
    assert len(phone.to("profiles_public?select=id,last_seen_at,updated_at")) == 1
    world.loop.sleep(60.0)
    assert len(phone.to("profiles_public?select=id,last_seen_at,updated_at")) == 2
    assert len(phone.to(LIST)) == 2


def test_delivery_receipts_are_asked_for_the_last_own_message_and_not_without_one(world: World) -> None:
    server = ChatServer(2)
    phone = chatting(world, server)
    conversation = opened(world, phone)
    world.loop.sleep(20.0)
    assert phone.to(DELIVERY, "GET") == []
    before = world.loop.time()
    bubble = world.run(conversation.send("hi"))
    asked = phone.to(DELIVERY, "GET")
    assert bubble.message is not None
    assert f"message_id=in.({bubble.message.id})" in asked[0].path
    assert asked[0].at - before < 1.0  # another query: at once, not on the next beat


def test_the_beat_follows_the_channel(world: World) -> None:
    phone = chatting(world, ChatServer())
    conversation = opened(world, phone)
    conversation.joined = False
    before = len(phone.to(MESSAGES, "GET"))
    world.loop.sleep(15.5)
    assert len(phone.to(MESSAGES, "GET")) - before == 10
    conversation.joined = True
    before = len(phone.to(MESSAGES, "GET"))
    world.loop.sleep(15.5)
    assert len(phone.to(MESSAGES, "GET")) - before == 3


def test_every_loaded_page_is_fetched_again_one_after_another(world: World) -> None:
    phone = chatting(world, ChatServer(100))
    conversation = opened(world, phone)
    assert world.run(conversation.load_older())
    assert world.run(conversation.load_older())
    assert not world.run(conversation.load_older())  # 20 rows: no more
    assert len(conversation.messages) == 100
    before = len(phone.to(MESSAGES, "GET"))
    world.loop.sleep(5.0)
    asked = phone.to(MESSAGES, "GET")[before:]
    assert len(asked) == 3
    assert [round(sent.at - asked[0].at, 2) for sent in asked] == [0.0, 0.05, 0.1]
    assert "or=" not in asked[0].path
    assert unquote(asked[1].path).count('created_at.lt."2026-01-01T00:01:00.5+00:00"') == 1
    assert "+" not in asked[1].path, "a plus sign would reach the server as a space"
    assert [re.search(r"limit=(\d+)", sent.path)[1] for sent in asked] == ["40"] * 3  # type: ignore[index]


def test_a_page_loaded_while_a_poll_is_under_way_stays(world: World) -> None:
    server = ChatServer(100)
    phone = chatting(world, server)
    conversation = opened(world, phone)
    phone.server = lambda sent: None if MESSAGES in sent.path else server(sent)
    world.loop.sleep(5.0)
    [poll] = [sent for sent in phone.open if MESSAGES in sent.path]  # it asks for one page, and takes its time
    phone.server = server
    assert world.run(conversation.load_older())
    server(poll)
    world.loop.sleep(0.5)
    before = len(phone.to(MESSAGES, "GET"))
    world.loop.sleep(5.0)
    assert len(phone.to(MESSAGES, "GET")) - before == 2


def test_pollers_rest_in_the_background_and_offline_and_catch_up(world: World) -> None:
    phone = chatting(world, ChatServer())
    opened(world, phone)
    before = len(phone.sent)
    phone.network.hide()
    world.loop.sleep(30.0)
    assert len(phone.sent) == before
    phone.network.show()
    world.loop.sleep(0.5)
    assert {sent.path.partition("?")[0].rpartition("/")[2] for sent in phone.sent[before:]} >= {
        "messages",
        "message_read_receipts",
        "message_reactions",
    }
    go_offline(phone)
    before = len(phone.sent)
    world.loop.sleep(30.0)
    assert len(phone.sent) == before
    come_back(phone)
    world.loop.sleep(0.5)
    assert len(phone.sent) >= before + 3


def test_leaving_stops_everything(world: World) -> None:
    phone = chatting(world, ChatServer(3, mine=1))
    conversation = opened(world, phone)
    conversation.leave()
    Inbox.of(phone).leave()
    HintChip.of(phone).hide()
    world.loop.sleep(1.0)
    before = len(phone.sent)
    world.loop.sleep(300.0)
    assert len(phone.sent) == before


def test_a_session_leaves_nothing_behind_for_the_next(world: World) -> None:
    phone = chatting(world, ChatServer())
    opened(world, phone)
    world.run(phone.end())
    before = len(phone.sent)
    phone.begin(1, 1.0)
    go_offline(phone)
    come_back(phone)
    world.loop.sleep(100.0)
    assert len(phone.sent) == before


def test_a_failing_poll_is_tried_six_times_and_the_screen_stays(world: World) -> None:
    server = ChatServer()
    phone = chatting(world, server)
    conversation = opened(world, phone)
    server.first(MESSAGES, *[(503, b"")] * 6)
    before = len(phone.to(MESSAGES, "GET"))
    world.loop.sleep(8.0)
    assert len(phone.to(MESSAGES, "GET")) - before == 6
    assert len(conversation.messages) == 3


# ---- receipts ---------------------------------------------------------------------------------------------------


def written(phone: VirtualPhone) -> list[str]:
    return [sent.json["message_id"] for sent in phone.to(DELIVERY, "POST")]


@pytest.mark.parametrize(("joined", "copies"), [(True, 2), (False, 1)])
def test_a_live_message_gets_two_delivery_receipts_on_a_joined_channel(world: World, joined: bool, copies: int) -> None:
    server = ChatServer(3)
    phone = chatting(world, server)
    opened(world, phone, joined=joined)
    assert len(written(phone)) == 3
    live = server.say(OTHER)
    server.say(ME)
    world.loop.sleep(12.0)
    assert written(phone)[3:] == [live] * copies


def test_the_read_receipt_is_throttled_and_the_last_one_is_written(world: World) -> None:
    server = ChatServer()
    phone = chatting(world, server)
    conversation = opened(world, phone)
    world.loop.sleep(10.0)
    assert len(phone.to(READ, "POST")) == 1
    for _ in range(5):
        last = world.run(conversation.send("quick"))
        world.loop.sleep(0.3)
    world.loop.sleep(10.0)
    receipts = phone.to(READ, "POST")
    assert len(receipts) == 3  # the first, one at once, one after the throttle
    assert receipts[2].at - receipts[1].at == pytest.approx(3.0, abs=0.01)
    assert last.message is not None
    assert receipts[2].json["last_read_message_id"] == last.message.id
    assert list(receipts[2].json) == ["conversation_id", "user_id", "last_read_message_id", "last_read_at"]


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.integers(0, 5)), max_size=30))
def test_the_read_marker_is_never_early_and_never_forgets_the_last(arrivals: list[tuple[float, int]]) -> None:
    marker, now, written = ReadMarker(), 0.0, list[tuple[float, str]]()

    def until(end: float) -> None:
        while (due := marker.due()) is not None and max(due, now) <= end:
            at = max(due, now)
            message = marker.take(at)
            assert message is not None
            written.append((at, message))

    for wait, number in arrivals:
        until(now + wait)
        now += wait
        marker.sees(str(number))
        until(now)
    until(now + 3.0)
    assert all(later - earlier > 3.0 - 1e-9 for (earlier, _), (later, _) in pairwise(written))
    assert (written[-1][1] if written else None) == (str(arrivals[-1][1]) if arrivals else None)
    assert marker.due() is None


def test_a_missing_constraint_turns_upserts_into_inserts_until_the_page_is_reloaded(world: World) -> None:
    server = ChatServer(2)
    server.first(DELIVERY, (400, {"code": "42P10", "message": "no unique constraint"}))
    phone = chatting(world, server)
    opened(world, phone)
    server.first(f"{DELIVERY}", (409, {"code": "23505"}))
    server.say(OTHER)
    world.loop.sleep(6.0)
    plain = [sent for sent in phone.to(DELIVERY, "POST") if "on_conflict" not in sent.path]
    assert len(plain) == 3  # the refused one again, and both of the live message
    assert all(b"prefer:" not in sent.headers for sent in plain)
    world.run(phone.end())
    phone.begin(1, 1.0)
    before = len(phone.sent)
    opened(world, phone)
    assert all("on_conflict" in sent.path for sent in phone.to(DELIVERY, "POST") if sent in phone.sent[before:])


def test_nobody_hears_of_a_receipt_that_failed(world: World) -> None:
    server = ChatServer(3)
    server.first(DELIVERY, *[(500, b"")] * 3)
    server.first(READ, (500, b""))
    phone = chatting(world, server)
    opened(world, phone)
    world.loop.sleep(3.0)
    assert len(phone.to(DELIVERY, "POST")) == 3
    assert {name for name, outcome, _, _ in world.notebook.operations if not outcome.good} == set()


# ---- writing ----------------------------------------------------------------------------------------------------


def test_a_message_goes_out_as_the_app_sends_it(world: World) -> None:
    phone = chatting(world, ChatServer())
    conversation = Conversation(phone, DIRECT)
    bubble = world.run(conversation.send("hello"))
    check, post = phone.sent[:2]
    assert unquote(check.path).endswith(
        f"&or=(and(blocker_id.eq.{ME},blocked_id.eq.{OTHER}),and(blocker_id.eq.{OTHER},blocked_id.eq.{ME}))"
    )
    content = {"type": "text", "text": "hello", "clientId": bubble.client_id}
    assert post.json == {
        "conversation_id": CONVERSATION,
        "user_id": ME,
        "sender_id": ME,
        "body": content,
        "meta": content,
        "message_type": "text",
        "text": "hello",
        "client_id": bubble.client_id,
        "attachment_url": None,
    }
    assert post.path.count(",") == 9  # ten columns
    assert b"prefer: return=representation\r\n" in post.headers
    assert b"accept: application/vnd.pgrst.object+json\r\n" in post.headers
    assert conversation.messages[0].client_id == bubble.client_id


def test_groups_have_no_blocked_check(world: World) -> None:
    phone = chatting(world, ChatServer(is_group=True))
    world.run(Conversation(phone, GROUP).send("hello"))
    assert phone.to("blocked_users") == []


def test_a_failed_check_fails_the_message(world: World) -> None:
    server = ChatServer()
    server.first("blocked_users", *[(500, b"")] * 3)
    phone = chatting(world, server)
    conversation = Conversation(phone, DIRECT)
    bubble = world.run(conversation.send("hello"))
    assert len(phone.to("blocked_users")) == 3
    assert phone.to(MESSAGES, "POST") == []
    assert bubble.failed
    assert conversation.failed == [bubble]


@pytest.mark.parametrize("failure", [(500, b""), (429, b""), (403, {"code": "42501"}), (200, b"<html>")])
def test_a_failed_message_waits_for_the_person(world: World, failure: tuple[int, bytes]) -> None:
    server = ChatServer()
    server.first("messages?select", failure)
    phone = chatting(world, server)
    conversation = Conversation(phone, GROUP)
    bubble = world.run(conversation.send("hello"))
    world.loop.sleep(60.0)
    assert len(phone.to(MESSAGES, "POST")) == 1
    assert bubble.failed
    world.run(conversation.try_again(bubble))
    first, second = phone.to(MESSAGES, "POST")
    assert first.json == second.json
    assert not bubble.failed
    assert conversation.failed == []


def test_editing_writes_text_and_meta_and_keeps_the_client_id(world: World) -> None:
    phone = chatting(world, ChatServer())
    conversation = Conversation(phone, GROUP)
    bubble = world.run(conversation.send("helo"))
    assert world.run(conversation.edit(bubble, "hello")) is Outcome.OK
    patch = phone.sent[-1]
    assert patch.method == "PATCH"
    assert f"id=eq.{bubble.message.id}&conversation_id=eq.{CONVERSATION}&user_id=eq.{ME}&select=id," in patch.path
    edited_at = patch.json["meta"]["editedAt"]
    assert patch.json == {
        "body": {"type": "text", "text": "hello", "clientId": bubble.client_id, "editedAt": edited_at},
        "message_type": "text",
        "text": "hello",
        "client_id": bubble.client_id,
        "meta": {"editedAt": edited_at},
    }


def test_deleting_a_message_with_a_file_removes_the_file_too(world: World) -> None:
    phone = chatting(world, ChatServer())
    conversation = Conversation(phone, GROUP)
    bubble = world.run(conversation.send("", Attachment("p/x.jpg", AttachmentKind.IMAGE)))
    assert phone.sent[0].json["message_type"] == "image"
    assert phone.sent[0].json["body"]["type"] == "image"
    assert world.run(conversation.delete(bubble)) is Outcome.OK
    patch, remove = phone.sent[-2:]
    assert orjson.loads(patch.json["body"])["deleted"] is True
    assert patch.json["client_id"] is None
    assert (remove.method, remove.path, remove.json) == (
        "DELETE",
        "/storage/v1/object/chat-media",
        {"prefixes": ["p/x.jpg"]},
    )
    assert conversation.messages[0].deleted


def test_deleting_the_last_own_message_moves_the_delivery_poll(world: World) -> None:
    phone = chatting(world, ChatServer(1))
    conversation = opened(world, phone)
    first = world.run(conversation.send("one"))
    second = world.run(conversation.send("two"))
    world.run(conversation.delete(second))
    world.loop.sleep(0.2)
    assert first.message is not None
    assert f"in.({first.message.id})" in phone.to(DELIVERY, "GET")[-1].path


def test_the_same_reaction_again_takes_it_off_and_reactions_are_read_again(world: World) -> None:
    server = ChatServer(1)
    phone = chatting(world, server)
    conversation = opened(world, phone)
    message = conversation.messages[0]
    before = len(phone.sent)
    assert world.run(conversation.react(message, "👍")) is Outcome.OK
    world.loop.sleep(0.1)
    server.first("/message_reactions", (409, {"code": "23505"}))
    assert world.run(conversation.react(message, "👍")) is Outcome.OK
    world.loop.sleep(0.1)
    calls = [(sent.method, sent.path) for sent in phone.sent[before:] if "reactions" in sent.path]
    assert [method for method, _ in calls] == ["POST", "GET", "POST", "DELETE", "GET"]
    assert unquote(calls[3][1]).endswith(f"?message_id=eq.{message.id}&user_id=eq.{ME}&emoji=eq.👍")


def test_an_upload_is_the_form_that_storage_js_makes(world: World) -> None:
    phone = chatting(world, ChatServer())
    file = File.generated(phone, AttachmentKind.IMAGE, 2000)
    attachment = world.run(upload(phone, CONVERSATION, file))
    sent = phone.sent[0]
    assert re.fullmatch(
        rf"/storage/v1/object/chat-media/message_attachments/{CONVERSATION}/{ME}/\d{{13}}-[0-9a-f-]{{36}}\.jpg",
        sent.path,
    )
    assert sent.path.endswith(attachment.path)
    assert b"x-upsert: false\r\n" in sent.headers
    assert b"accept-profile" not in sent.headers
    assert b"x-client-info: supabase-js-web/2.90.1\r\n" in sent.headers
    boundary = re.search(rb"content-type: multipart/form-data; boundary=(\S+)\r\n", sent.headers)
    assert boundary is not None
    parts = (sent.body or b"").split(b"--" + boundary[1])
    assert b'name="cacheControl"\r\n\r\n3600\r\n' in parts[1]
    assert b'name=""; filename=' in parts[2]
    assert file.content in parts[2]
    assert parts[3] == b"--\r\n"


def test_an_attachment_is_signed_once_in_59_minutes(world: World) -> None:
    server = ChatServer(0)
    server.say(OTHER, attachment_url="message_attachments/a.jpg")
    phone = chatting(world, server)
    opened(world, phone)
    world.loop.sleep(600.0)
    assert [sent.json for sent in phone.to("/object/sign/chat-media/message_attachments/a.jpg")] == [
        {"expiresIn": 3600}
    ]
    world.loop.sleep(3000.0)
    assert len(phone.to("/object/sign/chat-media/")) == 2
    SignedFiles.of(phone).show("b.jpg")
    world.loop.settle()
    assert phone.sent[-1].path.endswith("chat-media/b.jpg")


def test_a_run_that_closes_ends_the_typist(world: World) -> None:
    phone = chatting(world, ChatServer())
    conversation = Conversation(phone, DIRECT)
    typing = world.loop.create_task(conversation.types(60.0))
    world.loop.sleep(1.0)
    world.kit.pulse.close()
    world.loop.settle()
    assert isinstance(typing.exception(), SessionClosed)
