"""The rules without I/O: limits, presence, filters, subscriptions, bindings, values, cost, faults, settings, tokens."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any

import jwt
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sandbox.realtime.access import AccessError, examine
from sandbox.realtime.bindings import join_config, join_token
from sandbox.realtime.cost import PollOutcome, change_ms, wait_ms
from sandbox.realtime.faults import Faults, Place, RealtimeFaultError
from sandbox.realtime.filters import FilterError, condition, parse
from sandbox.realtime.limits import CallWindow, RateCounter
from sandbox.realtime.presence import PresenceState, references
from sandbox.realtime.settings import PLANS, RealtimeSettings, SettingError
from sandbox.realtime.subscriptions import SubscriptionError, SubscriptionRegistry, requests
from sandbox.realtime.values import array, commit_timestamp, in_jsonb_order, to_json

# --- limits


def test_a_cold_counter_trips_after_its_first_tick_at_a_thousand_joins() -> None:
    for joins, trips in ((999, False), (1000, True)):
        counter = RateCounter(100, now=0)
        counter.add(joins, 1)
        assert not counter.over(4.99)
        assert counter.over(5) is trips


def test_a_warm_counter_needs_six_thousand_joins_a_minute() -> None:
    for burst, trips in ((5_999, False), (6_000, True)):
        counter = RateCounter(100, now=0)
        counter.advance(60)
        counter.add(burst, 61)
        assert counter.over(65) is trips


def test_a_tripped_counter_clears_when_the_average_is_below_again() -> None:
    counter = RateCounter(100, now=0)
    counter.add(1_200, 1)
    assert counter.over(5)  # 1200 of 1000
    assert not counter.over(10)  # 1200 of 1500
    assert counter.average == pytest.approx(1_200 / 15)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3000)), max_size=30), st.integers(0, 500))
def test_counting_never_depends_on_how_often_one_asks(steps: list[tuple[float, int]], limit: int) -> None:
    asked, silent = RateCounter(limit, 0), RateCounter(limit, 0)
    now = 0.0
    for pause, events in steps:
        for part in range(1, 5):
            asked.advance(now + pause * part / 5)
        now += pause
        asked.add(events, now)
        silent.add(events, now)
    assert asked.over(now) == silent.over(now)
    assert asked.average == silent.average
    assert limit or not asked.tripped


def test_a_long_silence_empties_the_window() -> None:
    counter = RateCounter(1, 0)
    counter.add(10_000, 0)
    assert not counter.over(3_600)
    assert counter.average == 0


def test_five_calls_a_window() -> None:
    window = CallWindow(5, 30)
    assert [window.take(second) for second in range(6)] == [True] * 5 + [False]
    assert window.take(30)
    assert all(CallWindow(0, 30).take(0) for _ in range(10))


# --- presence


class PresenceMachine(RuleBasedStateMachine):
    """A listener who starts from the state and applies every diff always knows the state."""

    def __init__(self) -> None:
        super().__init__()
        self.presence = PresenceState(references(random.Random(1)))
        self.heard: dict[str, list[dict[str, Any]]] = {}
        self.refs: set[str] = set()

    @rule(owner=st.integers(0, 4), key=st.sampled_from("ab"), value=st.integers(0, 2))
    def track(self, owner: int, key: str, value: int) -> None:
        mine = f"{key}{owner % 2}"  # an owner keeps its key
        owner_key = self.presence._owners.get(owner, (mine, {}))[0]
        diff = self.presence.track(owner, owner_key, {"value": value})
        if diff is not None:
            for metas in diff.joins.values():
                ref = metas["metas"][0]["phx_ref"]
                assert len(ref) == 14
                assert ref not in self.refs
                self.refs.add(ref)
            self.apply(diff.payload())

    @rule(owner=st.integers(0, 4))
    def untrack(self, owner: int) -> None:
        diff = self.presence.untrack(owner)
        if diff is not None:
            assert diff.joins == {}
            self.apply(diff.payload())

    def apply(self, diff: dict[str, Any]) -> None:
        for key, came in diff["joins"].items():
            self.heard.setdefault(key, []).extend(came["metas"])
        for key, went in diff["leaves"].items():
            gone = {meta["phx_ref"] for meta in went["metas"]}
            left = [meta for meta in self.heard[key] if meta["phx_ref"] not in gone]
            assert len(left) == len(self.heard.pop(key)) - len(gone)
            if left:
                self.heard[key] = left

    @invariant()
    def knows(self) -> None:
        def sorted_metas(state: dict[str, Any]) -> dict[str, list[str]]:
            return {key: sorted(meta["phx_ref"] for meta in metas) for key, metas in state.items()}

        state = {key: metas["metas"] for key, metas in self.presence.state().items()}
        assert sorted_metas(state) == sorted_metas(self.heard)


TestPresence = PresenceMachine.TestCase
TestPresence.settings = settings(max_examples=30, stateful_step_count=20)


def test_an_update_is_a_join_and_a_leave() -> None:
    presence = PresenceState(references(random.Random(2)))
    first = presence.track("c", "a1", {"status": "online"})
    assert first is not None
    second = presence.track("c", "a1", {"status": "away"})
    assert second is not None
    (old,), (new,) = (second.leaves["a1"]["metas"], second.joins["a1"]["metas"])
    assert old == first.joins["a1"]["metas"][0]
    assert new == {"status": "away", "phx_ref": new["phx_ref"], "phx_ref_prev": old["phx_ref"]}
    assert presence.track("c", "a1", {"status": "away"}) is None
    assert presence.untrack("nobody") is None


# --- filters


@pytest.mark.parametrize(
    ("text", "passes", "fails"),
    [
        ("n=eq.5", "5", "6"),
        ("n=neq.5", "6", "5"),
        ("n=lt.10", "9", "10"),
        ("n=lte.10", "10", "11"),
        ("n=gt.9", "10", "9"),
        ("n=gte.9", "9", "8.5"),
        ("n=in.(1,2,10)", "10", "3"),
        ("t=eq.a,b", None, None),
        ('t=in.("a,b",c)', "a,b", "a"),
        ("t=eq.", "", "x"),
        ("u=eq.5B0C7D2E-8F14-4C1B-9A63-2D7E90F4A111", "5b0c7d2e-8f14-4c1b-9a63-2d7e90f4a111", None),
        ("b=eq.true", "t", "f"),
        ("w=gt.2026-01-01T00:00:00Z", "2026-01-01 00:00:00.000001+00", "2025-12-31 23:59:59.9+00"),
    ],
)
def test_filters_compare_as_the_column_does(text: str, passes: str | None, fails: str | None) -> None:
    types = {"n": "numeric", "t": "text", "u": "uuid", "b": "bool", "w": "timestamptz"}
    if passes is None and fails is None:
        with pytest.raises(FilterError):
            parse(text)
        return
    (given_filter,) = parse(text)
    one = condition(given_filter, types[given_filter.column])
    assert one.holds(passes)
    assert not one.holds(fails)
    assert not one.holds(None)


@pytest.mark.parametrize("text", ["wrong", "a=like.x", "a=not.eq.1", "a=in.1,2", "=eq.1", "a=eq"])
def test_other_filters_are_refused_by_name(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert str(caught.value) == f'Error parsing `filter` params: ["{text}"]'


@given(st.text(max_size=40))
def test_any_filter_text_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        parse(text)


# --- subscriptions

PUBLISHED = {("public", "messages"): {"id": "uuid", "n": "int4"}, ("public", "other"): {"id": "uuid"}}


def bound(*entries: dict[str, Any]) -> Any:
    return join_config({"config": {"postgres_changes": list(entries)}}).bindings


def on(event: str = "*", table: str | None = "messages", **more: Any) -> dict[str, Any]:
    return {"event": event, "schema": "public", **({"table": table} if table else {}), **more}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["*", "INSERT", "UPDATE"]),
            st.sampled_from([None, "n=eq.1", "n=eq.2", "n=gt.1", "n=in.(1,3)"]),
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, 5), max_size=4),
    st.integers(0, 4),
    st.sampled_from(["INSERT", "DELETE"]),
)
def test_the_index_finds_what_asking_everybody_finds(
    wanted: list[tuple[int, str, str | None]], gone: list[int], value: int, kind: str
) -> None:
    registry: SubscriptionRegistry[int] = SubscriptionRegistry()
    asked: dict[int, list[dict[str, Any]]] = {}
    for owner, event, text in wanted:
        asked.setdefault(owner, []).append(on(event, **({"filter": text} if text else {})))
    for owner, entries in asked.items():
        registry.replace(owner, "anon", "{}", requests(bound(*entries), PUBLISHED))
    for owner in gone:
        registry.remove(owner)
        asked.pop(owner, None)
    table, values = ("public", "messages"), {"n": str(value), "id": None}
    every = [one for owned in registry._owned.values() for one in owned]
    found = registry.matching(table, kind, values)
    assert len(found) == len(set(found))
    assert set(found) == {one for one in every if one.wants(kind, values)}
    assert len(registry) == sum(len(entries) for entries in asked.values())
    assert registry.count(table, kind) == sum(entry["event"] in ("*", kind) for own in asked.values() for entry in own)


def test_a_schema_alone_means_all_its_tables() -> None:
    assert {one.table for one in requests(bound(on(table=None)), PUBLISHED)} == set(PUBLISHED)


@pytest.mark.parametrize("entry", [on(table="x"), on(filter="y=eq.1"), on(filter="n=eq.no")])
def test_what_is_not_published_is_told(entry: dict[str, Any]) -> None:
    with pytest.raises(SubscriptionError, match="Unable to subscribe to changes with given parameters"):
        requests(bound(entry), PUBLISHED)


def test_the_contracts_complaint() -> None:
    with pytest.raises(SubscriptionError) as caught:
        requests(bound(on(table="X")), PUBLISHED)
    assert str(caught.value) == (
        "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect "
        "parameters: [event: *, schema: public, table: X, filters: [], select: nil]"
    )


# --- joins


def test_bindings_are_echoed_with_stable_ids() -> None:
    entry = {"event": "*", "schema": "public", "table": "messages", "filter": "conversation_id=eq.1", "odd": None}
    (first,), (second,) = bound(entry), bound(dict(reversed(entry.items())))
    assert first.answer() == {**entry, "id": first.id}
    assert first.id == second.id
    assert bound(on("nonsense"))[0].event == "*"
    assert bound(on("insert"))[0].event == "INSERT"


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_ids_are_never_zero(entry: dict[str, str]) -> None:
    assert 1 <= bound(entry)[0].id < 2**27


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["config", "broadcast", "presence", "postgres_changes", "key", "ack", "table", "event"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=50)
@given(json_values)
def test_any_join_payload_is_read_as_far_as_possible(payload: Any) -> None:
    config = join_config(payload)
    orjson.dumps([one.answer() for one in config.bindings], option=orjson.OPT_NON_STR_KEYS)
    join_token(payload)


def test_booleans_may_be_text_and_tokens_may_be_absent() -> None:
    config = join_config({"config": {"broadcast": {"ack": "TRUE", "self": "no"}, "private": True}})
    assert (config.ack, config.self_broadcast, config.private) == (True, False, True)
    assert join_token({"access_token": None}) is None
    assert join_token({"access_token": "sb_publishable_x"}) is None
    assert join_token({"access_token": "a", "user_token": "u"}) == "u"


# --- values


def test_values_are_those_of_to_jsonb() -> None:
    said = {
        "n": to_json("numeric", "1.50"),
        "i": to_json("int8", "9007199254740993"),
        "nan": to_json("float8", "NaN"),
        "b": to_json("bool", "f"),
        "j": to_json("jsonb", '{"a": [1, 2]}'),
        "w": to_json("timestamptz", "2026-11-23 10:00:00.123456+00"),
        "x": to_json("bytea", "\\x0102"),
        "a": to_json("_uuid", "{a,b}"),
        "z": to_json("text", None),
    }
    assert orjson.dumps(said) == (
        b'{"n":1.50,"i":9007199254740993,"nan":"NaN","b":false,"j":{"a": [1, 2]},'
        b'"w":"2026-11-23T10:00:00.123456+00:00",'
        b'"x":"0102","a":["a","b"],"z":null}'
    )


def test_arrays() -> None:
    assert array("text", '{a,"b, \\"c\\" \\\\",NULL,"NULL",{}}') == ["a", 'b, "c" \\', None, "NULL", []]
    assert orjson.dumps(array("int4", "[0:1]={{1,2},{3,NULL}}")) == b"[[1,2],[3,null]]"
    assert array("text", "{}") == []


def test_keys_and_times() -> None:
    assert in_jsonb_order(["text", "id", "body", "user_id"]) == ["id", "body", "text", "user_id"]
    assert commit_timestamp(1_795_428_000.1239) == "2026-11-23T10:00:00.123Z"


# --- the poller's model


def test_cost_follows_the_contracts_measurements() -> None:
    for subscribed, measured in ((0, 0.53), (2, 2.1), (100, 5.7), (500, 22), (1_000, 39), (2_000, 83)):
        assert change_ms(subscribed, min(2, subscribed)) == pytest.approx(measured, rel=0.15, abs=0.2)
    assert change_ms(1_000, 1_000) == pytest.approx(94, rel=0.05)


def test_the_poll_clock() -> None:
    rng = random.Random(3)
    assert wait_ms(PollOutcome.DELIVERED, 100, rng) == 0
    assert wait_ms(PollOutcome.NOTHING, 100, rng) == 500
    assert all(150 <= wait_ms(PollOutcome.UNRELATED, 100, rng) <= 200 for _ in range(200))


# --- faults


def test_faults_have_a_place_and_a_time() -> None:
    faults = Faults({"realtime_join_delay_ms": 0, "realtime_ignore_rls": True, "delay_deck_ms": 9})
    here, there = Place(1, "ann", "t"), Place(2, "bob", "t")
    assert faults.value("realtime_ignore_rls", 0, there) == 1
    faults.set("realtime_join_delay_ms", 50, Place(person="ann"), until=10)
    assert faults.value("realtime_join_delay_ms", 9, here) == 50
    assert faults.value("realtime_join_delay_ms", 9, there) == 0
    assert faults.value("realtime_join_delay_ms", 10, here) == 0
    faults.set("realtime_ignore_rls", 0, Place(socket=1))
    assert (faults.value("realtime_ignore_rls", 0, here), faults.value("realtime_ignore_rls", 0, there)) == (0, 1)
    faults.clear()
    assert not faults


@given(st.integers(1, 7), st.integers(1, 40))
def test_one_in_n_is_exactly_one_in_n(every: int, items: int) -> None:
    faults = Faults({"realtime_drop_one_in": every})

    def hit(socket: int, number: int) -> bool:
        return faults.hits("realtime_drop_one_in", 0, Place(socket), "s", number)

    hits = [(hit(1, number), hit(2, number)) for number in range(items)]
    assert all(first == second for first, second in hits), "every receiver of a change shares its fate"
    assert [first for first, _ in hits] == [(number + 1) % every == 0 for number in range(items)]


def test_faults_that_do_not_exist() -> None:
    faults = Faults()
    for name, value, place in (
        ("realtime_nonsense", 1, Place()),
        ("realtime_freeze", -1, Place()),
        ("realtime_freeze", True, Place()),
        ("realtime_db_event_limit", 1, Place(socket=1)),
    ):
        with pytest.raises(RealtimeFaultError, match="realtime_"):
            faults.set(name, value, place)


# --- settings


def test_plans_are_the_contracts() -> None:
    table = {name: RealtimeSettings.plan(name) for name in PLANS}
    assert [one.max_concurrent_users for one in table.values()] == [200, 200, 500, 10_000]
    assert [one.max_joins_per_second for one in table.values()] == [100, 100, 500, 2_500]
    assert [one.max_events_per_second for one in table.values()] == [100, 100, 500, 2_500]
    assert [one.max_presence_events_per_second for one in table.values()] == [1_000, 20, 50, 1_000]
    assert [one.max_payload_size_in_kb for one in table.values()] == [3_000, 256, 3_000, 3_000]
    assert {one.max_channels_per_client for one in table.values()} == {100}


def test_settings_are_parsed_or_refused() -> None:
    made = RealtimeSettings.parse(["max_joins_per_second=7", "plan=free"])
    assert (made.max_joins_per_second, made.max_payload_size_in_kb) == (7, 256)
    for text in ("plan=gold", "nonsense=1", "batch=0", "batch=x", "batch", "cold_retry_min_ms=9999", "poll_ms=-1"):
        with pytest.raises(SettingError):
            RealtimeSettings.parse([text])


# --- tokens

SECRET = "a secret of this test, long enough for HS256"


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"role": "authenticated", "sub": "ann", "exp": 2_000, **claims}, secret, algorithm=algorithm)


def test_a_token_that_holds() -> None:
    access = examine(token(), SECRET, 1_000)
    assert (access.role, access.person, access.expires_at) == ("authenticated", "ann", 2_000)
    assert orjson.loads(access.claims)["sub"] == "ann"


@pytest.mark.parametrize(
    ("given_token", "reason"),
    [
        (token(exp=1_500), "InvalidJWTToken: Token has expired 300 seconds ago"),
        (token(role=None), "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
        (token(exp=None), "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
        ("nonsense", "MalformedJWT: The token provided is not a valid JWT"),
        ("a.b.c", "MalformedJWT: The token provided is not a valid JWT"),
        (
            token(secret="another secret, as long as the first one was"),
            "JwtSignatureError: Failed to validate JWT signature",
        ),
    ],
)
def test_tokens_that_do_not(given_token: str, reason: str) -> None:
    with pytest.raises(AccessError) as caught:
        examine(given_token, SECRET, 1_800)
    assert caught.value.reason == reason


def test_a_token_without_signature_is_refused() -> None:
    unsigned = jwt.encode({"role": "service_role", "exp": time.time() + 60}, "", algorithm="none")
    with pytest.raises(AccessError):
        examine(unsigned, SECRET, time.time())
