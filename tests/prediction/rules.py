"""How many requests each thing a person does leads to, by the wire contract. (pure)

Written from the contract alone (section numbers beside each rule), so that it can disagree with the phones. Every
function takes a page of a session and says how often each call is made; names of calls are those of the record.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from tests.prediction.outbox import DWELL_S, Buffer, Moment
from tests.prediction.reads import fetches, inside
from tests.prediction.story import Answers, Device, Line, Page, Span, Story, Target

Counts = Counter[str]

NOBODY_WAITS: Target = {}

DEFAULT_STALE_S = 15.0  # 0.2
LIST_S = 60.0  # 5.1
TITLE_STALE_S = 60.0  # not in the contract; the app's public source has a minute
FRIENDS_STALE_S = 120.0  # likewise, two minutes
SEARCH_STALE_S = 1800.0  # 6.2
DECK_STALE_S = 600.0  # 2.6
FEED_STALE_S = 300.0  # 4
PRESENCE_TICK_S, PRESENCE_S = 20.0, 60.0  # 7.4
HINT_S = {"swipe": 120.0, "search": 120.0, "messages": 120.0, "title": 300.0, "home": 420.0, "diary": 600.0}  # 6.6
SURFACES = {"landing": "search", "search": "search", "swipe": "swipe", "title": "title", "home": "home"}
SURFACES |= {"diary": "diary", "list": "messages"}
POLL_S, POLL_DOWN_S = 5.0, 1.5  # 5.3
MARK_S = 3.0  # 5.6
TYPING_S = 2.0  # 5.5
STATUS_S, DEBOUNCE_S = 2.0, 0.6  # 6.6
LOW, AHEAD = 12, 8  # 2.6
FILL_TRIES = 3  # 2.6
RESULTS = 20  # 6.2


def kept(page: Page, shown: list[Span], stale_s: float, **more: object) -> int:
    """Fetches of a read that follows focus and reconnect."""
    times = fetches(
        shown,
        stale_s=stale_s,
        wakes=page.wakes,
        asleep=page.hidden,
        offline=page.offline,
        **more,  # type: ignore[arg-type]
    )
    return len(times)


def life(page: Page) -> list[Span]:
    """While somebody is signed in on it."""
    return [] if page.live_at is None else [(page.live_at, page.end)]


# ---- opening the app: 10.1 ----------------------------------------------------------------------------------------


def sign_in(page: Page, device: Device) -> Counts:
    """1.1: a form, unless the device has a session; after a sign-up the names."""
    if page.of("sign_up"):
        return Counter(sign_up=1, profile_names=1)
    return Counter() if device.signed_in or page.live_at is None else Counter(sign_in=1)


def page_load(page: Page, device: Device) -> Counts:
    """Rows 1, 2, 4, 5. The first edge call of a page dies on it (quirk A), taken to be the settings; signed in without
    a reload, nothing that needs the second token store leaves (quirk B)."""
    if page.live_at is None:
        return Counter()
    made = Counter() if device.tmdb_known else Counter(tmdb_configuration=1)
    if not page.fresh:
        made += Counter(user=1, background_deck=4)
        made += Counter() if device.assistant_known else Counter(assistant_conversation=1)
    return made


def shell(page: Page) -> Counts:
    """Row 5: four reads that stay mounted as long as the page lives."""
    names = ("own_profile", "own_profile_public", "own_stats", "own_preferences")
    times = kept(page, life(page), DEFAULT_STALE_S)
    return Counter(dict.fromkeys(names, times))


def presence(page: Page) -> Counts:
    """Row 3 and 10.2: at most once in 60 s while visible, looked at each 20 s."""
    times, last = 0, -math.inf
    for start, end in life(page):
        at = start
        while at < end:
            if not inside(at, page.hidden) and at - last >= PRESENCE_S:
                last = at
                times += not inside(at, page.offline)
            at += PRESENCE_TICK_S
    return Counter(presence=times)


def hints(page: Page) -> Counts:
    """6.6: each surface by itself; `shown` for each first suggestion that the page has not had."""
    times = 0
    for surface, every_s in HINT_S.items():
        shown = [span for screen, of in SURFACES.items() if of == surface for span in page.visits(screen)]
        times += kept(page, sorted(shown), every_s, every_s=lambda at, s=every_s: s)
    return Counter(assistant_suggestions=times, suggestion_shown=len({line.subject for line in page.of("hint")}))


# ---- reading: 2.6, 4, 6.7 -----------------------------------------------------------------------------------------


def feed(page: Page) -> Counts:
    """4: read ahead, shown for five minutes, each further page asked for; never again on focus."""
    start = [span[0] for span in life(page)]
    first = fetches(page.visits("home"), stale_s=FEED_STALE_S, ahead=start, offline=page.offline)
    return Counter(
        home_feed=len(first) + len(page.of("more")),
        home_deck=kept(page, page.visits("home"), DECK_STALE_S),
        friends_watching=kept(page, page.visits("landing"), FRIENDS_STALE_S),
        landing_deck=kept(page, page.visits("landing"), DECK_STALE_S),
        diary_stats=kept(page, page.visits("diary"), FEED_STALE_S, ahead=start),
    )


def titles(page: Page) -> Counts:
    """6.7 and 3.9: the page's own reads, an event on entering and on leaving, and what is noted there."""
    made: Counts = Counter()
    visits: dict[str, list[Span]] = {}
    for line, span in zip(page.of("title"), page.visits("title"), strict=True):
        visits.setdefault(line.subject, []).append(span)
        made["title_event"] += 2
    for spans in visits.values():
        for name, stale_s in (
            ("title_page", TITLE_STALE_S),
            ("title_rating_summary", TITLE_STALE_S),
            ("title_reviews", TITLE_STALE_S),
            ("title_feedback", DEFAULT_STALE_S),
        ):
            made[name] += kept(page, spans, stale_s)
    noted = len(page.of("watchlist"))
    made += Counter(title_event=len(page.of("heart")) + noted, library_write=noted + len(page.of("status")))
    return made + Counter(follow=len(page.of("follow")))


# ---- swiping: 2.6, 3.8 --------------------------------------------------------------------------------------------


def swipe_visits(page: Page) -> list[list[Line]]:
    """The lines of each visit to the swipe page."""
    return [[line for line in page.lines if start <= line.at <= end] for start, end in page.visits("swipe")]


def decks(page: Page) -> Counts:
    """One on opening, one more whenever fewer than 12 cards are left, up to three until a new card comes."""
    made = Counter(experiments=len(page.visits("swipe")))  # the shipped target assigns none: asked on each mount
    for lines in swipe_visits(page):
        made["swipe_deck"] += deck_requests(lines)
    return made


def deck_requests(lines: list[Line]) -> int:
    """Of one visit, from its gestures and the cards that came."""
    requests, tries, waiting, left = 1, 1, True, 0
    for line in lines:
        if line.deed == "cards":
            left += line.number
            waiting = line.number == 0 and tries < FILL_TRIES
            if line.number == 0:  # the number of cards has not changed: nobody looks whether they are few
                requests, tries = requests + waiting, tries + waiting
                continue
        elif line.deed == "gesture":
            left -= 1
        else:
            continue
        if left < LOW and not waiting:
            requests, tries, waiting = requests + 1, 1, True
    return requests


def cards(page: Page) -> Counts:
    """Per card on top its preview, and its details up to eight cards ahead: about 4 GETs a swipe with the diary's."""
    details = previews = 0
    for tops, available in card_tops(page):
        fetched: dict[int, float] = {}
        for index, (at, until, _) in enumerate(tops):
            if inside(at, page.offline):
                continue
            previews += kept(page, [(at, until)], TITLE_STALE_S)
            for place in range(index, min(index + 1 + AHEAD, available)):
                if at - fetched.get(place, -math.inf) >= TITLE_STALE_S:
                    fetched[place] = at
                    details += 1
            for wake in page.wakes:
                if at < wake < until and wake - fetched.get(index, -math.inf) >= TITLE_STALE_S:
                    fetched[index] = wake
                    details += 1
    return Counter(title_detail=details, title_preview=previews)


def card_tops(page: Page) -> list[tuple[list[tuple[float, float, str]], int]]:
    """Per visit: from when to when each card was on top, with its title; and how many cards came in all."""
    found = []
    for (_, end), lines in zip(page.visits("swipe"), swipe_visits(page), strict=True):
        came = sum(line.number for line in lines if line.deed == "cards")
        looks = [line for line in lines if line.deed == "look"]
        gestures = [line.at for line in lines if line.deed == "gesture"]
        first = min((line.at for line in lines if line.deed == "cards"), default=end)
        begins = [first, *gestures][: came if came else 0]
        names = [line.subject for line in looks] + [f"unseen {end}"]
        tops = [
            (at, begins[index + 1] if index + 1 < len(begins) else end, names[min(index, len(names) - 1)])
            for index, at in enumerate(begins)
        ]
        found.append((tops, came))
    return found


def diary(page: Page) -> Counts:
    """2.6 and 6.7: two reads per title, for the card on top and for the title's page alike, stale after 15 s; read
    again when something was noted on the title's page (assumed: the contract does not say what a write refreshes)."""
    shown: dict[str, list[Span]] = {}
    for tops, _ in card_tops(page):
        for at, until, title in tops:
            shown.setdefault(title, []).append((at, until))
    for line, span in zip(page.of("title"), page.visits("title"), strict=True):
        shown.setdefault(line.subject, []).append(span)
    times = sum(kept(page, sorted(spans), DEFAULT_STALE_S) for spans in shown.values())
    noted = [line for line in page.of("watchlist", "status") if inside(line.at, page.visits("title"))]
    return Counter(library_entry=times + len(noted), own_rating=times + len(noted))


def events(story: Story, device: Device) -> Counts:
    """3.8, over the whole session: an impression with each look, gesture and long look when it is over."""
    moments: list[Moment] = []
    for page in story.pages:
        for start, end in page.visits("swipe"):
            moments.append(Moment(start, "mount"))
            moments.append(Moment(end, "leave" if end < story.end else ("gone" if story.killed else "hide")))
        for line in page.lines:
            if line.deed == "look":
                moments.append(Moment(line.at, "events", 1))
                if line.at + line.seconds <= story.end:
                    moments.append(Moment(line.at + line.seconds, "events", 2 if line.seconds >= DWELL_S else 1))
            elif line.deed == "away":
                moments.append(Moment(line.at, "hide"))
            elif line.deed in ("offline", "online"):
                moments.append(Moment(line.at, line.deed))
    buffer = Buffer(device.queued)
    buffer.run(moments)
    buffer.run([Moment(story.end, "leave")])
    device.queued = buffer.queued
    return Counter(swipe_events=buffer.requests)


# ---- searching: 6.2-6.4 -------------------------------------------------------------------------------------------


def search(page: Page) -> Counts:
    """Per text that stood still and is not remembered: the function, TMDb, its titles' ids, one batch of unknown ones.

    How far a query got that the next key ended is seen from what it found.
    """
    made: Counts = Counter()
    done: dict[str, float] = {}
    queries = page.of("query")
    for index, line in enumerate(queries):
        until = queries[index + 1].at if index + 1 < len(queries) else math.inf
        if line.at - done.get(line.subject, -math.inf) < SEARCH_STALE_S:
            continue
        of = [
            one
            for one in page.of("results", "found", "unknown")
            if one.subject == line.subject and line.at <= one.at < until
        ]
        found = sum(one.number for one in of if one.deed == "found")
        unknown = [one for one in of if one.deed == "unknown"]
        answered = any(one.deed == "results" for one in of)
        made += Counter(media_search=1, tmdb_search=int(answered), tmdb_external_ids=min(RESULTS, found))
        if unknown:
            done[line.subject] = line.at
            made["catalog_sync_batch"] += unknown[0].number > 0
    people = len({line.subject for line in page.of("people")})
    found_people = sum(line.number > 0 for line in page.of("found_people"))
    return made + Counter(people_search=people, people_stats=found_people, people_followed=found_people)


# ---- conversations: 5 ---------------------------------------------------------------------------------------------


def inbox(page: Page) -> Counts:
    """5.1: ahead of need at page load, each 60 s while mounted, which it stays in conversations; profiles of everybody
    listed with each, avatars once an hour, two probes once a page."""
    opened = page.visits("list")
    shown = [(opened[0][0], page.end)] if opened else []
    lists = kept(page, shown, LIST_S, ahead=[span[0] for span in life(page)], every_s=lambda at: LIST_S)
    somebody = any(line.number for line in page.of("listed"))
    return Counter(
        conversation_list=lists,
        profiles_public=lists if somebody else 0,
        avatar_sign=sum(line.number for line in page.of("avatars")),
        prefs_probe=2 if opened else 0,
        create_direct_conversation=len(page.of("new_chat")),
    )


def chats(page: Page, target: Target) -> Counts:
    """5.3-5.6 for each open conversation."""
    made: Counts = Counter()
    for start, end, direct in chat_spans(page):
        lines = [line for line in page.lines if start <= line.at <= end]
        made += polls(page, lines, (start, end), target)
        if direct:
            made["last_active"] += kept(page, [(start, end)], DEFAULT_STALE_S, every_s=lambda at: LIST_S)
        made["read_receipt"] += marks([line.at for line in lines if line.deed == "newest"], end)
    return made + written(page)


def chat_spans(page: Page) -> list[tuple[float, float, bool]]:
    """From when to when a conversation was open, and whether it has two members."""
    spans, opened = [], None
    for line in page.of("chat", "chat_leave"):
        if line.deed == "chat":
            opened = line
        elif opened is not None:
            spans.append((opened.at, line.at, opened.subject == "direct"))
            opened = None
    return spans if opened is None else [*spans, (opened.at, page.end, opened.subject == "direct")]


def interval(lines: list[Line]) -> Callable[[float], float]:
    """5.3: each 5 s while the channel is SUBSCRIBED, each 1.5 s otherwise."""
    changes = [(line.at, line.number) for line in lines if line.deed in ("chat", "channel")]

    def every_s(at: float) -> float:
        joined = [number for since, number in changes if since <= at]
        return POLL_S if joined and joined[-1] else POLL_DOWN_S

    return every_s


def polls(page: Page, lines: list[Line], span: Span, target: Target) -> Counts:
    """5.3: P pages, read receipts, reactions, delivery receipts of the last own message."""
    every_s, changes = interval(lines), [line.at for line in lines if line.deed == "channel"]

    def times(call: str, start: float, end: float, stale_s: float) -> list[float]:
        return fetches(
            [(start, end)],
            stale_s=stale_s,
            every_s=every_s,
            wakes=page.wakes,
            asleep=page.hidden,
            offline=page.offline,
            changes=changes,
            wait_s=target.get(call, Answers()).wait_s,
        )

    messages = times("messages_poll", *span, POLL_S)
    own = [line.at for line in lines if line.deed == "own"]
    deliveries = 0
    for index, at in enumerate(own):
        until = own[index + 1] if index + 1 < len(own) else span[1]
        deliveries += len(times("delivery_receipts_poll", at, until, DEFAULT_STALE_S))
    pages = [(line.at, line.number) for line in lines if line.deed == "pages"]
    older = len([line for line in lines if line.deed == "older"])
    older += sum(max((number for since, number in pages if since < at), default=1) - 1 for at in messages)
    reactions = len(times("reactions_poll", *span, DEFAULT_STALE_S)) + sum(line.deed == "react" for line in lines)
    return Counter(
        messages_poll=len(messages),
        messages_older=older,
        read_receipts_poll=len(times("read_receipts_poll", *span, DEFAULT_STALE_S)),
        reactions_poll=reactions,
        delivery_receipts_poll=deliveries,
    )


def marks(newest: list[float], end: float) -> int:
    """5.6: at most one in 3 s, the last one never lost while the conversation is open."""
    times, free_at, pending = 0, -math.inf, None
    for at in newest:
        if pending is not None and pending <= at:
            times, free_at, pending = times + 1, pending + MARK_S, None
        if pending is None:
            pending = max(at, free_at)
            if pending == at:
                times, free_at, pending = times + 1, at + MARK_S, None
    return times + (pending is not None and pending <= end)


def written(page: Page) -> Counts:
    """5.4, 5.5, 5.6."""
    sends, joined = page.of("send"), {line.at: line.number for line in page.of("chat", "channel")}
    made = Counter(
        blocked_check=sum(line.subject == "direct" for line in sends),
        message_send=len(sends),
        message_edit=sum(line.number for line in page.of("edit")),
        message_delete=sum(line.subject == "sent" for line in page.of("delete")),
        attachment_remove=sum(line.number for line in page.of("delete") if line.subject == "sent"),
        react=len(page.of("react")),
        unreact=len(page.of("reacted")),
        attachment_upload=len(page.of("attach")),
        attachment_sign=len(page.of("files")),
        delivery_receipt=sum(line.number * (2 if line.subject == "live" else 1) for line in page.of("foreign")),
    )
    for line in page.of("type"):
        if not next((number for at, number in sorted(joined.items(), reverse=True) if at <= line.at), 1):
            made["typing_broadcast"] += math.ceil(line.seconds / TYPING_S) + 1
    return made


def assistant(page: Page, target: Target) -> Counts:
    """6.6: asked 600 ms after a message, one at a time and one queued; its status each 2 s while busy."""
    answers = page.of("answered")
    if not page.of("asked"):
        return Counter()
    asks, busy_until, queued = 0, -math.inf, False
    ends = [line.at for line in answers]
    for line in page.of("send"):
        at = line.at + DEBOUNCE_S
        if at >= busy_until:
            asks += 1
            busy_until = next((end for end in ends if end > at), math.inf)
        elif not queued:
            asks, queued = asks + 1, True
    waits = [line.seconds + DEBOUNCE_S for line in answers]
    beat = STATUS_S + target.get("assistant_status", Answers()).wait_s
    return Counter(assistant_reply=asks, assistant_status=sum(max(1, math.ceil(wait / beat)) for wait in waits))


# ---- newcomers: 2.6, 6.5 ------------------------------------------------------------------------------------------


def onboarding(page: Page) -> Counts:
    """A deck for the taste page, unless signed up without a reload (quirk B); what was picked, and the gate."""
    made: Counts = Counter()
    if not page.fresh:
        made["onboarding_deck"] = kept(page, page.visits("taste"), DECK_STALE_S)
    liked = len(page.of("liked"))
    return made + Counter(onboarding_likes=liked, user_update=liked)


# ---- all of it ----------------------------------------------------------------------------------------------------

PAGE_RULES = (shell, presence, hints, feed, titles, decks, cards, diary, search, inbox, onboarding)
TIMED_RULES = (chats, assistant)

AGAIN_ON_ERROR = frozenset(
    (
        *("user", "title_detail", "title_preview", "title_page", "title_reviews", "title_feedback", "library_entry"),
        *("own_rating", "own_profile", "own_profile_public", "own_stats", "own_preferences", "profiles_public"),
        *("messages_poll", "messages_older", "read_receipts_poll", "delivery_receipts_poll", "reactions_poll"),
        *("last_active", "blocked_check", "prefs_probe", "people_search", "people_stats", "people_followed"),
        *("home_feed", "friends_watching", "diary_stats", "title_rating_summary", "assistant_suggestions"),
        *("home_deck", "landing_deck", "assistant_status"),
    )
)
"""0.2: GETs by the transport, and every query once more by react-query, RPCs and functions in one included."""


def repeats(target: Target) -> Counts:
    """0.2: a failure is followed by another try. Exact while no chain of tries (six of a GET, two of an RPC) ends in
    failure. The list's is the older RPC at once, and only then the first again (5.1)."""
    made = Counter({call: of.failed for call, of in target.items() if call in AGAIN_ON_ERROR})
    listed = target.get("conversation_list", Answers()).failed
    again = target.get("conversation_list_v1", Answers()).failed
    return made + Counter(conversation_list_v1=listed, conversation_list=again)


def predict(story: Story, device: Device, target: Target = NOBODY_WAITS) -> Counts:
    """Requests of one session per call; `device` is brought up to what it knows afterwards."""
    made: Counts = Counter()
    for page in story.pages:
        made += sign_in(page, device) + page_load(page, device)
        for rule in PAGE_RULES:
            made += rule(page)
        for timed in TIMED_RULES:
            made += timed(page, target)
        if page.live_at is not None:
            device.signed_in = device.tmdb_known = True
            device.assistant_known = device.assistant_known or not page.fresh
    return made + events(story, device) + repeats(target)
