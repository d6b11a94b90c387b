"""The parts of preflight from outside that send nothing: lists, the API's description, tokens, what a reply shows."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import HarnessError
from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import Secret
from harness.preflight.outside import run
from harness.preflight.outside.model import Answers, Ask, Found, Question, Reply, SignedIn, Surface
from harness.preflight.outside.questions import QUESTIONS
from harness.preflight.outside.questions._parts import insert_probe, reached
from harness.preflight.outside.sender import Sender
from harness.preflight.outside.surface import from_openapi, relation
from harness.preflight.outside.tokens import bad_tokens

SECRET = "a signing secret of thirty-two bytes or more"
DOCUMENT: dict[str, Any] = {
    "swagger": "2.0",
    "paths": {
        "/": {"get": {}},
        "/messages": {"get": {}, "post": {}},
        "/rpc/feed": {
            "get": {},
            "post": {
                "parameters": [
                    {
                        "in": "body",
                        "schema": {"required": ["p_user_id"], "properties": {"p_user_id": {"format": "uuid"}}},
                    }
                ]
            },
        },
        "/rpc/purge": {"post": {"parameters": []}},
    },
    "definitions": {
        "messages": {
            "required": ["id", "user_id"],
            "properties": {
                "id": {"format": "uuid", "description": "Note:\nThis is a Primary Key.<pk/>"},
                "user_id": {"format": "uuid", "description": "<fk table='users' column='id'/>"},
                "conversation_id": {"format": "uuid"},
            },
        },
        "hidden": {"properties": {}},
    },
}


def surface(**changes: Any) -> Surface:
    relations, functions = from_openapi(DOCUMENT)
    values: dict[str, Any] = {
        "me": SignedIn("00000000-0000-4000-8000-00000000000a", "me"),
        "other": SignedIn("00000000-0000-4000-8000-00000000000b", "other"),
        "relations": relations,
        "functions": functions,
        "source": "OpenAPI",
        "tag": "0a0b0c0d",
        "shared": ("s",),
        "mine": ("m",),
        "others": ("o",),
        "title": "t",
        "has_service": True,
        "signs": True,
    }
    return Surface(**(values | changes))


def test_what_the_document_of_postgrest_says() -> None:
    (messages,), (feed, purge) = from_openapi(DOCUMENT)
    assert (messages.name, messages.key, messages.owner) == ("messages", ("id",), "user_id")
    assert (feed.name, feed.arguments, feed.reads) == ("feed", (("p_user_id", "uuid"),), True)
    assert not purge.reads


@pytest.mark.parametrize("document", [None, [], {"paths": {}}, {"message": "no"}])
def test_what_is_no_such_document_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="OpenAPI"):
        from_openapi(document)


def test_an_insertion_is_one_that_cannot_be_stored() -> None:
    columns = {"user_id": "uuid", "title_id": "uuid"}
    for key in (("user_id", "title_id"), ("title_id", "user_id"), ("title_id",)):
        one = insert_probe(relation("library", columns, key), "me", "somebody")
        assert one.body == {"title_id": None, "user_id": "somebody"}


@pytest.mark.parametrize(("code", "through"), [("23502", True), ("23505", True), ("42501", False), ("P0001", False)])
def test_a_constraint_comes_after_the_policies(code: str, through: bool) -> None:
    assert reached(Reply(400, content=f'{{"code": "{code}"}}'.encode())) is through


def test_functions_that_may_write_are_on_no_list() -> None:
    sent = [one.path for question in QUESTIONS for one in question.plan(surface())]
    assert any("/rpc/feed" in path for path in sent)
    assert not any("purge" in path for path in sent)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_a_list_is_the_same_each_time_and_knows_no_secret(question: Any) -> None:
    lists = [[one.line for one in question.plan(surface())] for _ in range(2)]
    assert lists[0] == lists[1]
    without = question.plan(surface(has_service=False, signs=False, shared=(), mine=(), others=(), title=""))
    assert not any(one.caller in ("service", "expired", "no exp") for one in without)


def test_what_is_not_on_the_list_is_not_sent() -> None:
    access = ResolvedTarget("x", "http://127.0.0.1:1", "sandbox", Secret("anon"), Secret("password"), "{index}@x")

    async def ask() -> None:
        async with Sender(access, {}) as send:
            one = Ask("GET", "/rest/v1/x")
            with pytest.raises(HarnessError, match="not on its list"):
                await send(one)
            send.allow([one])
            assert (await send(one)).status == 0  # nobody listens there
            with pytest.raises(HarnessError, match="not on its list"):
                await send(one)
            assert len(send.sent) == len(send.unanswered) == 1

    asyncio.run(ask())


def test_a_question_that_meets_an_answer_of_no_use_is_said_and_the_others_are_asked() -> None:
    async def stumble(surface: Surface, send: Any) -> Answers:
        raise KeyError("no such member")

    async def find(surface: Surface, send: Any) -> Answers:
        return Answers((Found("a", "b", "c"),))

    questions = [
        Question(name, "low", "t", "w", "10", lambda _: [], ask) for name, ask in (("x", stumble), ("y", find))
    ]
    access = ResolvedTarget(
        "x", "http://127.0.0.1:1", "sandbox", Secret("anon"), Secret("p"), "{index}@x", user_ids=("a",)
    )

    async def ask() -> list[tuple[Question, Answers]]:
        async with Sender(access, {}) as send:
            return await run._asked(access, send, surface(), [(one, []) for one in questions], [], [])

    (_, first), (_, second) = asyncio.run(ask())
    assert first.unasked == ("the target's answer was of no use: KeyError",)
    assert [one.object for one in second.found] == ["a"]


def test_bad_tokens_are_bad_in_one_thing_each() -> None:
    good = jwt.encode({"sub": "me", "role": "authenticated", "exp": 4_000_000_000}, SECRET, algorithm="HS256")
    bad = bad_tokens(good, SECRET, now=1_000_000)
    assert set(bad) == {"garbage", "wrong signature", "alg none", "other project", "expired", "no exp"}
    for name in ("wrong signature", "other project"):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(bad[name], SECRET, algorithms=["HS256"])
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(bad["expired"], SECRET, algorithms=["HS256"])
    assert "exp" not in jwt.decode(bad["no exp"], SECRET, algorithms=["HS256"])
    assert jwt.get_unverified_header(bad["alg none"])["alg"] == "none"
    assert set(bad_tokens(good, "", now=1_000_000)) == {"garbage", "wrong signature", "alg none", "other project"}


@given(st.binary(max_size=2000))
def test_a_reply_may_be_anything(content: bytes) -> None:
    reply = Reply(200, content=content)
    assert isinstance(reply.code, str)
    assert isinstance(reply.rows, list)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_ids_are_version_4_and_the_same_again(tag: str, what: str) -> None:
    made = surface(tag=tag).id(what)
    assert uuid.UUID(made).version == 4
    assert made == surface(tag=tag).id(what)
