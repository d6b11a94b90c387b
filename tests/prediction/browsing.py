"""Reading the feed, titles, searching: contract 2.6, 4, 6.2-6.4, 6.7. (pure)"""

from __future__ import annotations

import math
from collections import Counter

from tests.prediction.base import DECK_STALE_S, DEFAULT_STALE_S, FEED_STALE_S, Counts, kept, life
from tests.prediction.reads import fetches
from tests.prediction.story import Page, Span

TITLE_STALE_S = 60.0  # not in the contract; the app's public source has a minute
FRIENDS_STALE_S = 120.0  # likewise, two minutes
SEARCH_STALE_S = 1800.0  # 6.2
RESULTS = 20  # 6.2


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
    noted, reviews = page.of("watchlist"), len(page.of("review"))
    off = sum(line.subject == "title off" for line in noted)
    made += Counter(title_event=len(page.of("heart")) + len(noted) + reviews)
    made += Counter(library_write=len(noted) - off + len(page.of("status")), library_delete=off)
    made += Counter(rating_write=reviews, review_write=reviews, title_reviews=reviews)  # 3.9, the sheet; read again
    return made + Counter(follow=len(page.of("follow")), unfollow=len(page.of("unfollow")))


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
        found = sum(one.number for one in of if one.action == "found")
        unknown = [one for one in of if one.action == "unknown"]
        answered = any(one.action == "results" for one in of)
        made += Counter(media_search=1, tmdb_search=int(answered), tmdb_external_ids=min(RESULTS, found))
        if unknown:
            done[line.subject] = line.at
            made["catalog_sync_batch"] += unknown[0].number > 0
    people = len({line.subject for line in page.of("people")})
    found_people = sum(line.number > 0 for line in page.of("found_people"))
    return made + Counter(people_search=people, people_stats=found_people, people_followed=found_people)
