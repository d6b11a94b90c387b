"""The plan's headline figures worked out a second time: plain arithmetic, from the contract and the same inputs.

Nothing here comes from `harness.plan` but the values of its inputs. Where the plan lays a session out in tables and
drivers, this counts what each kind of person does, in sums; prices are read from the file as they stand there.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

RATED = {"deck", "event", "search", "tmdb", "sync", "orchestrator", "suggestion", "chat"}
"""Functions that count a call in `rate_limits`."""
BEHIND = {
    **{"settings": 1, "deck": 14, "event": 7, "experiments": 2, "search": 4, "tmdb": 2, "batch": 1, "sync": 4},
    **{"open": 3, "orchestrator": 4, "suggestion": 3, "chat": 6},
}
"""Database and auth calls behind each."""
FEATURE_B, IMPRESSION_B, EVENT_B, REQUEST_B, RECEIPT_B, MESSAGE_B = 900, 730, 950, 700, 700, 1_900
LIBRARY_B, ACTIVITY_B, JOB_B, TOKEN_B = 920, 780, 1_500, 600
SIGNED_UP_B = 2_000 + TOKEN_B + 1_000 + 400 + 400
LOADED = {"settings": 1, "deck": 5, "open": 3, "orchestrator": 2, "suggestion": 1}
LOADED_CARDS = 36 + 3 * 18 + 10


@dataclass
class Session:
    """What one person's session comes to. plain: requests to REST, auth and storage; asked: preflights."""

    plain: float = 0.0
    functions: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    syncs: float = 0.0
    asked: float = 0.0
    rows: float = 0.0
    kept: float = 0.0  # bytes
    bodies: float = 0.0  # bytes, of replies that can be packed
    pictures: float = 0.0  # bytes, of storage's

    def call(self, name: str, times: float, asked: float | None = None) -> None:
        """So many calls of a function, each asked for first unless said otherwise."""
        self.functions[name] += times
        self.asked += times if asked is None else asked
        self.rows += times if name in RATED else 0.0

    def deck(self, times: float, cards: float) -> None:
        """Decks of so many cards in all, beside the calls."""
        self.rows += 2 * cards + times
        self.kept += cards * (FEATURE_B + IMPRESSION_B) + times * REQUEST_B


def mean_refills(low: float, high: float) -> float:
    """72 cards last for 60 swipes, each further 60 for 54."""
    steps = 20_000
    swiped = (low + (high - low) * (step + 0.5) / steps for step in range(steps))
    return sum(1 + (number - 60) // 54 for number in swiped if number > 60) / steps


def opened(i: Any, *, fresh: bool) -> Session:
    """The app opened, and a minute's habits; `fresh` by somebody who just signed up, once more after that."""
    one, loads, listed = Session(), i.page_loads_per_session, i.conversations_listed
    seconds = i.session_minutes * 60
    if not fresh:
        one.plain += 1  # the token
        one.asked += 1
        one.rows += 2 + 1
        one.kept += TOKEN_B
    # who, last seen, feed twice, list, four public profiles, diary, profile, two statistics, preferences, follows,
    # ratings, lists and their items; a signature and a picture for each conversation listed
    one.plain += loads * (1 + 1 + 2 + 1 + 4 + 1 + 1 + 2 + 1 + 1 + 1 + 1 + 1 + 2 * listed)
    one.asked += 1 + 4 + 12 + listed  # once for each address: who; three calls and a write; twelve reads; signatures
    for name, times in LOADED.items():
        one.call(name, loads * times)
    one.deck(loads * 5, loads * LOADED_CARDS)
    seen = max(0.0, seconds - 60) / 60
    one.plain += seen + i.library_writes_per_session
    one.asked += i.library_writes_per_session
    one.rows += loads + seen + 2 * i.library_writes_per_session
    one.kept += i.library_writes_per_session * (LIBRARY_B + ACTIVITY_B)
    one.bodies += loads * (1_057 + 40 * 1_313 + 200 * 1_313 + 1_370 * listed + 100 * (listed + 1) + 384 + 138 + 45)
    one.bodies += loads * (45 + 60 * 95 + 18 + 20 * 61 + 6 * 116 + 36 * 500 + 935 + 5 * 120 + LOADED_CARDS * 1_018)
    one.bodies += loads * (3 * 196 + 2 * 1_023 + 11) + (0 if fresh else 1_831)
    one.pictures += loads * listed * (250 + 15_000)
    return one


def with_title(one: Session, titles: float) -> None:
    """Title pages: seven reads and calls, two events."""
    one.plain += 6 * titles
    one.asked += 5 * titles + min(1.0, titles)  # its RPC has one address
    one.call("orchestrator", titles)
    one.call("event", 2 * titles)
    one.rows += 2 * titles + 0.1 * 2 * titles
    one.kept += 2 * titles * EVENT_B
    one.bodies += titles * (796 + 1_023 + 150 + 2 * 309)


def swiping(one: Session, i: Any, share: float, offline: float) -> None:
    """A deck opened and swiped through; `share` of a session, `offline` of it without network."""
    low, high = i.swipes_per_session.low * share, i.swipes_per_session.high * share
    swipes, seconds = (low + high) / 2, i.session_minutes * 60 * share
    pace = i.session_minutes * 60 / ((i.swipes_per_session.low + i.swipes_per_session.high) / 2)
    more = mean_refills(low, high)
    posts = swipes * (1 - offline) / (1 + math.floor(1 / pace)) + 2 * swipes * offline / 25
    one.plain += 1 + 8 + 4 * swipes + seconds / 60  # friends, eight ahead; preview, detail, status, rating; the list
    one.asked += 1 + 8 + 4 * swipes
    one.call("experiments", 1)
    one.call("orchestrator", 1 + seconds / 120)
    one.call("deck", 1 + more)
    one.deck(1 + more, 72 + 60 * more)
    one.call("event", posts)
    one.rows += 2 * swipes + swipes + 0.1 * posts
    one.kept += 2 * swipes * EVENT_B
    one.bodies += 8 * 405 + swipes * (2 * 405 + 2 + 2) + seconds / 60 * 1_370 * i.conversations_listed + 11
    one.bodies += (1 + seconds / 120) * 1_023 + (1 + more) * 120 + (72 + 60 * more) * 1_018 + posts * 309


def swiper(i: Any) -> Session:
    one = opened(i, fresh=False)
    swiping(one, i, 1.0, 0.0)
    with_title(one, i.titles_per_session)
    return one


def commuter(i: Any) -> Session:
    one = opened(i, fresh=False)
    swiping(one, i, 1.0, i.offline_share)
    with_title(one, i.titles_per_session)
    return one


def newcomer(i: Any) -> Session:
    one = opened(i, fresh=True)
    swiping(one, i, 0.5, 0.0)
    with_title(one, i.titles_per_session)
    # signed up: account, its flag, name; then a first load whose functions stay on the phone, but for the settings
    one.plain += 3 + 8
    one.asked += 2 + 1 + 3  # two addresses of auth, and reads of the first load that the second has others for
    one.call("settings", 1)
    one.rows += 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1  # account, token, session, profile, ...; flag; 2 x
    one.kept += SIGNED_UP_B
    one.bodies += 1_830 + 1_060 + 1_057 + 935 + 384 + 138 + 45 + 18
    return one


def reader(i: Any) -> Session:
    one = opened(i, fresh=False)
    pages = max(0.0, i.feed_pages_per_session - 1)
    # profile, public profile twice, statistics, follows, lists, library twice, titles three times, ratings
    one.plain += 12 + pages
    one.asked += 12
    one.call("deck", 1)
    one.deck(1, 60)
    one.call("orchestrator", 1 + i.session_minutes / 7)
    one.call("suggestion", 1)
    with_title(one, i.titles_per_session)
    one.bodies += 138 + 200 + 45 + 20 * 61 + 20 * 116 + 20 * 84 + 405 + 20 * 345 + 2 * 405 + 120 + 60 * 1_018
    one.bodies += (1 + i.session_minutes / 7) * 1_023 + 11 + pages * 40 * 1_313
    return one


def searcher(i: Any) -> Session:
    one, times = opened(i, fresh=False), i.searches_per_session
    one.plain += 2 * times
    one.asked += 2 * times
    one.call("search", times)
    one.call("tmdb", times * (1 + i.external_ids_per_search), times)  # one after the other: the first asks for all
    one.call("batch", times)
    one.syncs += times * i.synced_per_search
    one.rows += 2 * times * i.synced_per_search  # its limit, its title
    one.call("orchestrator", times + i.session_minutes / 2)
    with_title(one, i.titles_per_session)
    one.bodies += times * (200 + 20 * 1_086 + 97 * (1 + i.external_ids_per_search) + 5.5 * 440 + 20)
    one.bodies += times * (120 * i.synced_per_search + 2 + 2 + 20 * 61 + 1_023) + i.session_minutes / 2 * 1_023
    return one


def chat_screens(one: Session, i: Any, opens: float) -> None:
    """Conversations opened, and polled."""
    seconds = i.session_minutes * 60 * i.conversation_share
    polls = seconds / 5
    one.plain += i.session_minutes + opens * 7 + 4 * polls + seconds / 60
    one.asked += opens * 6 + opens * 5  # five reads and the block; the same five again as polls
    one.call("orchestrator", opens + i.session_minutes / 2)
    one.bodies += (i.session_minutes + opens) * 1_370 * i.conversations_listed
    one.bodies += (opens + polls) * (530 * i.messages_on_page + 440 + 300)
    one.bodies += (opens + i.session_minutes / 2) * 1_023


def chatter(i: Any) -> Session:
    one, opens = opened(i, fresh=False), i.conversations_per_session
    chat_screens(one, i, opens)
    messages, others, foreign = sent_by_chatter(i), other_members(i), foreign_share(i)
    live = messages * others * i.live_share
    burst = opens * i.messages_on_page * foreign
    missed = min(messages * others * (1 - i.live_share), burst)
    receipts, read = 2 * live + burst, messages + live + opens
    direct = messages * (1 - i.group_share)
    one.plain += messages + direct + receipts + read
    one.asked += 3 + opens + messages  # three addresses; a block for each conversation; a poll for each own message
    one.rows += 2 * messages + receipts + read
    one.kept += messages * MESSAGE_B + (live + missed) * RECEIPT_B
    one.bodies += messages * 533
    return one


def assistant_user(i: Any) -> Session:
    one, turns = opened(i, fresh=False), i.turns_per_session
    chat_screens(one, i, 1)
    one.plain += turns * (1 + 1 + 3 + 2 + 2)
    one.asked += 4 + 1  # four addresses, and the block
    one.call("chat", turns)
    one.rows += turns * (2 + 1 + 1 + 1 + 2 + 2)
    one.kept += turns * (2 * MESSAGE_B + JOB_B + RECEIPT_B)
    one.bodies += turns * (533 + 1_500 + 3 * 150)
    return one


PEOPLE = {
    "swiper": swiper,
    "commuter": commuter,
    "newcomer": newcomer,
    "reader": reader,
    "searcher": searcher,
    "chatter": chatter,
    "assistant_user": assistant_user,
}


def sent_by_chatter(i: Any) -> float:
    a_day = i.dau * i.mix["chatter"] * (i.messages_per_person.low + i.messages_per_person.high) / 2
    return float(a_day / (i.dau * i.sessions_per_day * i.mix["chatter"]))


def other_members(i: Any) -> float:
    return float((1 - i.group_share) + i.group_share * (i.group_size - 1))


def foreign_share(i: Any) -> float:
    return float((1 - i.group_share) / 2 + i.group_share * (1 - 1 / i.group_size))


@dataclass(frozen=True)
class Realtime:
    """Of the mean session, or of the busiest hour."""

    changes: float
    heard: float
    typed: float
    poller_a: float  # busy share = a x + b x x, with x times as many people
    poller_b: float


def realtime(i: Any, arrivals: float, phones: float) -> Realtime:
    chat, changes, heard = i.mix["chatter"], 0.0, 0.0
    messages = sent_by_chatter(i) * chat
    for share, size in ((1 - i.group_share, 2.0), (i.group_share, i.group_size)):
        live = (size - 1) * i.live_share
        each = messages * (2 + 3 * live) + chat * i.conversations_per_session * (
            i.messages_on_page * (1 - 1 / size) + 1
        )
        changes, heard = changes + share * each, heard + share * each * (1 + live)
    turns = 6 * i.mix["assistant_user"] * i.turns_per_session
    changes, heard = changes + turns, heard + turns
    typed = messages * (2 + i.typing_seconds // 2) * (1 + other_members(i) * i.live_share)
    in_chats = phones * (chat + i.mix["assistant_user"]) * i.conversation_share
    per_s = arrivals * changes / 1000
    return Realtime(changes, heard, typed, per_s * (0.6 + 1.4 + 0.055 * heard / changes), per_s * 0.040 * in_chats)


def figures(i: Any, prices: dict[str, Any]) -> dict[str, float]:
    """Every headline figure, by name."""
    sessions = i.dau * i.sessions_per_day
    arrivals = sessions * max(i.curve) / 3600
    phones = arrivals * i.session_minutes * 60
    mean = Session()
    for name, share in i.mix.items():
        of = PEOPLE[name](i)
        for part in ("plain", "syncs", "asked", "rows", "kept", "bodies", "pictures"):
            setattr(mean, part, getattr(mean, part) + share * getattr(of, part))
        for function, times in of.functions.items():
            mean.functions[function] += share * times
    edge = sum(mean.functions.values())
    behind = sum(times * BEHIND[name] for name, times in mean.functions.items()) + mean.syncs * BEHIND["sync"]
    live = realtime(i, arrivals, phones)
    plan = prices["plans"][prices["plan"]]
    requests = mean.plain + edge + mean.asked
    calls = mean.plain + behind
    a, b = phones / i.presence_s + 2 * arrivals, phones
    # (a x)(1 + b x) + 2 arrivals x b x = limit
    square = a * b + 2 * arrivals * b
    presence = i.dau * (-a + math.sqrt(a * a + 4 * square * plan["presence_per_second"])) / (2 * square)
    p, q = live.poller_a, live.poller_b
    poller = i.dau * (-p + math.sqrt(p * p + 4 * q)) / (2 * q)
    tmdb = mean.functions["tmdb"] + mean.syncs
    found = {
        "rows written a day": sessions * mean.rows,
        "edge invocations a day": sessions * (edge + mean.syncs),
        "requests at peak": arrivals * requests,
        "of them preflights": arrivals * mean.asked,
        "database calls at peak": arrivals * calls,
        "sockets at peak": phones,
        "database growth a day": sessions * mean.kept / 1e9,
        "presence messages": presence,
        "changes poller, busy": poller,
        "TMDb calls": i.dau * prices["ceilings"]["tmdb_per_second"]["value"] / (arrivals * tmdb),
        "sockets at once": i.dau * plan["connections"] / phones,
        "database connections": i.dau * 500 / (arrivals * calls * i.call_ms / 1000),
        "disk operations": i.dau * 16_000 / (arrivals * mean.rows * i.ios_per_row),
        "database size": i.dau * 10_000 / (30 * sessions * mean.kept / 1e9),
        "database change messages": i.dau * plan["messages_per_second"] / (arrivals * live.heard),
    }
    return found | bill(i, prices, mean, live, found, requests + mean.syncs + behind)


def bill(
    i: Any, prices: dict[str, Any], mean: Session, live: Realtime, found: dict[str, float], logged: float
) -> dict[str, float]:
    """Of a day on which presence is over its limit all day, and the poller behind whenever people chat."""
    sessions, over = 30 * i.dau * i.sessions_per_day, prices["overage"]
    included = prices["plans"][prices["plan"]]["included"]
    hearing = live.heard / live.changes
    changes = 0.0
    for share in i.curve:
        per_s = i.dau * i.sessions_per_day * share / 3600
        chats = per_s * i.session_minutes * 60 * (i.mix["chatter"] + i.mix["assistant_user"]) * i.conversation_share
        manages = 1000 / (2.0 + 0.040 * chats + 0.055 * hearing) * hearing
        changes += 3600 * 30 * min(per_s * live.heard, manages, 2_500)
    typed = sessions * live.typed
    packed = mean.bodies * i.compressed + mean.pictures
    replies = mean.plain + sum(mean.functions.values()) + mean.asked
    egress = (sessions * (packed + 2 * mean.asked * i.compressed + replies * i.reply_header_bytes)) / 1e9
    egress += (changes * 815 + typed * 240) / 1e9
    used = {
        "edge_invocations": 30 * found["edge invocations a day"],
        "realtime_messages": changes + typed,
        "realtime_connections": min(found["sockets at peak"], 10_000),
        "egress_gb": egress,
        "mau": i.dau * i.mau_per_dau,
        "disk_gb": 30 * found["database growth a day"],
        "disk_operations": found["rows written a day"] * max(i.curve) / 3600 * i.ios_per_row,
        "disk_mb": found["rows written a day"] * max(i.curve) / 3600 * i.disk_bytes_per_row / 1e6,
    }
    variable = sum(
        max(0.0, used[name] - included[name]) / package["size"] * package["price"] for name, package in over.items()
    )
    published = 25 - 10 + prices["computes"]["16xl"]["hour"] * prices["hours_per_month"] + variable
    price = {one["name"]: one for one in prices["extras"]}
    others = (
        (sessions * logged - price["log ingest"]["included"]) / 1e6 * price["log ingest"]["price"]
        + sessions * mean.functions["chat"] * price["language model"]["price"]
        + sessions * i.mix["newcomer"] * price["sign-up e-mail"]["price"]
        + price["TMDb licence"]["price"]
    )
    return {
        "egress a month": egress,
        "cost a month, published prices": published,
        "cost a month, whole": published + others,
    }
