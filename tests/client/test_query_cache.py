"""The page's memory of its reads: react-query's rules, with a clock made of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.client.cache.query_cache import (
    CONVERSATIONS,
    DEFAULT,
    DIARY_STATS,
    FEED,
    HOME_DECK,
    LANDING_DECK,
    SEARCH,
    Key,
    QueryCache,
    Rules,
)

KEY: Key = ("title", "1")


@pytest.fixture
def cache() -> QueryCache:
    return QueryCache()


def test_the_rules_are_the_apps() -> None:
    assert (DEFAULT.stale_s, DEFAULT.gc_s, DEFAULT.on_focus, DEFAULT.on_reconnect) == (15, 600, True, True)
    assert (FEED.stale_s, FEED.on_focus, FEED.on_reconnect) == (300, False, True)
    assert (HOME_DECK.stale_s, HOME_DECK.gc_s) == (600, 1800)
    assert LANDING_DECK.stale_s == 600
    assert CONVERSATIONS.stale_s == 60
    assert (SEARCH.stale_s, SEARCH.gc_s) == (1800, 3600)
    assert DIARY_STATS.stale_s == 300


def test_a_read_is_made_once_and_again_only_when_stale(cache: QueryCache) -> None:
    assert cache.mount(KEY, DEFAULT, 0)
    cache.succeeded(KEY, "data", 1)
    cache.unmount(KEY, DEFAULT, 2)
    assert not cache.mount(KEY, DEFAULT, 15.9)
    cache.unmount(KEY, DEFAULT, 15.9)
    assert cache.mount(KEY, DEFAULT, 16), "stale from the very second on"


def test_a_fetch_under_way_is_joined_never_doubled(cache: QueryCache) -> None:
    assert cache.prefetch(KEY, DEFAULT, 0)
    assert not cache.prefetch(KEY, DEFAULT, 1)
    assert not cache.mount(KEY, DEFAULT, 30), "still under way after 30 s"
    assert not cache.poll(KEY, 31)
    assert cache.focused(31) == []
    cache.succeeded(KEY, "data", 32)
    assert cache.value(KEY, 32) == "data"


def test_each_reader_brings_its_own_stale_time(cache: QueryCache) -> None:
    cache.prefetch(KEY, FEED, 0)
    cache.succeeded(KEY, 1, 0)
    assert not cache.mount(KEY, FEED, 100)
    assert cache.mount(KEY, DEFAULT, 100)


def test_coming_back_reads_what_is_shown_stale_and_wants_it(cache: QueryCache) -> None:
    for name, rules in (("shown", DEFAULT), ("feed", FEED), ("fresh", Rules(stale_s=1000)), ("left", DEFAULT)):
        cache.mount((name,), rules, 0)
        cache.succeeded((name,), name, 0)
    cache.unmount(("left",), DEFAULT, 1)
    assert cache.focused(14) == []
    assert cache.focused(400) == [("shown",)], "the feed does not look at focus, what was left is not shown"
    assert cache.reconnected(400) == [("feed",)], "and `shown` is already under way"


def test_a_failure_leaves_data_and_age(cache: QueryCache) -> None:
    cache.mount(KEY, DEFAULT, 0)
    cache.succeeded(KEY, "old", 0)
    assert cache.focused(20) == [KEY]
    cache.failed(KEY, 21)
    assert cache.value(KEY, 21) == "old"
    assert cache.focused(21) == [KEY], "as stale as before"


def test_what_failed_is_tried_again_by_the_next_screen(cache: QueryCache) -> None:
    cache.mount(KEY, Rules(stale_s=1000), 0)
    cache.failed(KEY, 1)
    assert cache.mount(KEY, Rules(stale_s=1000), 1)


def test_a_poll_asks_whatever_the_age_but_only_while_shown(cache: QueryCache) -> None:
    cache.mount(KEY, SEARCH, 0)
    cache.succeeded(KEY, 1, 0)
    assert cache.poll(KEY, 1)
    cache.succeeded(KEY, 2, 1)
    cache.unmount(KEY, SEARCH, 2)
    assert not cache.poll(KEY, 3)
    assert not cache.poll(("unheard of",), 3)


def test_a_write_makes_stale_what_it_changed(cache: QueryCache) -> None:
    for key in (("diary", "1"), ("diary", "2"), ("feed",)):
        cache.prefetch(key, FEED, 0)
        cache.succeeded(key, 1, 0)
    cache.mount(("diary", "1"), FEED, 1)
    assert cache.invalidate(("diary",), 2) == [("diary", "1")]
    assert cache.prefetch(("diary", "2"), FEED, 2), "unseen: not fetched at once, but by who shows it next"
    assert not cache.prefetch(("feed",), FEED, 2)


def test_a_write_overtakes_the_fetch_under_way_of_what_is_shown(cache: QueryCache) -> None:
    """TanStack Query 5: `invalidateQueries` fetches with `cancelRefetch`, unless there is no data yet."""
    cache.mount(KEY, DEFAULT, 0)
    assert cache.invalidate(KEY[:1], 1) == [], "the first fetch is joined"
    cache.succeeded(KEY, "data", 2)
    assert cache.poll(KEY, 3)
    assert cache.invalidate(KEY[:1], 4) == [KEY]
    assert cache.invalidate(KEY[:1], 5) == [KEY], "and so is the fetch that overtook"
    assert not cache.mount(KEY, DEFAULT, 6), "one is under way"
    cache.unmount(KEY, DEFAULT, 6)
    cache.failed(KEY, 7)
    assert cache.poll(KEY, 7)
    cache.succeeded(KEY, "newer", 8)
    assert cache.invalidate(KEY[:1], 9) == [KEY]


def test_what_nobody_shows_is_forgotten_after_its_time(cache: QueryCache) -> None:
    cache.mount(KEY, DEFAULT, 0)
    cache.succeeded(KEY, "data", 0)
    cache.unmount(KEY, DEFAULT, 100)
    assert cache.value(KEY, 699) == "data"
    assert cache.value(KEY, 700) is None


def test_what_is_shown_is_kept_however_old(cache: QueryCache) -> None:
    cache.mount(KEY, DEFAULT, 0)
    cache.succeeded(KEY, "data", 0)
    assert cache.value(KEY, 100_000) == "data"


def test_the_longest_wish_to_remember_counts(cache: QueryCache) -> None:
    cache.prefetch(KEY, HOME_DECK, 0)
    cache.succeeded(KEY, "data", 0)
    assert not cache.prefetch(KEY, DEFAULT, 1)
    assert cache.value(KEY, 1799) == "data"


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0.1, 1e3))
def test_stale_is_a_matter_of_age_alone(fetched: float, passed: float, stale_s: float) -> None:
    cache, rules = QueryCache(), Rules(stale_s=stale_s, gc_s=1e9)
    cache.prefetch(KEY, rules, 0)
    cache.succeeded(KEY, 1, fetched)
    later = fetched + passed
    assert cache.mount(KEY, rules, later) == (later - fetched >= stale_s)


KEYS = st.sampled_from([("a",), ("a", "1"), ("b",)])
RULES = st.sampled_from([DEFAULT, FEED, SEARCH])


class Life(RuleBasedStateMachine):
    """Whatever happens in whatever order: never two fetches of one key, and every fetch has a reason."""

    @initialize()
    def begin(self) -> None:
        self.cache, self.now = QueryCache(), 0.0
        self.flying: set[Key] = set()
        self.readers: list[tuple[Key, Rules]] = []
        self.fresh_at: dict[Key, float] = {}
        self.kept: set[Key] = set()  # shown without a break since their data came

    def _launched(self, keys: list[Key]) -> None:
        for key in keys:
            assert key not in self.flying, "fetched twice at once"
            self.flying.add(key)

    @rule(key=KEYS, rules=RULES)
    def mount(self, key: Key, rules: Rules) -> None:
        self.readers.append((key, rules))
        if self.cache.mount(key, rules, self.now):
            self._launched([key])
        elif key not in self.flying:
            assert self.now - self.fresh_at[key] < rules.stale_s, "shown stale and not fetched"

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def unmount(self, data: st.DataObject) -> None:
        key, rules = data.draw(st.sampled_from(self.readers))
        self.readers.remove((key, rules))
        self.cache.unmount(key, rules, self.now)
        if key not in {shown for shown, _ in self.readers}:
            self.kept.discard(key)

    @rule(focus=st.booleans())
    def wake(self, focus: bool) -> None:
        due = self.cache.focused(self.now) if focus else self.cache.reconnected(self.now)
        assert set(due) <= {key for key, _ in self.readers}
        self._launched(due)

    @rule(key=KEYS)
    def poll(self, key: Key) -> None:
        if self.cache.poll(key, self.now):
            assert key in {shown for shown, _ in self.readers}
            self._launched([key])

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), good=st.booleans())
    def land(self, data: st.DataObject, good: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.flying)))
        self.flying.remove(key)
        if good:
            self.cache.succeeded(key, "data", self.now)
            self.fresh_at[key] = self.now
            if key in {shown for shown, _ in self.readers}:
                self.kept.add(key)
        else:
            self.cache.failed(key, self.now)

    @rule(seconds=st.sampled_from([0.5, 14.5, 60, 300, 4000]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def what_is_shown_is_remembered(self) -> None:
        for key in getattr(self, "kept", ()):
            assert self.cache.value(key, self.now) == "data"


TestLife = Life.TestCase
