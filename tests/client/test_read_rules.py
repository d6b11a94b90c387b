"""Each rule of reading: silent about a good reply, named by a bad one, silent where it cannot be sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.client.checks.read_checks import ReadChecks
from harness.client.checks.read_rule import CheckedReply
from harness.client.checks.rules import ONE_IN, RULES, RULES_OF_CALL
from harness.client.checks.settled import SettledWrites
from harness.core.call_names import CALL_NAMES
from harness.core.outcome import Outcome
from harness.core.read_log import EXAMPLES_A_SECOND, ReadLog, ReadSeverity, ReadViolation
from reports.integrity.reads_texts import RULES as TEXTS
from tests.client.json_trees import DEEP, nested

ME, OTHER, THIRD = (f"00000000-0000-4000-8000-{n:012x}" for n in (1, 2, 3))
ROOM, ROOM_2 = (f"00000000-0000-4000-8000-{n:012x}" for n in (0xA1, 0xA2))
TITLE, TITLE_2 = (f"00000000-0000-4000-8000-{n:012x}" for n in (0xB1, 0xB2))
DAY = "2026-03-01T"


def at(hour: int, minute: int = 0) -> str:
    return f"{DAY}{hour:02d}:{minute:02d}:00+00:00"


def message(n: int, hour: int, sender: str = OTHER, **more: Any) -> dict[str, Any]:
    return {"id": f"m{n:02d}", "conversation_id": ROOM, "user_id": sender, "created_at": at(hour), **more}


def feed_row(n: int, hour: int, actor: str = ME) -> dict[str, Any]:
    return {"id": f"f{n:02d}", "created_at": at(hour), "user_id": actor, "media_item_id": TITLE}


@dataclass
class CheckedPhone:
    """One phone's checks on a clock that a request moves on by a second."""

    copies: bool = False
    now: float = 0.0
    violations: list[tuple[str, str, ReadViolation]] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checks = ReadChecks(
            self._checked, lambda call, rule, one: self.violations.append((call, rule, one)), self._fails
        )

    def _fails(self, error: Exception) -> None:
        raise error

    def _checked(self, call: str, rule: str, asked: int) -> None:
        self.asked[rule] = self.asked.get(rule, 0) + asked

    def begins(self, call: str, *arguments: str, body: Any = None) -> CheckedReply:
        self.now += 1
        self.checks.begins(call, arguments, body)
        return CheckedReply(call, ME, arguments, body, None, self.now, copies=self.copies)

    def ends(self, reply: CheckedReply, data: Any = None, outcome: Outcome = Outcome.OK) -> None:
        self.now += 1
        reply.data, reply.at = data, self.now
        self.checks.ends(reply, outcome)

    def gets(
        self, call: str, *arguments: str, body: Any = None, data: Any = None, outcome: Outcome = Outcome.OK
    ) -> None:
        self.ends(self.begins(call, *arguments, body=body), data, outcome)

    @property
    def broken(self) -> set[str]:
        return {rule for _, rule, _ in self.violations}

    def sends(self, text: str, n: int = 50, hour: int = 9) -> None:
        body = {"conversation_id": ROOM, "user_id": ME, "text": text, "client_id": "c", "attachment_url": None}
        row = {**message(n, hour, ME), "text": text, "client_id": "c", "attachment_url": None, "body": {"text": text}}
        self.gets("message_send", body=body, data=row)

    def polls(self, *rows: dict[str, Any]) -> None:
        self.gets("messages_poll", ROOM, data=list(rows))

    def feeds(self, *rows: dict[str, Any], limit: int = 40, cursor: tuple[str, str] | None = None) -> None:
        when, id_ = cursor or (None, None)
        body = {"p_user_id": ME, "p_limit": limit, "p_cursor_created_at": when, "p_cursor_id": id_}
        self.gets("home_feed", body=body, data=list(rows))

    def library(self, status: str = "watched", title: str = TITLE, outcome: Outcome = Outcome.OK) -> None:
        self.gets("library_write", body={"title_id": title, "status": status}, outcome=outcome)


Story = Callable[[CheckedPhone], None]


def own(call: str, row: Any, *arguments: str, body: Any = None) -> Story:
    return lambda phone: phone.gets(call, *(arguments or (ME,)), body=body, data=[row])


def replied(call: str, data: Any, body: Any = None) -> Story:
    return lambda phone: phone.gets(call, ME, body=body, data=data)


def after(*stories: Story) -> Story:
    def told(phone: CheckedPhone) -> None:
        for story in stories:
            story(phone)

    return told


def listing(*rows: tuple[str, str, str]) -> Story:
    """The list: conversation, updated_at, whose list it is."""

    def told(phone: CheckedPhone) -> None:
        data = [
            {
                "conversation_id": room,
                "updated_at": updated,
                "participants": [{"id": id_, "isSelf": id_ == whose} for id_ in (ME, OTHER)],
                "last_message_created_at": updated,
                "last_message_id": "x",
            }
            for room, updated, whose in rows
        ]
        phone.gets("conversation_list", body={"p_user_id": ME}, data=data)

    return told


def marker(message_id: str, when: str, person: str = OTHER) -> Story:
    row = {"user_id": person, "conversation_id": ROOM, "last_read_message_id": message_id, "last_read_at": when}
    return lambda phone: phone.gets("read_receipts_poll", ROOM, data=[row])


def reads_marker(message_id: str, when: str) -> Story:
    body = {"conversation_id": ROOM, "user_id": ME, "last_read_message_id": message_id, "last_read_at": when}
    return lambda phone: phone.gets("read_receipt", body=body)


def deck(*titles: str, request: str = "r", places: tuple[int, ...] = (0, 1), limit: int = 60) -> Story:
    cards = [
        {"mediaItemId": title, "position": place, "dedupeKey": f"r:{place}:{title}"}
        for title, place in zip(titles, places, strict=False)
    ]
    data = {"deckId": "d", "recRequestId": request, "cards": cards}
    return lambda phone: phone.gets("landing_deck", body={"limit": limit}, data=data)


def diary(**more: Any) -> Story:
    row = {
        "total_rated": 3,
        "total_watched": 4,
        "rating_distribution": [{"rating": 7, "count": 1}, {"rating": 8, "count": 2}],
        "watch_count_by_month": [{"month": "2026-02", "count": 4}],
        **more,
    }
    return lambda phone: phone.gets("diary_stats", body={"p_user_id": ME}, data=[row])


def search(query: str, **more: Any) -> Story:
    body = {"query": "one two", "page": 1, "limit": 2}
    data = {"query": query, "page": 1, "results": [{"id": TITLE}], **more}
    return lambda phone: phone.gets("media_search", body=body, data=data)


def reacted(*shown: tuple[str, str]) -> Story:
    def told(phone: CheckedPhone) -> None:
        phone.gets("react", body={"conversation_id": ROOM, "message_id": "m01", "emoji": "👍", "user_id": ME})
        rows = [{"conversation_id": ROOM, "message_id": m, "emoji": e, "user_id": ME, "id": m + e} for m, e in shown]
        phone.gets("reactions_poll", ROOM, data=rows)

    return told


def follows(*shown: str, call: str = "people_followed") -> Story:
    def told(phone: CheckedPhone) -> None:
        phone.gets("follow", body={"follower_id": ME, "followed_id": OTHER}, outcome=Outcome.CONFLICT)
        phone.gets("unfollow", ME, THIRD)
        phone.gets(call, ME, data=[{"followed_id": id_} for id_ in shown])

    return told


def entries(call: str, *rows: tuple[str, str]) -> Story:
    """After a title was marked as watched: a list of library entries."""
    asked = (ME,) if call == "library_list" else (ME, f"{TITLE},{TITLE_2}")
    found = [{"title_id": title, "status": status} for title, status in rows]
    return after(lambda phone: phone.library(), lambda phone: phone.gets(call, *asked, data=found))


PAGE = [message(n, 20 - n) for n in range(4)]
FEED = [feed_row(n, 20 - n, (ME, OTHER)[n % 2]) for n in range(5)]
HEY = "Hé 👩‍👩‍👧 שלום"


def own_text(text: str | None, **more: Any) -> Story:
    row = {**message(50, 9, ME), "text": text, "client_id": "c", "body": {"text": text}, **more}
    return after(lambda phone: phone.sends(HEY), lambda phone: phone.polls(row))


def delivered(*people: str) -> Story:
    rows = [{"id": id_, "conversation_id": ROOM, "message_id": "m01", "user_id": id_} for id_ in people]
    return lambda phone: phone.gets("delivery_receipts_poll", ROOM, "m01", data=rows)


def signed(path: str, came: str) -> Story:
    return lambda phone: phone.gets("avatar_sign", path, data={"signedURL": f"/object/sign/avatars/{came}?token=x"})


def removed(*named: str) -> Story:
    data = [{"name": name, "bucket_id": "chat-media"} for name in named]
    return after(
        lambda phone: phone.gets("attachment_remove", body={"prefixes": ["a.png"]}, data=[]),
        lambda phone: phone.gets("attachment_remove", body={"prefixes": ["a.png"]}, data=data),
    )


def account(**metadata: Any) -> dict[str, Any]:
    """As GoTrue describes somebody."""
    return {"id": ME, "email": "a@x.test", "phone_verified": False, "user_metadata": metadata}


def signs_in(user: dict[str, Any]) -> Story:
    return lambda phone: phone.gets("sign_in", body={"email": user["email"]}, data={"user": user})


def shows(user: dict[str, Any]) -> Story:
    return lambda phone: phone.gets("user", data=user)


def variants(*keys: str) -> Story:
    data = {"ok": True, "assignments": dict.fromkeys(keys, "a")}
    return lambda phone: phone.gets("experiments", body={"keys": ["one", "two"]}, data=data)


def suggested(surface: str, context: dict[str, str], key: str) -> Story:
    body = {"surface": surface, "context": context, "limit": 3}
    data = {"ok": True, "contextKey": key, "suggestions": []}
    return lambda phone: phone.gets("assistant_suggestions", body=body, data=data)


def typing(is_typing: bool | None, is_queued: bool | None, *kind: str | None) -> Story:
    data = {"ok": True, "is_typing": is_typing, "is_queued": is_queued, **dict(zip(("jobKind",), kind, strict=False))}
    return lambda phone: phone.gets("assistant_status", body={"p_conversation_id": ROOM}, data=data)


def opened(phone: CheckedPhone) -> None:
    phone.gets("create_direct_conversation", body={"targetUserId": OTHER}, data={"ok": True, "conversationId": ROOM_2})


def opened_meanwhile(phone: CheckedPhone) -> None:
    asked = phone.begins("conversation_list")
    opened(phone)
    phone.ends(asked, [in_list(ROOM)])


def in_list(room: str) -> dict[str, Any]:
    return {"conversation_id": room, "participants": [{"id": ME}], "updated_at": at(9)}


def older(*rows: dict[str, Any], cursor: str = "m00", hour: int = 21) -> Story:
    return lambda phone: phone.gets("messages_older", ROOM, at(hour).replace("+", "%2B"), cursor, data=list(rows))


def ratings(*told: str) -> Story:
    """`call rating`, one after the other, of one title."""
    return after(*(own(one.split()[0], {"id": TITLE, "omdb_imdb_rating": one.split()[1]}, TITLE) for one in told))


def released(*told: str) -> Story:
    """A title's date, read from the catalogue one time after the other."""
    return after(*(own("library_titles", {"id": TITLE, "tmdb_release_date": one}, TITLE) for one in told))


def listed(*told: int) -> Story:
    row = {"list_id": ROOM, "title_id": TITLE}
    return after(
        *(own("list_items", {**row, "media_items": {"id": TITLE, "omdb_imdb_rating": one}}, ROOM) for one in told)
    )


def cards(name: str, *told: Any) -> Story:
    """Decks, one after the other, that say this of one title."""
    return after(
        *(
            replied("home_deck", {"cards": [{"mediaItemId": TITLE, "position": 0, name: one}]}, {"limit": 60})
            for one in told
            for _ in range(2)  # every second deck of a phone is looked at
        )
    )


def people(*followers: int | None) -> Story:
    return replied("suggested_stats", [{"user_id": OTHER, "followers_count": one} for one in followers])


def ordered(call: str, column: str, *hours: int) -> Story:
    """Rows of these times, of other things each."""
    rows = [{"id": str(n), "title_id": str(n), "user_id": ME, column: at(hour)} for n, hour in enumerate(hours)]
    arguments = (TITLE,) if call == "title_reviews" else (ME,)
    if call == "title_reviews":
        rows = [row | {"title_id": TITLE} for row in rows]
    return lambda phone: phone.gets(call, *arguments, data=rows)


CASES: dict[str, list[tuple[Story, Story]]] = {
    "asked-files": [
        (signed("a%2Fb.png", "a/b.png"), signed("a%2Fb.png", "c/b.png")),
        (removed("a.png"), removed("b.png")),
    ],
    "asked-suggestions": [
        (suggested("home", {}, '{"surface":"home"}'), suggested("home", {}, '{"surface":"swipe","sessionId":"s1"}')),
        (
            suggested("home", {}, '{"surface":"home"}|goal:weekend:|goalv3:7'),
            suggested("swipe", {"sessionId": "s1"}, '{"surface":"swipe","sessionId":"s2"}'),
        ),
        (
            suggested("search", {"query": "  The  Thing "}, '{"surface":"search","query":"the thing"}'),
            suggested("search", {"query": "the thing"}, '{"surface":"search","query":"alien"}'),
        ),
        (
            suggested("title", {"titleId": TITLE}, f'{{"surface":"title","titleId":"{TITLE}"}}'),
            suggested("title", {"titleId": TITLE}, '{"surface":"title"}'),
        ),
    ],
    "assistant-state": [
        (typing(False, False), typing(True, False)),
        (typing(True, False, "reply"), typing(False, False, "reply")),
        (typing(False, True, "reply"), typing(True, True, "reply")),
        (typing(None, None), typing(False, True)),
        (typing(False, False, None), typing(True, False, None)),
    ],
    "asked-variants": [
        (variants("one"), variants("three")),
        (variants(), lambda phone: phone.gets("experiments", body={"keys": ["one", "two"]}, data={})),
    ],
    "list-has": [
        (
            after(opened, lambda phone: phone.gets("conversation_list", data=[in_list(ROOM), in_list(ROOM_2)])),
            after(opened, lambda phone: phone.gets("conversation_list", data=[in_list(ROOM)])),
        ),
        (
            opened_meanwhile,
            after(opened, lambda phone: phone.gets("conversation_list_v1", data=[])),
        ),
    ],
    "receipts-stay": [
        (after(delivered(OTHER), delivered(OTHER, THIRD)), after(delivered(OTHER, THIRD), delivered(OTHER)))
    ],
    "own-same": [
        (
            after(*[own("own_profile", {"id": ME, "username": "a"})] * 2),
            after(*[own("own_profile", {"id": ME, "username": name}) for name in "ab"]),
        ),
        (
            after(*[own("own_profile_public", {"is_verified": True})] * 2),
            after(*[own("own_profile_public", {"is_verified": mark}) for mark in (True, False)]),
        ),
        (
            after(signs_in(account(onboarded=True)), shows(account(onboarded=True))),
            after(signs_in(account(onboarded=True)), shows(account(onboarded=False))),
        ),
        (
            after(shows(account(display_name="a")), shows(account(display_name="a"))),
            after(shows(account(display_name="a")), shows(account(display_name="b"))),
        ),
        (shows(account()), shows({})),
    ],
    "title-same": [
        (
            ratings("title_preview 7", "trending_media 8", "title_preview 8"),
            ratings("title_preview 7", "library_titles 8", "title_preview 7"),
        ),
        (listed(7, 8), listed(7, 8, 7)),
        (released("2019-05-17", "2019-01-01", "2019-05-17"), listed(7, 8, 7)),  # searches write one, syncs the other
        (cards("actors", "a", "a", "b"), cards("actors", "a", "b", "a")),
        (cards("retrieval_score", 1, 2, 1), cards("title", "a", "b", "a")),
        (cards("releaseDate", "2019-05-17", "2019-01-01", "2019-05-17"), cards("releaseYear", 2019, 2020, 2019)),
    ],
    "owner": [
        (own("own_profile", {"id": ME}), own("own_profile", {"id": OTHER})),
        (lambda phone: phone.gets("user", data={"id": ME}), lambda phone: phone.gets("user", data={"id": OTHER})),
        (
            lambda phone: phone.gets("sign_in", body={"email": "a@x.test"}, data={"user": {"email": "A@x.test"}}),
            lambda phone: phone.gets("sign_in", body={"email": "a@x.test"}, data={"user": {"email": "b@x.test"}}),
        ),
        (own("messages_poll", message(1, 9), ROOM), own("messages_poll", message(1, 9), ROOM_2)),
        (listing((ROOM, at(9), ME)), listing((ROOM, at(9), OTHER))),
        (
            own("blocked_check", {"blocker_id": ME, "blocked_id": OTHER}, ME, OTHER),
            own("blocked_check", {"blocker_id": THIRD, "blocked_id": OTHER}, ME, OTHER),
        ),
    ],
    "asked-ids": [
        (
            replied("tmdb_external_ids", {"ok": True, "data": {"id": 7}}, {"path": "/movie/7/external_ids"}),
            replied("tmdb_external_ids", {"ok": True, "data": {"id": 8}}, {"path": "/movie/7/external_ids"}),
        ),
        (own("title_page", {"id": TITLE}, TITLE), own("title_page", {"id": TITLE_2}, TITLE)),
        (
            own("people_stats", {"user_id": OTHER}, f"{THIRD},{OTHER}"),
            own("people_stats", {"user_id": ME}, f"{THIRD},{OTHER}"),
        ),
        (
            own("title_rating_summary", {"title_id": TITLE}, body={"p_title_id": TITLE}),
            own("title_rating_summary", {"title_id": TITLE_2}, body={"p_title_id": TITLE}),
        ),
        (own("last_active", {"id": OTHER}, OTHER), own("last_active", {"id": None}, OTHER)),
        (own("stories_lists", {"user_id": OTHER}, OTHER), own("stories_lists", {"user_id": THIRD}, OTHER)),
        (own("own_ratings", {"title_id": TITLE}, ME, TITLE), own("own_ratings", {"title_id": TITLE_2}, ME, TITLE)),
    ],
    "asked-many": [
        (deck(TITLE, TITLE_2), deck(TITLE, TITLE_2, limit=1)),
        (
            lambda phone: phone.gets(
                "title_reviews", TITLE, data=[{"title_id": TITLE, "id": str(n)} for n in range(2)]
            ),
            lambda phone: phone.gets(
                "title_reviews", TITLE, data=[{"title_id": TITLE, "id": str(n)} for n in range(3)]
            ),
        ),
        (lambda phone: phone.feeds(*FEED, limit=4), lambda phone: phone.feeds(*FEED, limit=3)),
    ],
    "asked-search": [(search("one  two "), search("one")), (search("one two"), search("one two", page=2))],
    "asked-events": [
        (
            own("title_event", None, body={"clientEventId": "e1"}),
            lambda phone: phone.gets(
                "title_event", body={"clientEventId": "e1"}, data={"acceptedClientEventIds": ["e2"]}
            ),
        ),
        (
            lambda phone: phone.gets("swipe_events", body=b'["e1"]', data={"acceptedClientEventIds": ["e1"]}),
            lambda phone: phone.gets("swipe_events", body=b'["e1"]', data={"retryClientEventIds": ["e9"]}),
        ),
    ],
    "asked-same": [
        (
            after(*[lambda phone: phone.gets("assistant_conversation", data={"conversationId": ROOM})] * 2),
            after(
                lambda phone: phone.gets("assistant_conversation", data={"conversationId": ROOM}),
                lambda phone: phone.gets("assistant_conversation", data={"conversationId": ROOM_2}),
            ),
        )
    ],
    "feed-parts": [
        (
            own("friends_watching", {**feed_row(1, 9), "actor_profile": {"id": ME}, "media_item": {"id": None}}),
            own("friends_watching", {**feed_row(1, 9), "actor_profile": {"id": OTHER}}),
        )
    ],
    "page-order": [
        (ordered("stories_lists", "updated_at", 9, 8, 8), ordered("stories_lists", "updated_at", 8, 8, 9)),
        (ordered("public_lists", "updated_at", 9, 8), ordered("public_lists", "updated_at", 8, 9)),
        (ordered("library_list", "updated_at", 9, 8), ordered("library_list", "updated_at", 9, 7, 8)),
        (ordered("title_reviews", "created_at", 9, 8), ordered("title_reviews", "created_at", 8, 9)),
        (
            own("list_items", {"list_id": ROOM, "position": 3}, ROOM),
            lambda phone: phone.gets(
                "list_items", ROOM, data=[{"list_id": ROOM, "position": place} for place in (1, 3, 2)]
            ),
        ),
        (people(None, 9, 9, 4), people(9, 4, 5)),
        (lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(*PAGE[::-1])),
        (lambda phone: phone.feeds(*FEED), lambda phone: phone.feeds(FEED[0], *FEED)),
        (
            lambda phone: phone.feeds(*FEED, cursor=(at(23), "f")),
            lambda phone: phone.feeds(*FEED, cursor=(FEED[1]["created_at"], "f01")),
        ),
        (
            own("messages_older", PAGE[2], ROOM, PAGE[1]["created_at"].replace("+", "%2B"), "m01"),
            own("messages_older", PAGE[0], ROOM, PAGE[1]["created_at"].replace("+", "%2B"), "m01"),
        ),
    ],
    "page-once": [
        (
            lambda phone: phone.gets("search_titles", "x", data=[{"id": TITLE}, {"id": TITLE_2}]),
            lambda phone: phone.gets("search_titles", "x", data=[{"id": TITLE}, {"id": TITLE}]),
        )
    ],
    "deck-cards": [
        (deck(TITLE, TITLE_2), deck(TITLE, TITLE)),
        (deck(TITLE, TITLE_2), deck(TITLE, TITLE_2, places=(0, 2))),
        (deck(TITLE, TITLE_2), deck(TITLE, TITLE_2, request="other")),
    ],
    "feed-next": [
        (
            after(
                lambda phone: phone.feeds(*FEED[:3], limit=2),
                lambda phone: phone.feeds(*FEED[2:], limit=2, cursor=(at(19), "f01")),
            ),
            after(
                lambda phone: phone.feeds(*FEED[:3], limit=2),
                lambda phone: phone.feeds(*FEED[3:], limit=2, cursor=(at(19), "f01")),
            ),
        )
    ],
    "feed-stays": [
        (
            after(
                lambda phone: phone.feeds(*FEED),
                lambda phone: phone.feeds(feed_row(9, 21, THIRD), *FEED),  # new on top: somebody was active
            ),
            after(
                lambda phone: phone.feeds(*FEED),
                lambda phone: phone.feeds(*(feed_row(30 + n, 19 - n, THIRD) for n in range(4))),
            ),
        ),
        (
            after(lambda phone: phone.feeds(*FEED), lambda phone: phone.feeds(*FEED[:3], limit=2)),
            after(lambda phone: phone.feeds(*FEED), lambda phone: phone.feeds()),
        ),
        (
            after(lambda phone: phone.feeds(), lambda phone: phone.feeds(feed_row(1, 9))),
            after(lambda phone: phone.feeds(), lambda phone: phone.feeds(*FEED)),
        ),
    ],
    "list-stays": [
        (
            after(listing((ROOM, at(9), ME)), listing((ROOM_2, at(10), ME), (ROOM, at(9), ME))),
            after(listing((ROOM, at(9), ME), (ROOM_2, at(8), ME)), listing((ROOM, at(9), ME))),
        ),
        (
            after(listing((ROOM, at(9), ME)), listing((ROOM, at(9, 1), ME))),
            after(listing((ROOM, at(9, 1), ME)), listing((ROOM, at(9), ME))),
        ),
        (after(listing((ROOM, at(9), ME)), listing((ROOM, at(9), ME))), after(listing((ROOM, at(9), ME)), listing())),
    ],
    "list-newest": [
        (
            after(lambda phone: phone.sends("x", hour=9), listing((ROOM, at(10), ME))),
            after(lambda phone: phone.sends("x", hour=9), listing((ROOM, at(8), ME))),
        )
    ],
    "message-stays": [
        (
            after(lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(message(7, 22), *PAGE)),
            after(
                lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(*(a | {"created_at": at(1)} for a in PAGE))
            ),
        ),
        (
            after(listing((ROOM, at(9), ME)), lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(*PAGE)),
            after(listing((ROOM, at(9), ME)), lambda phone: phone.polls()),
        ),
        (after(older(*PAGE), older(*PAGE[2:], cursor="m01", hour=19)), after(older(*PAGE), older())),
        (
            after(lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(message(7, 22), *PAGE)),
            after(lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(*PAGE[:1], *PAGE[2:])),
        ),
        (
            after(lambda phone: phone.polls(*PAGE), lambda phone: phone.polls(*PAGE)),
            after(lambda phone: phone.polls(*PAGE), lambda phone: phone.polls()),
        ),
    ],
    "own-message": [
        (
            after(
                lambda phone: phone.sends("x"), lambda phone: phone.polls(message(50, 9, ME, text="x", client_id="c"))
            ),
            after(lambda phone: phone.sends("x"), lambda phone: phone.polls(message(2, 8))),
        ),
        (
            after(
                lambda phone: phone.sends("x"),
                lambda phone: phone.polls(
                    {**message(50, 9, ME, text="x", client_id="c"), "created_at": "2026-03-01T11:00:00+02:00"}
                ),
            ),
            after(
                lambda phone: phone.sends("x"), lambda phone: phone.polls(message(50, 4, ME, text="x", client_id="c"))
            ),
        ),
    ],
    "own-text": [
        (own_text(HEY), own_text(HEY[:5])),
        (own_text(HEY), own_text("?" * len(HEY))),
        (own_text(HEY), own_text(HEY, body={"text": "other"})),
        (own_text(HEY), own_text(HEY, client_id="d")),
        (
            after(lambda phone: phone.sends(HEY), lambda phone: phone.gets("message_delete", "m50", ROOM, ME, body={})),
            after(
                lambda phone: phone.sends(HEY),
                lambda phone: phone.gets("message_delete", "m50", ROOM, ME, body={}),
                lambda phone: phone.polls(message(50, 9, ME, text=HEY, client_id=None)),
            ),
        ),
    ],
    "sent-back": [
        (
            lambda phone: phone.sends("x"),
            lambda phone: phone.gets(
                "message_send", body={"conversation_id": ROOM, "text": "x"}, data=message(1, 9, ME, text="y")
            ),
        ),
        (
            lambda phone: phone.sends("x"),
            lambda phone: phone.gets(
                "message_send", body={"conversation_id": ROOM, "text": "x"}, data=message(1, 9, OTHER, text="x")
            ),
        ),
    ],
    "own-library": [
        (entries("library_list", (TITLE, "watched")), entries("library_list", (TITLE_2, "watched"))),
        (entries("library_statuses", (TITLE, "watched")), entries("library_statuses", (TITLE, "dropped"))),
        (
            after(lambda phone: phone.library(), own("library_entry", {"status": "watched"}, ME, TITLE)),
            after(lambda phone: phone.library(), own("library_entry", {"status": "dropped"}, ME, TITLE)),
        ),
        (
            after(
                lambda phone: phone.library(),
                lambda phone: phone.gets("library_delete", ME, TITLE),
                lambda phone: phone.gets("library_entry", ME, TITLE, data=[]),
            ),
            after(lambda phone: phone.library(), lambda phone: phone.gets("library_entry", ME, TITLE, data=[])),
        ),
        (
            after(
                lambda phone: phone.gets("rating_write", body={"title_id": TITLE, "rating": 7}),
                own("own_rating", {"rating": 7.0}, ME, TITLE),
            ),
            after(
                lambda phone: phone.gets("rating_write", body={"title_id": TITLE, "rating": 7}),
                own("own_rating", {"rating": 3.5}, ME, TITLE),
            ),
        ),
    ],
    "own-follows": [
        (follows(OTHER), follows()),
        (follows(OTHER), follows(OTHER, THIRD)),
        (follows(OTHER, call="stories_followed"), follows(call="stories_followed")),
    ],
    "own-reactions": [(reacted(("m01", "👍")), reacted(("m01", "👎")))],
    "own-marker": [
        (
            after(reads_marker("m02", at(9)), marker("m02", at(9), ME)),
            after(reads_marker("m02", at(9)), marker("m01", at(8), ME)),
        ),
        (
            after(reads_marker("m02", at(9)), marker("m03", at(10), ME)),
            after(reads_marker("m02", at(9)), marker("m01", at(9), ME)),
        ),
    ],
    "own-names": [
        (
            after(
                lambda phone: phone.gets("profile_names", ME, body={"display_name": "Å", "username": "a"}),
                own("own_profile", {"id": ME, "display_name": "Å", "username": "a"}),
            ),
            after(
                lambda phone: phone.gets("profile_names", ME, body={"display_name": "Å", "username": "a"}),
                own("own_profile", {"id": ME, "display_name": "?", "username": "a"}),
            ),
        )
    ],
    "marker-forward": [
        (
            after(marker("m01", at(8)), marker("m02", at(9)), marker("m01", at(7))),  # overtaken: no proof
            after(marker("m01", at(8)), marker("m02", at(9)), marker("m01", at(8))),
        )
    ],
    "known-rows": [
        (
            replied("title_rating_summary", [{"title_id": TITLE}], {"p_title_id": TITLE}),
            replied("title_rating_summary", [], {"p_title_id": TITLE}),
        ),
        (
            after(
                lambda phone: phone.gets("library_titles", f"{TITLE},{TITLE_2},x", data=[{"id": TITLE}]),
                lambda phone: phone.gets("library_titles", f"{TITLE},{TITLE_2}", data=[]),
                lambda phone: phone.gets("suggested_profiles", f"{ME},{OTHER},{THIRD}", data=[]),
            ),
            lambda phone: phone.gets("library_titles", f"{TITLE},{TITLE_2},x", data=[]),
        ),
        (
            after(people(), own("own_stats", {"followers_count": 0}), people(3)),
            after(own("own_stats", {"followers_count": 0}), people()),
        ),
        (replied("app_settings", {"ok": True, "settings": {}}), replied("app_settings", {})),
        (own("title_page", {"id": TITLE}, TITLE), lambda phone: phone.gets("title_page", TITLE, data=[])),
        (own("own_profile", {"id": ME}), lambda phone: phone.gets("own_profile", ME, data=[])),
        (
            lambda phone: phone.gets("own_stats", ME, data=[]),
            after(own("own_stats", {"user_id": ME}), lambda phone: phone.gets("own_stats", ME, data=[])),
        ),
        (
            after(lambda phone: phone.library("dropped"), lambda phone: phone.feeds()),
            after(lambda phone: phone.library("watched"), lambda phone: phone.feeds()),
        ),
        (after(lambda phone: phone.feeds(), diary()), after(diary(), lambda phone: phone.feeds())),
    ],
    "statistics": [
        (diary(), diary(total_rated=4)),
        (diary(), diary(total_watched=3)),
        (diary(total_watched="many"), after(lambda phone: phone.library(), diary(total_watched=0))),
        (
            own("title_rating_summary", {"ratings_count": 2, **{f"stars_{n}": int(n < 3) for n in range(1, 6)}}),
            own("title_rating_summary", {"ratings_count": 3, **{f"stars_{n}": int(n < 3) for n in range(1, 6)}}),
        ),
    ],
}
STORIES = [(rule, place) for rule, pairs in CASES.items() for place in range(len(pairs))]


@pytest.mark.parametrize(("rule", "place"), STORIES)
def test_a_good_reply_is_silent_and_a_bad_one_named(rule: str, place: int) -> None:
    good, bad = CASES[rule][place]
    phone = CheckedPhone()
    good(phone)
    assert rule not in phone.broken
    phone = CheckedPhone()
    bad(phone)
    assert rule in phone.broken, phone.violations
    assert phone.asked.get(rule), "a violation of something that was not asked"


def test_every_rule_has_its_cases_and_its_words() -> None:
    names = [rule.id for rule in RULES]
    assert sorted(names) == sorted(CASES) == sorted(TEXTS)
    assert len(set(names)) == len(names)


def test_rules_are_about_calls_that_exist() -> None:
    assert set(RULES_OF_CALL) <= CALL_NAMES
    assert set(ONE_IN) <= set(RULES_OF_CALL)


def test_path_arguments_are_where_the_rules_look_for_them() -> None:
    """A call whose path changes must not move the ids that its rules compare."""
    found = {
        call.name: call for module in (calls, chat_calls) for call in vars(module).values() if isinstance(call, Call)
    }
    assert found["messages_poll"].path.index("conversation_id=eq.{}") < found["messages_poll"].path.index("limit=40")
    assert "conversation_id=eq.{}&message_id=in.({})" in found["delivery_receipts_poll"].path
    assert "user_id=eq.{}&title_id=eq.{}" in found["library_entry"].path
    assert "id=eq.{}&conversation_id=eq.{}&user_id=eq.{}" in found["message_edit"].path
    assert "message_id=eq.{}&user_id=eq.{}&emoji=eq.{}" in found["unreact"].path


# ---- what is not certain says nothing ---------------------------------------------------------------------------


def test_a_read_that_began_before_the_write_was_over() -> None:
    phone = CheckedPhone()
    reading = phone.begins("library_entry", ME, TITLE)
    phone.library()
    phone.ends(reading, [])
    assert not phone.violations


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.NETWORK, Outcome.SERVER_ERROR, Outcome.GAVE_UP])
def test_a_write_without_a_clear_answer_may_come_later_than_the_next_one(outcome: Outcome) -> None:
    phone = CheckedPhone()
    phone.library("watched", outcome=outcome)
    phone.library("dropped")
    phone.gets("library_entry", ME, TITLE, data=[{"status": "watched"}])
    assert not phone.violations


def test_two_writes_at_once_may_be_stored_in_either_order() -> None:
    phone = CheckedPhone()
    first = phone.begins("library_write", body={"title_id": TITLE, "status": "watched"})
    second = phone.begins("library_write", body={"title_id": TITLE, "status": "dropped"})
    phone.ends(second)
    phone.ends(first)
    phone.gets("library_entry", ME, TITLE, data=[{"status": "dropped"}])
    assert not phone.violations
    phone.library("watching")
    phone.gets("library_entry", ME, TITLE, data=[{"status": "dropped"}])
    assert phone.broken == {"own-library"}


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("title_event", {"eventType": "watchlist", "mediaItemId": TITLE, "clientEventId": "e"}),
        ("title_event", {"eventType": "like", "mediaItemId": TITLE, "payload": {"action": "status"}}),
        (
            "swipe_events",
            f'{{"items": [{{"mediaItemId": "{TITLE}", "events": [{{"eventType": "rating"}}]}}]}}'.encode(),
        ),
    ],
)
def test_events_move_the_library_whenever_the_server_gets_to_it(call: str, body: Any) -> None:
    phone = CheckedPhone()
    phone.gets(call, body=body, data={})
    phone.library("watched")
    phone.gets("library_entry", ME, TITLE, data=[])
    assert not phone.violations


def test_whom_one_follows_changes_the_feeds_past() -> None:
    phone = CheckedPhone()
    phone.feeds(*FEED)
    phone.gets("unfollow", ME, OTHER)
    phone.feeds(*(row for row in FEED if row["user_id"] == ME))
    late = phone.begins("home_feed", body={"p_user_id": ME, "p_limit": 40})
    phone.gets("follow", body={"follower_id": ME, "followed_id": OTHER})
    phone.ends(late, FEED)  # may be of before or after
    phone.feeds(*FEED)
    assert not phone.violations


def test_rows_may_become_visible_some_time_after_their_date() -> None:
    phone = CheckedPhone()
    phone.feeds(feed_row(1, 9), feed_row(0, 8))
    phone.feeds({**feed_row(2, 8, THIRD), "created_at": f"{DAY}08:58:00+00:00"}, feed_row(0, 8))
    assert phone.broken == {"feed-stays"}  # one is gone
    assert not [one for _, _, one in phone.violations if one.severity is ReadSeverity.FOREIGN]


def test_replies_that_overtake_each_other_are_not_compared() -> None:
    phone = CheckedPhone()
    slow = phone.begins("messages_poll", ROOM)
    phone.polls(message(9, 22), *PAGE)
    phone.ends(slow, PAGE)
    slow = phone.begins("read_receipts_poll", ROOM)
    marker("m01", at(8))(phone)
    marker("m02", at(9))(phone)
    phone.ends(
        slow, [{"user_id": OTHER, "last_read_message_id": "m01", "last_read_at": at(8), "conversation_id": ROOM}]
    )
    assert not phone.violations


def test_faults_that_send_requests_twice_make_own_writes_uncertain() -> None:
    phone = CheckedPhone(copies=True)
    phone.library("watched")
    phone.gets("library_entry", ME, TITLE, data=[])
    phone.gets("follow", body={"follower_id": ME, "followed_id": OTHER})
    phone.gets("people_followed", ME, data=[])
    for story in (marker("m01", at(8)), marker("m02", at(9)), marker("m01", at(8))):
        story(phone)
    phone.feeds(*FEED)
    phone.feeds(*(feed_row(30 + n, 19 - n, THIRD) for n in range(4)))
    assert not phone.violations


def test_a_full_page_ends_before_older_messages() -> None:
    phone = CheckedPhone()
    phone.polls(*PAGE)
    phone.polls(*(message(50 + n, 23) for n in range(40, 0, -1)))  # forty newer ones
    assert "message-stays" not in phone.broken


def test_a_conversation_without_a_last_message_may_be_empty() -> None:
    phone = CheckedPhone()
    phone.gets("conversation_list", data=[in_list(ROOM) | {"last_message_id": None}])
    phone.polls()
    asked = phone.begins("messages_poll", ROOM_2)
    phone.gets("conversation_list", data=[in_list(room) | {"last_message_id": "x"} for room in (ROOM, ROOM_2)])
    phone.ends(asked, [])  # asked for before the list came
    assert "message-stays" not in phone.broken


def test_what_was_on_screen_goes_with_the_page() -> None:
    phone = CheckedPhone()
    phone.polls(*PAGE)
    phone.feeds(*FEED)
    phone.checks.memory.forget_page()
    assert not phone.checks.memory.pages
    phone.feeds()
    assert phone.broken == {"feed-stays"}  # an outline of the feed stays


def test_a_reply_that_failed_is_not_looked_at() -> None:
    phone = CheckedPhone()
    phone.gets("own_profile", ME, data={"id": OTHER}, outcome=Outcome.SERVER_ERROR)
    assert not phone.violations
    assert not phone.asked


# ---- whatever comes ---------------------------------------------------------------------------------------------

_NAMES = sorted(
    {
        *("id", "user_id", "conversation_id", "created_at", "updated_at", "participants", "isSelf", "cards", "text"),
        *("recRequestId", "position", "dedupeKey", "mediaItemId", "status", "rating", "message_id", "emoji", "email"),
        *("last_read_message_id", "last_read_at", "total_rated", "total_watched", "rating_distribution", "count"),
        *("followed_id", "media_item_id", "actor_profile", "user", "query", "results", "acceptedClientEventIds"),
        *("last_message_created_at", "last_message_id", "issues", "conversationId", "stars_1", "ratings_count", "body"),
        *("p_limit", "limit", "p_user_id", "blocker_id", "blocked_id", "title_id", "client_id", "kind", "username"),
    }
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 300)
    | st.floats(allow_nan=False)
    | st.sampled_from([ME, OTHER, ROOM, TITLE, at(9), "m01", "", "x", "0001-01-01T00:00:00+00:00"])
    | st.just(nested(DEEP)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=12,
)


def prepared() -> CheckedPhone:
    """A phone that has something to compare everything with."""
    phone = CheckedPhone()
    phone.sends("x")
    phone.library()
    phone.polls(*PAGE)
    phone.feeds(*FEED)
    listing((ROOM, at(9), ME))(phone)
    reacted(("m01", "👍"))(phone)
    follows(OTHER)(phone)
    reads_marker("m02", at(9))(phone)
    return phone


ASKED = {"p_user_id": ME, "p_limit": 2, "limit": 2, "query": "x", "page": 1, "targetUserId": OTHER, "text": "x"}


_ODD: list[Any] = [None, True, -1, 2.5, "", "x", ME, ROOM, [], [[]], {}, {"id": []}, [{"id": {}}]]
_ODD += [nested(DEEP), "0001-01-01T00:00:00"]


@pytest.mark.parametrize("value", _ODD, ids=[f"value {number}" for number in range(len(_ODD))])
def test_no_value_anywhere_makes_a_rule_fail(value: Any) -> None:
    row = dict.fromkeys(_NAMES, value)
    for data in (value, row, [row], [row, row], {"user": row}, {"cards": [row]}, {"results": [row]}):
        for call in RULES_OF_CALL:
            phone = prepared()
            phone.gets(call, ROOM, at(9), ME, body=ASKED, data=data)
            phone.gets(call, ROOM, at(9), ME, body=ASKED, data=[{}])


@given(st.lists(st.tuples(st.sampled_from(sorted(RULES_OF_CALL)), _VALUES), min_size=1, max_size=6))
def test_no_reply_makes_a_rule_fail(replies: list[tuple[str, Any]]) -> None:
    phone = prepared()
    for call, data in replies:
        phone.gets(call, ROOM, at(9), ME, body=ASKED, data=data)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from(list(Outcome))), max_size=30))
def test_what_is_certain_is_what_a_store_that_may_reorder_holds(steps: list[tuple[str, bool, Outcome]]) -> None:
    """Against a store that keeps every value it may hold: a known value is the only one."""
    writes: SettledWrites[str, int] = SettledWrites(8)
    possible: dict[str, set[int]] = {"a": {-1}, "b": {-1}}
    pending: dict[str, list[int]] = {"a": [], "b": []}
    unclear: dict[str, set[int]] = {"a": set(), "b": set()}
    for now, (key, begins, outcome) in enumerate(steps):
        if begins:
            writes.begins(key)
            pending[key].append(now)
            continue
        if not pending[key]:
            continue
        value = pending[key].pop(0)
        writes.ends(key, value, now, outcome)
        if outcome is Outcome.OK:
            # alone: only this value is left; beside others: any of them
            possible[key] = {value} | set(pending[key]) | (possible[key] if pending[key] else set()) | unclear[key]
        elif outcome in (Outcome.TIMEOUT, Outcome.NETWORK, Outcome.GAVE_UP, Outcome.SERVER_ERROR):
            unclear[key].add(value)
            possible[key].add(value)
        known = writes.known(key, now)
        if known is not None:
            assert possible[key] == {known}


# ---- the log ----------------------------------------------------------------------------------------------------


def test_a_rule_that_fails_costs_the_request_nothing() -> None:
    problems: list[Exception] = []

    def told(call: str, rule: str, asked: int) -> None:
        raise RuntimeError("on purpose")

    checks = ReadChecks(told, lambda call, rule, one: None, problems.append)
    checks.ends(CheckedReply("own_profile", ME, (ME,), None, [{"id": ME}]), Outcome.OK)
    assert [str(error) for error in problems] == ["on purpose"]


def test_what_is_written_down_of_a_violation_is_short() -> None:
    phone = CheckedPhone()
    phone.gets("own_profile", ME, data=[{"id": "x" * 10**6}])
    for _, _, found in phone.violations:
        assert len(found.subject) + len(found.detail) < 1000
    assert phone.violations


def test_a_flood_is_counted_completely_and_written_down_in_part() -> None:
    log = ReadLog(3)
    for n in range(1000):
        log.checked("home_feed", "owner", 2)
        foreign, lost = ReadViolation(ReadSeverity.FOREIGN, "x", "y"), ReadViolation(ReadSeverity.LOST, "x", "y")
        log.violated(1_000_000 + n, 1, 7, "home_feed", "owner", foreign)
        log.violated(2_000_000 if n == 999 else 1_000_000, 1, 7, "home_feed", "other", lost)
    violations, counts = (rows.batch().to_pylist() for rows in log.take())
    assert len(violations) == 2 * EXAMPLES_A_SECOND + 1
    assert {row["worker"] for row in violations} == {3}
    assert {(row["rule"], row["asked"], row["broken"]) for row in counts} == {("owner", 2000, 1000), ("other", 0, 1000)}
    assert not log.take()


def test_a_newcomer_whose_account_is_told_to_be_onboarded_is_not_held_to_what_was_before() -> None:
    phone = CheckedPhone()
    shows(account(onboarded=False))(phone)
    phone.gets("user_update", body={"data": {"onboarded": True}}, data=account(onboarded=True))
    shows(account(onboarded=True))(phone)
    assert not phone.violations
