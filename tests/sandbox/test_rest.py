"""The REST subset over real HTTP on a real Postgres, against what PostgREST is documented to answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from sandbox.postgres import Postgres
from sandbox.tokens import Keys
from tests.sandbox.serving import rest_application, serving

KEYS = Keys("a-secret-of-at-least-thirty-two-characters")
SCHEMA, _, ROWS = (Path(__file__).parent / "rest_schema.sql").read_text().partition("-- Rows\n")
EMPTY = "truncate authors, books, labels, book_labels, covers, loose, notes, parted restart identity cascade"
OBJECT = {"accept": "application/vnd.pgrst.object+json"}
REPRESENTATION = {"prefer": "return=representation"}
Client = httpx.Client


async def _statements(dsn: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [
            await connection.fetch(sql) if sql.startswith("select") else await connection.execute(sql)
            for sql in statements
        ]
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres(server: Postgres) -> Postgres:
    """The shared server, with a template of this file's own small schema."""
    asyncio.run(_statements(server.dsn(), "create database template_rest"))
    asyncio.run(_statements(server.dsn("template_rest"), SCHEMA, ROWS))
    return server


@pytest.fixture
def dsn(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    asyncio.run(_statements(postgres.dsn(), f"create database {name} template template_rest"))
    yield postgres.dsn(name)
    asyncio.run(_statements(postgres.dsn(), f"drop database if exists {name} with (force)"))


def headers_for(token: str) -> dict[str, str]:
    return {"apikey": KEYS.anon, "authorization": f"Bearer {token}"}


def signed_in(user: str = "u1", lifetime_s: int = 600) -> dict[str, str]:
    return headers_for(KEYS.access_token(user, f"{user}@example.com", lifetime_s=lifetime_s, issuer="test"))


@contextmanager
def client_of(dsn: str, **options: Any) -> Iterator[Client]:
    with (
        serving(lambda: rest_application(dsn, KEYS, **options)) as url,
        httpx.Client(base_url=f"{url}/rest/v1", headers=signed_in(), timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def writer(postgres: Postgres) -> Iterator[Client]:
    asyncio.run(_statements(postgres.dsn(), "create database writing template template_rest"))
    with client_of(postgres.dsn("writing")) as client:
        yield client


@pytest.fixture
def client(writer: Client, postgres: Postgres) -> Client:
    """For tests that write: the rows are as `rest_schema.sql` made them."""
    asyncio.run(_statements(postgres.dsn("writing"), EMPTY, ROWS))
    return writer


@pytest.fixture(scope="session")
def reader(postgres: Postgres) -> Iterator[Client]:
    """For tests that change nothing: one database and server for all of them."""
    asyncio.run(_statements(postgres.dsn(), "create database reading template template_rest"))
    with client_of(postgres.dsn("reading")) as client:
        yield client


def ids(response: httpx.Response) -> list[int]:
    assert response.status_code in (200, 206), response.text
    return [row["id"] for row in response.json()]


def error(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"code", "details", "hint", "message"}
    return response.status_code, body["code"]


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("id=eq.2", [2]),
        ("id=neq.2", [1, 3]),
        ("id=gt.1", [2, 3]),
        ("id=gte.2&id=lt.3", [2]),
        ("id=lte.2", [1, 2]),
        ("title=like.*engines", [1]),
        ("title=ilike.*QUIET*", [2]),
        ("title=not.ilike.*q*", [1, 3]),
        ("title=match.^D", [3]),
        ("title=imatch.^d", [3]),
        ("id=in.(1,3)", [1, 3]),
        ("id=in.()", []),
        ("id=not.in.(1,3)", [2]),
        ('title=in.("Quiet, \\"nights\\"","Days (and dots.)")', [2, 3]),
        ("price=is.null", [3]),
        ("price=not.is.null", [1, 2]),
        ("price=is.not_null", [1, 2]),
        ("mood=eq.sad", [2]),
        ("mood=isdistinct.sad", [1, 3]),
        ("tags=cs.{b}", [1, 2]),
        ("tags=cd.{a,b,c}", [1, 2, 3]),
        ("tags=ov.{a,z}", [1]),
        ('meta=cs.{"k":{"n":7}}', [1]),
        ("pages=cs.[15,16)", [1]),
        ("pages=ov.[15,35)", [1, 2]),
        ("pages=sl.[25,26)", [1]),
        ("pages=sr.[25,26)", [2]),
        ("pages=adj.[20,30)", [1, 2]),
        ("meta->k->>n=eq.8", [2]),
        ("meta->k->n=eq.7", [1]),
        ("meta->list->>1=eq.2", [1]),
        ("search=fts(english).run", [1]),
        ("search=plfts.night", [2]),
        ("search=wfts(english).day or night", [2, 3]),
        ("title=phfts(english).quiet nights", [2]),
        ("id=eq(any).{1,2}", [1, 2]),
        ("title=like(all).{*u*,*n*}", [1, 2]),
        ("title=ilike(any).{quiet*,DAYS*}", [2, 3]),
        ("or=(id.eq.1,id.eq.3)", [1, 3]),
        ("or=(id.eq.1,and(id.gt.1,price.lt.6))", [1, 2]),
        ("not.or=(id.eq.1,id.eq.3)", [2]),
        ("and=(id.gte.1,not.or(id.eq.1,id.eq.2))", [3]),
        ('or=(title.eq."Quiet, \\"nights\\"",title.eq."Days (and dots.)")', [2, 3]),
        ("or=(tags.cs.{a,b},id.in.(3))", [1, 3]),
        ('or=(added.lt."2026-01-02T03:04:05.678+00:00",and(added.eq."2026-01-02T03:04:05.678+00:00",id.lt.2))', [1]),
        ("id=eq.1&apikey=whatever", [1]),
    ],
)  # fmt: skip
def test_filters_find_what_they_should(reader: Client, query: str, expected: list[int]) -> None:
    pairs = [part.partition("=")[::2] for part in query.split("&")] if "wfts" not in query else [query.split("=", 1)]
    response = reader.get("/books", params=[("select", "id"), ("order", "id"), *pairs])
    assert ids(response) == expected


def test_a_page_of_rows_is_what_postgres_prints(reader: Client) -> None:
    response = reader.get("/books?select=id,price,added,tags,day:added::date,n:meta->k->>n,k:meta->k&id=eq.1")
    assert response.text == (
        '[{"id":1,"price":12.00,"added":"2026-01-02T03:04:05.678+00:00","tags":["a","b"],"day":"2026-01-02",'
        '"n":"7","k":{"n": 7}}]'
    )
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["content-range"] == "0-0/*"
    assert response.headers["content-profile"] == "public"


def test_order_limit_and_offset(reader: Client) -> None:
    assert ids(reader.get("/books?order=price.desc.nullslast,id")) == [1, 2, 3]
    assert ids(reader.get("/books?order=price.desc,id")) == [3, 1, 2]
    assert ids(reader.get("/books?order=meta->k->>n.asc.nullsfirst,id.desc")) == [3, 1, 2]
    page = reader.get("/books?order=id&limit=1&offset=1")
    assert ids(page) == [2]
    assert page.headers["content-range"] == "1-1/*"
    ranged = reader.get("/books?order=id", headers={"range": "1-5", "range-unit": "items"})
    assert ids(ranged) == [2, 3]
    both = reader.get("/books?order=id&limit=2", headers={"range": "1-5"})
    assert ids(both) == [2]
    assert reader.get("/books?limit=0").headers["content-range"] == "*/*"
    assert error(reader.get("/books?limit=-1")) == (416, "PGRST103")
    assert error(reader.get("/books", headers={"range": "5-1"})) == (416, "PGRST103")


def test_counting(reader: Client) -> None:
    exact = {"prefer": "count=exact"}
    part = reader.get("/books?order=id&limit=2", headers=exact)
    assert (part.status_code, part.headers["content-range"]) == (206, "0-1/3")
    assert part.headers["preference-applied"] == "count=exact"
    whole = reader.get("/books", headers=exact)
    assert (whole.status_code, whole.headers["content-range"]) == (200, "0-2/3")
    none = reader.get("/books?id=eq.99", headers=exact)
    assert (none.status_code, none.headers["content-range"]) == (200, "*/0")
    head = reader.head("/books?id=lte.2", headers=exact)
    assert (head.status_code, head.headers["content-range"], head.content) == (200, "0-1/2", b"")
    beyond = reader.get("/books?offset=4", headers=exact)
    assert error(beyond) == (416, "PGRST103")
    assert beyond.json()["details"] == "An offset of 4 was requested, but there are only 3 rows."
    assert reader.get("/books?id=eq.1", headers={"prefer": "count=estimated"}).headers["content-range"] == "0-0/1"
    planned = reader.get("/books", headers={"prefer": "count=planned"}).headers["content-range"]
    assert int(planned.rpartition("/")[2]) >= 1


def test_one_object(reader: Client) -> None:
    one = reader.get("/books?select=id&id=eq.1", headers=OBJECT)
    assert (one.status_code, one.text) == (200, '{"id":1}')
    assert one.headers["content-type"] == "application/vnd.pgrst.object+json; charset=utf-8"
    for query, rows in (("id=eq.99", 0), ("id=gt.0", 3)):
        several = reader.get(f"/books?{query}", headers=OBJECT)
        assert several.status_code == 406
        assert several.headers["content-type"] == "application/json; charset=utf-8"
        assert several.json() == {
            "code": "PGRST116",
            "details": f"The result contains {rows} rows",
            "hint": None,
            "message": "Cannot coerce the result to a single JSON object",
        }


def test_views_are_read_and_partitions_are_not(reader: Client) -> None:
    assert ids(reader.get("/cheap_books?select=id")) == [2]
    assert reader.get("/parted").json() == []
    assert error(reader.get("/parted_default")) == (404, "PGRST205")


def test_rows_are_capped(dsn: str) -> None:
    with client_of(dsn, max_rows=2) as client:
        assert ids(client.get("/books?order=id")) == [1, 2]
        counted = client.get("/books?order=id&limit=3", headers={"prefer": "count=exact"})
        assert (counted.status_code, counted.headers["content-range"]) == (206, "0-1/3")
        assert client.post("/rpc/numbers", json={"upto": 5}).json() == [1, 2]


# Embedding -----------------------------------------------------------------------------------------------------------


def test_embedding_to_one_and_to_many(reader: Client) -> None:
    rows = reader.get(
        "/books?select=id,author:authors!author_id(name),book_labels(label)&order=id&book_labels.order=label"
    )
    assert rows.json() == [
        {"id": 1, "author": {"name": "Ada"}, "book_labels": [{"label": "blue"}, {"label": "red"}]},
        {"id": 2, "author": {"name": "Ada"}, "book_labels": [{"label": "red"}]},
        {"id": 3, "author": {"name": "Bob"}, "book_labels": []},
    ]
    by_column = reader.get("/books?select=id,editor_id(name)&order=id")
    assert [row["editor_id"] for row in by_column.json()] == [{"name": "Bob"}, None, {"name": "Ada"}]
    back = reader.get("/authors?select=name,books!books_author_id_fkey(id)&order=id&books.order=id.desc&books.limit=1")
    assert back.json() == [
        {"name": "Ada", "books": [{"id": 2}]}, {"name": "Bob", "books": [{"id": 3}]}, {"name": "Cy", "books": []},
    ]  # fmt: skip
    unique = reader.get("/books?select=id,covers(url)&order=id&id=lte.2")
    assert unique.json() == [{"id": 1, "covers": {"url": "one.png"}}, {"id": 2, "covers": None}]


def test_embedding_many_to_many_nested_and_spread(reader: Client) -> None:
    many = reader.get("/labels?select=name,books(id)&order=name&books.order=id")
    assert many.json() == [{"name": "blue", "books": [{"id": 1}]}, {"name": "red", "books": [{"id": 1}, {"id": 2}]}]
    nested = reader.get("/book_labels?select=label,books(title,authors!author_id(name))&book_id=eq.2")
    assert nested.json() == [{"label": "red", "books": {"title": 'Quiet, "nights"', "authors": {"name": "Ada"}}}]
    spread = reader.get("/books?select=id,...authors!author_id(writer:name)&id=eq.1")
    assert spread.json() == [{"id": 1, "writer": "Ada"}]


def test_embedded_filters(reader: Client) -> None:
    left = reader.get("/books?select=id,book_labels(label)&book_labels.label=eq.blue&order=id")
    assert [len(row["book_labels"]) for row in left.json()] == [1, 0, 0]
    assert ids(reader.get("/books?select=id,book_labels!inner(label)&book_labels.label=eq.blue&order=id")) == [1]
    assert ids(reader.get("/books?select=id,authors!author_id!inner(name)&authors.name=eq.Bob")) == [3]
    inner = reader.get("/books?select=id,authors!author_id!inner()&authors.or=(name.eq.Bob,born.is.null)",
                       headers={"prefer": "count=exact"})  # fmt: skip
    assert (inner.json(), inner.headers["content-range"]) == ([{"id": 3}], "0-0/1")
    assert ids(reader.get("/books?select=id,covers(url)&covers=not.is.null")) == [1]
    assert ids(reader.get("/books?select=id,book_labels(label)&book_labels=is.null")) == [3]
    assert ids(reader.get("/books?select=id,authors!author_id(name)&order=authors(name).desc,id")) == [3, 1, 2]


def test_embedding_errors(reader: Client) -> None:
    unrelated = reader.get("/books?select=id,loose(a)")
    assert error(unrelated) == (400, "PGRST200")
    assert (
        unrelated.json()["message"] == "Could not find a relationship between 'books' and 'loose' in the schema cache"
    )
    ambiguous = reader.get("/books?select=id,authors(name)")
    assert error(ambiguous) == (300, "PGRST201")
    assert [found["cardinality"] for found in ambiguous.json()["details"]] == ["many-to-one", "many-to-one"]
    assert "'authors!books_author_id_fkey', 'authors!books_editor_id_fkey'" in ambiguous.json()["hint"]
    assert error(reader.get("/books?select=id&authors.name=eq.Ada")) == (400, "PGRST108")
    assert error(reader.get("/books?select=id,book_labels(label)&order=book_labels(label)")) == (400, "PGRST118")
    assert error(reader.get("/books?select=id,covers(url)&covers=eq.x")) == (400, "PGRST120")
    assert error(reader.get("/books?select=price.sum()")) == (400, "PGRST123")


# Writing -------------------------------------------------------------------------------------------------------------


def test_insert_one_and_many(client: Client) -> None:
    plain = client.post("/authors", json={"id": 10, "name": "Di"})
    assert (plain.status_code, plain.content, plain.headers["content-range"]) == (201, b"", "*/*")
    rep = client.post("/books?select=id,title,price,mood", json={"title": "New"}, headers=REPRESENTATION | OBJECT)
    assert (rep.status_code, rep.json()["price"], rep.json()["mood"]) == (201, 9.5, "happy")
    assert rep.headers["preference-applied"] == "return=representation"
    counted = client.post('/authors?columns="id","name"', headers={"prefer": "count=exact"},
                          json=[{"id": 11, "name": "Ed"}, {"id": 12, "name": "Flo"}])  # fmt: skip
    assert (counted.status_code, counted.headers["content-range"]) == (201, "*/2")
    assert len(client.get("/authors?id=gte.10").json()) == 3


def test_keys_left_out_are_null_unless_defaults_are_asked_for(client: Client) -> None:
    rows = [{"title": "A", "price": 1}, {"title": "B"}]
    assert error(client.post("/books", json=rows)) == (400, "PGRST102")
    path = '/books?columns="title","price"&select=price'
    assert client.post(path, json=rows, headers=REPRESENTATION).json() == [{"price": 1.00}, {"price": None}]
    missing = client.post(path, json=rows, headers={"prefer": "return=representation,missing=default"})
    assert missing.json() == [{"price": 1.00}, {"price": 9.5}]
    assert missing.headers["preference-applied"] == "missing=default, return=representation"


def test_odd_bodies(client: Client) -> None:
    assert client.post("/loose", json=[], headers=REPRESENTATION).json() == []
    assert client.post("/loose", json={}, headers=REPRESENTATION).json() == [{"a": None, "b": None}]
    for content in (b"", b"{", b"nul"):
        assert error(client.post("/loose", content=content)) == (400, "PGRST102")
    assert error(client.post("/loose", content=b"a=1", headers={"content-type": "text/csv"})) == (400, "PGRST102")
    unknown = client.post("/loose", json={"a": 1, "zz": 2})
    assert (error(unknown), unknown.json()["message"]) == (
        (400, "PGRST204"), "Could not find the 'zz' column of 'loose' in the schema cache",
    )  # fmt: skip


def test_upsert(client: Client) -> None:
    merge = {"prefer": "resolution=merge-duplicates"}
    again = client.post("/authors?on_conflict=id", json={"id": 1, "name": "Ada L."}, headers=merge)
    assert (again.status_code, again.headers["preference-applied"]) == (200, "resolution=merge-duplicates")
    assert client.post("/authors?on_conflict=id", json={"id": 20, "name": "New"}, headers=merge).status_code == 201
    mixed = client.post("/authors", json=[{"id": 1, "name": "A"}, {"id": 21, "name": "N"}],
                        headers={"prefer": "resolution=merge-duplicates,return=representation"})  # fmt: skip
    assert (mixed.status_code, mixed.json()[0]) == (201, {"id": 1, "name": "A", "born": "1815-12-10"})
    ignore = {"prefer": "resolution=ignore-duplicates,return=representation,count=exact"}
    kept = client.post(
        "/authors?on_conflict=id", json=[{"id": 1, "name": "B"}, {"id": 22, "name": "M"}], headers=ignore
    )
    assert (kept.status_code, [row["id"] for row in kept.json()], kept.headers["content-range"]) == (201, [22], "*/1")
    assert error(client.post("/authors?on_conflict=name", json={"id": 1, "name": "x"}, headers=merge)) == (400, "42P10")
    assert error(client.post("/authors", json={"id": 1, "name": "x"})) == (409, "23505")


def test_update(client: Client) -> None:
    plain = client.patch("/books?id=eq.1", json={"title": "Changed"})
    assert (plain.status_code, plain.content, plain.headers["content-range"]) == (204, b"", "0-0/*")
    rep = client.patch("/books?id=lte.2&select=id,title,authors!author_id(name)&order=id.desc", json={"price": 3},
                       headers={"prefer": "return=representation,count=exact"})  # fmt: skip
    assert (rep.status_code, rep.headers["content-range"]) == (200, "0-1/2")
    assert rep.json()[1] == {"id": 1, "title": "Changed", "authors": {"name": "Ada"}}
    assert client.patch("/books?id=eq.99", json={"price": 3}).headers["content-range"] == "*/*"
    assert client.patch("/books?or=(id.eq.1,id.eq.2)", json={"price": 3}).status_code == 204
    nobody = client.patch("/books?id=eq.99&select=id", json={"price": 3}, headers=REPRESENTATION | OBJECT)
    assert error(nobody) == (406, "PGRST116")
    assert client.patch("/books?id=eq.1", json={}, headers=REPRESENTATION).json() == []
    assert client.patch("/books?id=eq.1", json={}).status_code == 204
    assert error(client.patch("/books?id=eq.1", json={"nope": 1})) == (400, "PGRST204")


def test_a_refused_single_update_changes_nothing(client: Client) -> None:
    refused = client.patch("/books?id=gt.0", json={"title": "all"}, headers=REPRESENTATION | OBJECT)
    assert (error(refused), refused.json()["details"]) == ((406, "PGRST116"), "The result contains 3 rows")
    limited = client.patch("/books?id=gt.0", json={"title": "all"},
                           headers={"prefer": "handling=strict,max-affected=2"})  # fmt: skip
    assert error(limited) == (400, "PGRST124")
    assert client.get("/books?title=eq.all").json() == []


def test_delete(client: Client) -> None:
    assert client.delete("/book_labels?book_id=eq.1&label=eq.red").status_code == 204
    rep = client.delete("/book_labels?book_id=eq.1&select=label", headers=REPRESENTATION)
    assert (rep.status_code, rep.json()) == (200, [{"label": "blue"}])
    counted = client.delete("/book_labels?book_id=eq.2", headers={"prefer": "count=exact"})
    assert (counted.status_code, counted.headers["content-range"]) == (204, "*/1")
    assert client.get("/book_labels").json() == []


def test_writes_without_a_filter_are_refused(client: Client) -> None:
    for response, verb in ((client.patch("/books", json={"price": 1}), "UPDATE"), (client.delete("/books"), "DELETE")):
        assert (error(response), response.json()["message"]) == ((400, "21000"), f"{verb} requires a WHERE clause")
    assert len(client.get("/books").json()) == 3


# Privileges and policies ---------------------------------------------------------------------------------------------


def test_policies_hold_and_minimal_writes_need_no_select(client: Client) -> None:
    foreign = {"owner": "somebody else", "body": "hi"}
    assert client.post("/notes", json=foreign).status_code == 201
    assert error(client.post("/notes?select=id", json=foreign, headers=REPRESENTATION)) == (403, "42501")
    assert client.post("/notes?select=body", json={"owner": "u1", "body": "mine"}, headers=REPRESENTATION).json() == [
        {"body": "mine"}
    ]
    assert [row["owner"] for row in client.get("/notes").json()] == ["u1"]
    everybody = client.get("/notes?order=owner", headers=headers_for(KEYS.service)).json()
    assert [row["owner"] for row in everybody] == ["somebody else", "u1"]
    refused = client.post("/notes", json={"owner": "u1", "body": "forbidden"})
    assert (error(refused), "row-level security" in refused.json()["message"]) == ((403, "42501"), True)
    upsert = {"prefer": "resolution=merge-duplicates"}
    mine = {"owner": "u1", "slot": 5}
    assert client.post("/notes?on_conflict=slot", json=mine, headers=upsert).status_code == 201
    assert client.post("/notes?on_conflict=slot", json=mine, headers=upsert).status_code == 200
    theirs = {"owner": "u2", "slot": 6}
    assert error(client.post("/notes?on_conflict=slot", json=theirs, headers=upsert)) == (403, "42501")


def test_no_privilege_is_401_for_anon_and_403_for_others(reader: Client) -> None:
    anonymous = reader.get("/locked", headers=headers_for(KEYS.anon))
    assert error(anonymous) == (401, "42501")
    assert anonymous.headers["www-authenticate"] == "Bearer"
    forbidden = reader.get("/locked")
    assert forbidden.json() == {
        "code": "42501", "details": None, "hint": forbidden.json()["hint"],
        "message": "permission denied for table locked",
    }  # fmt: skip
    assert forbidden.status_code == 403


def test_tokens(reader: Client) -> None:
    expired = reader.get("/books", headers=signed_in(lifetime_s=-60))
    assert (error(expired), expired.json()["message"]) == ((401, "PGRST303"), "JWT expired")
    assert expired.headers["www-authenticate"] == 'Bearer error="invalid_token", error_description="JWT expired"'
    forged = Keys("another-secret-of-more-than-thirty-two-characters").anon
    assert error(reader.get("/books", headers=headers_for(forged))) == (401, "PGRST301")
    garbled = reader.get("/books", headers=headers_for("garbage"))
    assert garbled.json()["message"] == "Expected 3 parts in JWT; got 1"


# Functions -----------------------------------------------------------------------------------------------------------


def test_functions_by_their_result(reader: Client) -> None:
    assert reader.post("/rpc/add", json={"a": 1, "b": 2}).text == "3"
    assert reader.post("/rpc/add", json={"a": 1}).text == "11"
    assert reader.get("/rpc/add?a=5&b=6").text == "11"
    who = reader.post("/rpc/who", json={}).json()
    assert who == {"role": "authenticated", "sub": "u1", "method": "POST", "path": "/rpc/who"}
    assert reader.post("/rpc/who").json()["role"] == "authenticated"
    void = reader.post("/rpc/nothing", json={})
    assert (void.status_code, void.content) == (204, b"")
    assert reader.post("/rpc/numbers", json={"upto": 3}).text == "[1, 2, 3]"
    assert reader.get("/rpc/pairs?upto=2").json() == [{"n": 1, "square": 1}, {"n": 2, "square": 4}]
    assert reader.post("/rpc/one_book?select=id,title", json={"wanted": 1}).json() == {
        "id": 1,
        "title": "Running engines",
    }
    assert reader.post("/rpc/echo", json={"x": [1, None]}).json() == {"x": [1, None]}
    assert reader.post("/rpc/echo", json=[1, 2]).json() == [1, 2]
    assert reader.post("/rpc/sum_all", json={"xs": [1, 2, 3]}).text == "6"


def test_sets_from_functions_are_filtered_sorted_paged_counted_and_embedded(reader: Client) -> None:
    page = reader.post("/rpc/pairs?n=gt.1&order=n.desc&limit=2", json={"upto": 5}, headers={"prefer": "count=exact"})
    assert page.json() == [{"n": 5, "square": 25}, {"n": 4, "square": 16}]
    assert (page.status_code, page.headers["content-range"]) == (206, "0-1/4")
    assert reader.get("/rpc/cheap?top=100&select=id,authors!author_id(name)&title=like.Q*").json() == [
        {"id": 2, "authors": {"name": "Ada"}}
    ]
    assert reader.post("/rpc/pairs?n=eq.2", json={"upto": 5}, headers=OBJECT).json() == {"n": 2, "square": 4}
    assert error(reader.post("/rpc/pairs", json={"upto": 5}, headers=OBJECT)) == (406, "PGRST116")
    head = reader.head("/rpc/pairs?upto=5", headers={"prefer": "count=exact"})
    assert (head.status_code, head.headers["content-range"], head.content) == (200, "0-4/5", b"")


def test_overloads_are_chosen_by_argument_name(reader: Client) -> None:
    assert reader.post("/rpc/twice", json={"x": 2}).text == "4"
    assert reader.post("/rpc/twice", json={"y": "ab"}).json() == "abab"
    unsure = reader.post("/rpc/unsure", json={"x": 1})
    assert error(unsure) == (300, "PGRST203")
    assert "public.unsure(x => integer), public.unsure(x => text)" in unsure.json()["message"]
    missing = reader.post("/rpc/add", json={"a": 1, "c": 2})
    assert missing.status_code == 404
    assert missing.json() == {
        "code": "PGRST202",
        "details": "Searched for the function public.add with parameters a, c or with a single unnamed json/jsonb "
        "parameter, but no matches were found in the schema cache.",
        "hint": "Perhaps you meant to call the function public.add(a, b)",
        "message": "Could not find the function public.add(a, c) in the schema cache",
    }
    nobody = reader.get("/rpc/nobody")
    assert (
        nobody.json()["message"] == "Could not find the function public.nobody without parameters in the schema cache"
    )


def test_reads_do_not_write(reader: Client) -> None:
    assert error(reader.post("/rpc/sly", json={})) == (405, "25006")
    assert error(reader.get("/rpc/naughty")) == (405, "25006")
    assert error(reader.patch("/rpc/add", json={})) == (405, "PGRST101")


# Errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("P0001", 400), ("PT418", 418), ("23503", 409), ("23514", 400), ("22023", 400), ("42P17", 500), ("40001", 500),
        ("53100", 503), ("53400", 500), ("54001", 500), ("55P03", 500), ("57014", 500), ("0LP01", 403), ("28000", 403),
        ("P0002", 500), ("XX000", 500), ("42883", 404), ("42P01", 404), ("99999", 400),
    ],
)  # fmt: skip
def test_the_error_of_a_function_is_passed_on(reader: Client, state: str, status: int) -> None:
    response = reader.post("/rpc/raises", json={"state": state})
    assert response.status_code == status
    assert response.json() == {"code": state, "details": "why", "hint": "how", "message": "as asked"}


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/books?id=eq.x", None, (400, "22P02")),
        ("GET", "/books?id=in.(1,x)", None, (400, "22P02")),
        ("GET", "/books?mood=eq.angry", None, (400, "22P02")),
        ("GET", "/books?nope=eq.1", None, (400, "42703")),
        ("GET", "/books?select=nope", None, (400, "42703")),
        ("GET", "/books?order=nope", None, (400, "42703")),
        ("GET", "/books?id=like.1", None, (404, "42883")),
        ("GET", "/books?id=eq.99999999999", None, (400, "22003")),
        ("GET", "/books?select=id::nonsense", None, (400, "42704")),
        ("GET", "/books?title=match.(", None, (400, "2201B")),
        ("GET", "/books?title=eq.%00", None, (400, "22021")),
        ("POST", "/books", {"title": "x", "mood": "angry"}, (400, "22P02")),
        ("POST", "/books", {"title": "x", "price": -1}, (400, "23514")),
        ("POST", "/books", {"title": "x", "price": 99999}, (400, "22003")),
        ("POST", "/books", {"title": None}, (400, "23502")),
        ("POST", "/books", {"title": "x", "author_id": 99}, (409, "23503")),
        ("POST", "/books", {"title": "x", "author_id": 1.5}, (400, "22P02")),
        ("POST", "/nowhere", {"a": 1}, (404, "PGRST205")),
        ("GET", "/secret", None, (404, "PGRST205")),
        ("GET", "/books?id=1", None, (400, "PGRST100")),
        ("GET", "/books?id=foo.1", None, (400, "PGRST100")),
        ("GET", "/books?select=id,(", None, (400, "PGRST100")),
        ("GET", "/books?or=(id.eq.1", None, (400, "PGRST100")),
        ("GET", "/books?order=id.sideways", None, (400, "PGRST100")),
        ("GET", "/books?id=is.maybe", None, (400, "PGRST100")),
        ("PUT", "/books?id=eq.1", {"id": 1}, (405, "PGRST117")),
        ("GET", "/books/1", None, (404, "PGRST125")),
    ],
)  # fmt: skip
def test_bad_requests(reader: Client, method: str, path: str, body: Any, expected: tuple[int, str]) -> None:
    assert error(reader.request(method, path, json=body)) == expected


def test_headers_that_cannot_be_met(reader: Client) -> None:
    profile = reader.get("/books", headers={"accept-profile": "hidden"})
    assert (error(profile), profile.json()["message"]) == ((406, "PGRST106"), "Invalid schema: hidden")
    assert reader.get("/books", headers={"accept-profile": "public"}).status_code == 200
    assert error(reader.post("/loose", json={"a": 1}, headers={"content-profile": "hidden"})) == (406, "PGRST106")
    assert error(reader.get("/books", headers={"accept": "text/csv"})) == (406, "PGRST107")
    assert reader.get("/books", headers={"accept": "text/csv, */*"}).status_code == 200
    assert error(reader.get("/books", headers={"prefer": "handling=strict, foo=bar"})) == (400, "PGRST122")
    assert reader.get("/books", headers={"prefer": "foo=bar"}).status_code == 200


def test_identifiers_and_values_cannot_leave_their_place(client: Client) -> None:
    attack = 'x"; drop table loose; --'
    for params in (
        {"select": f'"{attack}"'}, {"order": '"a\\"; drop table loose; --"'}, {attack: "eq.1"}, {"b": f"eq.{attack}"},
        {"select": "meta->'; drop table loose; --"}, {"b": "fts(english').x"},
        {"select": "a::text); drop table loose; --"},
    ):  # fmt: skip
        assert client.get("/loose", params=params).status_code in (200, 400)
    assert client.post("/loose", json={"b": "'); drop table loose; --"}).status_code == 201
    assert client.get("/loose?select=b").json() == [{"b": "'); drop table loose; --"}]
    sneaky = headers_for(KEYS.access_token("' || (select 1) --", "x@example.com", lifetime_s=60, issuer="test"))
    assert client.post("/rpc/who", headers=sneaky).json()["sub"] == "' || (select 1) --"


# Operation -----------------------------------------------------------------------------------------------------------


def test_a_new_table_is_found_without_a_restart(client: Client, postgres: Postgres) -> None:
    dsn = postgres.dsn("writing")
    assert error(client.get("/fresh")) == (404, "PGRST205")
    asyncio.run(_statements(dsn, "create table fresh (id int)", "grant all on fresh to authenticated"))
    deadline = time.monotonic() + 5
    while client.get("/fresh").status_code == 404 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert client.get("/fresh").json() == []


def test_time_limits_by_role(dsn: str) -> None:
    with client_of(dsn, statement_ms={"anon": 100, "authenticated": 5_000}) as client:
        slow = client.post("/rpc/nap", json={"seconds": 0.5}, headers=headers_for(KEYS.anon))
        assert error(slow) == (500, "57014")
        assert slow.json()["message"] == "canceling statement due to statement timeout"
        assert client.post("/rpc/nap", json={"seconds": 0.3}).status_code == 204
        assert client.post("/rpc/nap", json={"seconds": 0.3}, headers=headers_for(KEYS.service)).status_code == 204


def test_no_free_connection_is_a_504(dsn: str) -> None:
    with client_of(dsn, pool_size=1, acquire_timeout_s=0.2) as client:
        assert client.get("/books").status_code == 200
        holder = threading.Thread(target=client.post, args=("/rpc/nap",), kwargs={"json": {"seconds": 1.0}})
        holder.start()
        time.sleep(0.2)
        refused = client.get("/books")
        holder.join()
        assert refused.status_code == 504
        assert refused.json() == {
            "code": "PGRST003", "details": None, "hint": None,
            "message": "Timed out acquiring connection from connection pool.",
        }  # fmt: skip
        assert client.get("/books").status_code == 200


def test_a_killed_connection_is_a_503_and_the_next_request_works(dsn: str) -> None:
    with client_of(dsn, pool_size=1) as client:
        assert client.get("/books").status_code == 200
        answers: list[httpx.Response] = []
        sleeper = threading.Thread(target=lambda: answers.append(client.post("/rpc/nap", json={"seconds": 5})))
        sleeper.start()
        mine = "datname = current_database() and query like '%nap%' and pid <> pg_backend_pid()"
        kill = f"select pg_terminate_backend(pid) from pg_stat_activity where {mine}"
        deadline = time.monotonic() + 5
        while not asyncio.run(_statements(dsn, kill))[0] and time.monotonic() < deadline:
            time.sleep(0.05)
        sleeper.join()
        assert error(answers[0]) in ((503, "57P01"), (503, "PGRST001"))
        assert client.get("/books").status_code == 200


def test_a_database_that_is_gone_is_a_503(dsn: str, postgres: Postgres) -> None:
    with client_of(dsn) as client:
        assert client.get("/books").status_code == 200
        name = dsn.partition("@/")[2].partition("?")[0]
        asyncio.run(_statements(postgres.dsn(), f"drop database {name} with (force)"))
        answers = {error(client.get("/books")) for _ in range(6)}
        assert answers <= {(503, "57P01"), (503, "PGRST001"), (503, "PGRST000")}
        assert error(client.get("/books")) == (503, "PGRST000")


def test_many_at_once_keep_their_identities(client: Client) -> None:
    def ask(user: str) -> Callable[[], None]:
        return lambda: seen.append((user, client.post("/rpc/who", headers=signed_in(user)).json()["sub"]))

    seen: list[tuple[str, str]] = []
    threads = [threading.Thread(target=ask(f"user-{n}")) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 24
    assert all(user == answered for user, answered in seen)
