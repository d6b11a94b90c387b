"""The pure parts of the REST subset: parsing, compiling, headers."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rest import compile as sql
from sandbox.rest.catalogue import (
    ColumnInfo,
    DbFunction,
    DbRelation,
    ForeignKey,
    Parameter,
    SchemaCatalogue,
)
from sandbox.rest.compile import Form
from sandbox.rest.errors import RestError, status_of
from sandbox.rest.filters import array_literal, looks_like_filter
from sandbox.rest.lookup import function_for
from sandbox.rest.payload import rows_payload
from sandbox.rest.prefer import parse_prefer
from sandbox.rest.query import parse_query, parse_range
from sandbox.rest.render import content_range, wants_object
from sandbox.rest.selecting import parse_order, parse_select
from sandbox.rest.sql import identifier, literal
from sandbox.rest.syntax import Embed, FieldPath, FilterCondition, Group, JsonStep, OrderTerm, SelectedColumn

RESERVED = {"select", "order", "limit", "offset", "and", "or", "not", "columns", "on_conflict", "apikey"}
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: (
        name not in ("select", "order", "limit", "offset", "and", "or", "not", "columns", "on_conflict", "apikey")
    )
)
PARAMETER = re.compile(r"\$(\d+)")


def columns(**types: str) -> dict[str, ColumnInfo]:
    return {name: ColumnInfo(name, kind, kind) for name, kind in types.items()}


CATALOGUE = SchemaCatalogue(
    relations={
        "messages": DbRelation(
            "messages", columns(id="uuid", body="jsonb", text="text", at="timestamptz", room="uuid"), ("id",)
        ),
        "rooms": DbRelation("rooms", columns(id="uuid", name="text"), ("id",), frozenset({frozenset({"id"})})),
    },
    foreign_keys=(ForeignKey("messages_room_fkey", "messages", ("room",), "rooms", ("id",)),),
    functions={
        "f": (
            DbFunction("f", (Parameter("a", "int", True), Parameter("b", "int", False)), False, False, False, False),
            DbFunction("f", (Parameter("c", "int", True),), False, False, False, False),
        )
    },
)  # fmt: skip
MESSAGES = CATALOGUE.relations["messages"]


def parsed(**parameters: str) -> list[FilterCondition | Group]:
    return list(parse_query(urlencode(parameters)).tree.level(()).where)


# Parsing -------------------------------------------------------------------------------------------------------------


@given(TEXTS, st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte", "match", "cs", "cd", "ov"]), st.booleans())
def test_a_plain_value_arrives_unchanged(text: str, operator: str, negated: bool) -> None:
    query = parse_query(urlencode({"name": f"{'not.' * negated}{operator}.{text}"}))
    assert query.values == (text,)
    assert query.tree.level(()).where == (FilterCondition(FieldPath("name"), operator, 0, negated),)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_a_quoted_list_arrives_unchanged(items: list[str]) -> None:
    quoted = ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    assert parse_query(urlencode({"name": f"in.({quoted})"})).values == (array_literal(items),)


@given(st.lists(TEXTS, max_size=5))
def test_an_array_literal_reads_back_as_postgres_reads_it(items: list[str]) -> None:
    found = [
        re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL)
        for part in re.findall(r'"((?:[^"\\]|\\.)*)"', array_literal(items), re.DOTALL)
    ]
    assert found == items


@st.composite
def logic(draw: st.DrawFn, depth: int = 3) -> tuple[str, list[str]]:
    """A member of a logic tree as text, with the values it holds in order."""
    negation = draw(st.sampled_from(["", "not."]))
    if depth and draw(st.booleans()):
        members = draw(st.lists(logic(depth - 1), min_size=1, max_size=3))
        inner = ",".join(text for text, _ in members)
        held = [value for _, values in members for value in values]
        return f"{negation}{draw(st.sampled_from(['and', 'or']))}({inner})", held
    value = draw(TEXTS)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{draw(NAMES)}.{negation}eq."{escaped}"', [value]


@given(st.lists(logic(), min_size=1, max_size=4), st.sampled_from(["or", "and", "not.or", "not.and"]))
def test_nested_logic_keeps_every_value_in_its_order(members: list[tuple[str, list[str]]], key: str) -> None:
    query = parse_query(urlencode({key: f"({','.join(text for text, _ in members)})"}))
    assert list(query.values) == [value for _, values in members for value in values]
    (group,) = query.tree.level(()).where
    assert isinstance(group, Group)
    assert (group.joiner, len(group.members)) == (key.rpartition(".")[2], len(members))
    assert group.negated == key.startswith("not")


@given(st.text(max_size=60))
def test_any_query_string_is_parsed_or_refused(text: str) -> None:
    for key in ("select", "order", "or", "and", "limit", "offset", "columns", "on_conflict", "x", text):
        statement = _compiled(urlencode({key: text}))
        if isinstance(statement, RestError):
            assert statement.code.startswith("PGRST")
            assert statement.status in (300, 400, 416)
        else:
            placed = {int(number) for number in PARAMETER.findall(_without_literals(statement.sql))}
            assert placed == set(range(1, len(statement.slots) + 1))


def _compiled(text: str) -> sql.Statement | RestError:
    try:
        return sql.read(CATALOGUE, MESSAGES, parse_query(text).tree, Form())
    except RestError as error:
        return error


def _without_literals(text: str) -> str:
    return re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "", text)


@given(st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=6))
def test_values_are_no_part_of_the_tree(filters: list[tuple[str, str]]) -> None:
    first = parse_query(urlencode([(name, f"eq.{value}") for name, value in filters]))
    second = parse_query(urlencode([(name, "eq.other") for name, _ in filters]))
    assert first.tree == second.tree
    assert hash(first.tree) == hash(second.tree)


def test_select() -> None:
    assert parse_select("id, a:name::text,body->k->>0,*") == (
        SelectedColumn(FieldPath("id")),
        SelectedColumn(FieldPath("name"), "a", "text"),
        SelectedColumn(FieldPath("body", (JsonStep("->", "k", False), JsonStep("->>", "0", True)))),
        SelectedColumn(FieldPath("*")),
    )
    assert parse_select("id,r:rooms!fk!inner(id,x(*)),...y!left(z)") == (
        SelectedColumn(FieldPath("id")),
        Embed(
            "rooms", (SelectedColumn(FieldPath("id")), Embed("x", (SelectedColumn(FieldPath("*")),))), "r", "fk", True
        ),
        Embed("y", (SelectedColumn(FieldPath("z")),), spread=True),
    )
    columns_only = [item for item in parse_select("body->a->0->>b,body->>0,x:y") if isinstance(item, SelectedColumn)]
    assert [item.key for item in columns_only] == ["b", "body", "x"]


def test_order() -> None:
    assert parse_order("a,b.desc,c.asc.nullsfirst,d.nullslast,e->>f.desc,g(h).asc") == (
        OrderTerm(FieldPath("a")),
        OrderTerm(FieldPath("b"), "desc"),
        OrderTerm(FieldPath("c"), "asc", "first"),
        OrderTerm(FieldPath("d"), None, "last"),
        OrderTerm(FieldPath("e", (JsonStep("->>", "f", False),)), "desc"),
        OrderTerm(FieldPath("h"), "asc", None, "g"),
    )


def test_filters_of_embedded_resources_have_a_level_of_their_own() -> None:
    tree = parse_query("a.b.name=eq.1&a.or=(x.eq.1,y.eq.2)&a.limit=3&a.order=x&limit=5&offset=2&name=eq.9")
    assert tree.tree.level(("a", "b")).where == (FilterCondition(FieldPath("name"), "eq", 0),)
    level = tree.tree.level(("a",))
    assert isinstance(level.where[0], Group)
    assert level.limit is not None
    assert tree.values[level.limit] == 3
    assert (tree.limit, tree.offset) == (5, 2)


def test_text_search_and_quantifiers() -> None:
    assert parsed(t="fts(english).a b")[0] == FilterCondition(FieldPath("t"), "fts", 0, language="english")
    assert parsed(t="not.ilike(any).{*a,b*}")[0] == FilterCondition(FieldPath("t"), "ilike", 0, True, quantifier="any")
    assert parse_query("t=like.*a*").values == ("%a%",)
    for text in ("eq(some).1", "in(any).(1)", "neq(any).{1}", "fts(en'g).x", "eq", "eq.x)".replace("eq.", "zz.")):
        with pytest.raises(RestError, match="failed to parse filter"):
            parsed(t=text)


def test_the_message_of_a_parse_error_names_text_and_column() -> None:
    with pytest.raises(RestError) as caught:
        parsed(id="noop.1")
    assert caught.value.message == '"failed to parse filter (noop.1)" (line 1, column 1)'
    assert caught.value.details == 'unexpected "n" expecting "not" or operator (eq, gt, ...)'


def test_a_call_takes_parameters_without_operator_as_arguments() -> None:
    query = parse_query("a=5&b=eq.1&c=not.in.(1)&d=is.null&e=&limit=2", call=True)
    assert query.arguments == (("a", "5"), ("e", ""))
    assert len(query.tree.level(()).where) == 3
    assert not looks_like_filter("hello.world")


def test_depth_is_bounded() -> None:
    for text in ("select=" + "a(" * 40 + "x" + ")" * 40, "or=(" + "and(" * 40 + "a.eq.1" + ")" * 41):
        with pytest.raises(RestError):
            parse_query(text)


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_range_headers(first: int, rows: int) -> None:
    assert parse_range(f"{first}-{first + rows}") == (first, rows + 1)
    assert parse_range(f"{first}-") == (first, None)


@pytest.mark.parametrize("header", [None, "", "bytes=0-1", "x", "-5", "1-2,4-5"])
def test_other_range_headers_say_nothing(header: str | None) -> None:
    assert parse_range(header) == (0, None)


# Compiling -----------------------------------------------------------------------------------------------------------


@given(TEXTS)
def test_quoting_keeps_text_inside(text: str) -> None:
    assert _without_literals(literal(text)) == ""
    assert _without_literals(identifier(text)) == ""


@given(NAMES, TEXTS, TEXTS)
def test_no_value_reaches_the_statement(name: str, first: str, second: str) -> None:
    trees = [parse_query(urlencode({name: f"eq.{value}", "text": f"like.{value}"})).tree for value in (first, second)]
    texts = [sql.read(CATALOGUE, MESSAGES, tree, Form()).sql for tree in trees]
    assert texts[0] == texts[1]


def test_values_are_cast_to_the_columns_type() -> None:
    tree = parse_query("room=eq.1&id=in.(1,2)&body->>k=eq.x&body->k=eq.1&text=like.*x*&unknown=eq.1").tree
    text = sql.read(CATALOGUE, MESSAGES, tree, Form()).sql
    for piece in (
        '"messages"."room" = $1::text::uuid',
        '"messages"."id" = ANY($2::text::uuid[])',
        """("messages"."body"->>'k') = $3::text""",
        """("messages"."body"->'k') = $4::text::jsonb""",
        '"messages"."text" LIKE $5::text',
        '"messages"."unknown" = $6::text',
    ):
        assert piece in text


def test_a_minimal_write_returns_nothing_of_the_row() -> None:
    payload, _ = rows_payload(b'{"text": "x"}', None)
    tree = parse_query("select=id").tree
    plain = sql.insertion(CATALOGUE, MESSAGES, tree, payload, None, False, Form(body=False))
    assert plain.bare
    assert "RETURNING" not in plain.sql
    shown = sql.insertion(CATALOGUE, MESSAGES, tree, payload, None, False, Form())
    assert 'RETURNING "messages"."id")' in shown.sql


def test_unfiltered_writes_are_refused() -> None:
    with pytest.raises(RestError, match="DELETE requires a WHERE clause"):
        sql.removal(CATALOGUE, MESSAGES, parse_query("select=id&rooms.name=eq.x").tree, Form(body=False))


def test_overloads() -> None:
    assert len(function_for(CATALOGUE, "f", frozenset("a"), post=True).function.parameters) == 2
    assert len(function_for(CATALOGUE, "f", frozenset("c"), post=True).function.parameters) == 1
    for arguments in ("", "b", "ac", "abz"):
        with pytest.raises(RestError, match="Could not find the function"):
            function_for(CATALOGUE, "f", frozenset(arguments), post=True)


# Headers and statuses ------------------------------------------------------------------------------------------------


def test_prefer() -> None:
    prefer = parse_prefer(
        "return=representation,resolution=merge-duplicates, count=exact,return=minimal,tx=rollback,zz=1"
    )
    assert (prefer.representation, prefer.resolution, prefer.count) == (True, "merge-duplicates", "exact")
    assert prefer.applied("return", "resolution", "count") == (
        "resolution=merge-duplicates, return=representation, count=exact"
    )
    assert parse_prefer("max-affected=3").affected_limit is None
    assert parse_prefer("handling=strict,max-affected=3").affected_limit == 3
    with pytest.raises(RestError, match="Invalid preferences"):
        parse_prefer("handling=strict,zz=1")


def test_accept() -> None:
    assert wants_object("application/vnd.pgrst.object+json")
    assert wants_object("application/vnd.pgrst.object+json, */*")
    for header in (None, "*/*", "application/json", "text/html,application/xml;q=0.9,*/*;q=0.8"):
        assert not wants_object(header)
    with pytest.raises(RestError, match="None of these media types are available: text/csv"):
        wants_object("text/csv")


def test_content_range() -> None:
    ranges = [(0, 9, None), (0, 9, 100), (0, -1, None), (1, 0, 5)]
    assert [content_range(*each) for each in ranges] == ["0-9/*", "0-9/100", "*/*", "*/5"]


@pytest.mark.parametrize(
    ("code", "message", "signed_in", "status"),
    [
        ("42501", "", True, 403),
        ("42501", "", False, 401),
        ("21000", "UPDATE requires a WHERE clause", True, 400),
        ("21000", "more than one row", True, 500),
        ("22023", 'role "x" does not exist', True, 401),
        ("PT404", "", True, 404),
        ("PTabc", "", True, 500),
        ("57P01", "", True, 503),
        ("57014", "", True, 500),
        ("08006", "", True, 503),
        ("42703", "", True, 400),
    ],
)
def test_status_of_sqlstates(code: str, message: str, signed_in: bool, status: int) -> None:
    assert status_of(code, message, signed_in=signed_in) == status
