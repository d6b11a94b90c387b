"""Reading the feed, titles, searching: contract 2.6, 4, 6.2-6.4, 6.7. (pure)"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from tests.prediction.base import DECK_STALE_S, DEFAULT_STALE_S, FEED_STALE_S, Counts, kept, life
from tests.prediction.reads import fetches
from tests.prediction.story import Page, Span

TITLE_STALE_S = 60.0  # not in the contract; the app's public source has a minute
FRIENDS_STALE_S = 120.0  # likewise, two minutes
SEARCH_STALE_S = 1800.0  # 6.2
PEOPLE_STALE_S = 900.0  # 6.7
DIARY_STALE_S = 30.0  # likewise: of what was noted about a title, of reviews, of stories
TOUCH_S = 0.001
RESULTS = 20  # 6.2


def route_visits(page: Page) -> list[Span]:
    """Landing page and search screen are one route: visits that touch are one."""
    visits: list[Span] = []
    for start, end in sorted(page.visits("landing") + page.visits("search")):
        if visits and start <= visits[-1][1] + TOUCH_S:
            visits[-1] = (visits[-1][0], max(end, visits[-1][1]))
        else:
            visits.append((start, end))
    return visits


def feed(page: Page) -> Counts:
    """4: read ahead, shown for five minutes, each further page asked for; never again on focus. A title put onto the
    watchlist on its own page makes it stale."""
    start = [span[0] for span in life(page)]
    listed = [line for line in page.of("watchlist") if line.subject.startswith("title")]
    first = fetches(page.visits("home"), stale_s=FEED_STALE_S, ahead=start, offline=page.offline)
    again = sum(any(visit[0] > line.at for visit in page.visits("home")) for line in listed)
    return Counter(
        home_feed=len(first) + again + len(page.of("more")),
        diary_stats=kept(page, page.visits("diary"), FEED_STALE_S, ahead=start) + noted_before(page, "diary"),
    )


def noted_before(page: Page, screen: str) -> int:
    """Visits to a screen between which, or before the first of which, something was put into the library."""
    noted = [line.at for line in page.of("watchlist", "status")]
    starts = [0.0, *(visit[0] for visit in page.visits(screen))]
    return sum(any(a < at <= b for at in noted) for a, b in pairwise(starts))


def discover(page: Page) -> Counts:
    """2.6, 6.7: all around the search field, read anew at each opening of the route (observed), each with its own stale
    time while it is open."""
    made: Counts = Counter()
    for visit in route_visits(page):
        made += Counter(landing_deck=kept(page, [visit], DECK_STALE_S))
        made += Counter(friends_watching=kept(page, [visit], FRIENDS_STALE_S))
        suggested = ("people_followed", "suggested_ratings", "suggested_stats", "suggested_profiles")
        made += Counter(dict.fromkeys(suggested, kept(page, [visit], FEED_STALE_S)))
        lists = ("public_lists", "profile_cards", "list_items")
        made += Counter(dict.fromkeys(lists, kept(page, [visit], DECK_STALE_S)))
    return made


def home(page: Page) -> Counts:
    """10.2: stories with their first titles, the whole library, the deck and what leads on from it. Somebody whom one
    follows has a list: in the sandbox everybody has one."""
    visits = page.visits("home")
    made = Counter(home_deck=kept(page, visits, DECK_STALE_S), recent_watched=kept(page, visits, TITLE_STALE_S))
    stories = ("stories_followed", "profile_cards", "stories_lists", "stories_items", "library_titles")
    made += Counter(dict.fromkeys(stories, kept(page, visits, DIARY_STALE_S)))
    library = ("library_list", "library_titles", "own_ratings")
    made += Counter(dict.fromkeys(library, kept(page, visits, DEFAULT_STALE_S)))
    last: dict[str, float] = {}
    for line in page.of("lead"):
        if line.at - last.get(line.subject, -math.inf) >= FEED_STALE_S:
            last[line.subject] = line.at
            made[line.subject.partition(" ")[0]] += 1
    return made


def search(page: Page) -> Counts:
    """Per text that stood still and is not remembered: the function, TMDb, its titles' ids, one batch of unknown ones.

    How far a query got that the next key ended is seen from what it found.
    """
    made: Counts = Counter()
    done: dict[str, float] = {}
    named: dict[str, float] = {}
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
        if ": " not in line.subject and line.at - named.get(line.subject, -math.inf) >= PEOPLE_STALE_S:
            named[line.subject] = line.at
            made["people_search"] += 1
        made += Counter(media_search=1, tmdb_search=int(answered), tmdb_external_ids=min(RESULTS, found))
        if ": " in line.subject and unknown:  # a chip for titles: what was noted about those found
            made += Counter(library_statuses=1, own_ratings=1)
        if unknown:
            done[line.subject] = line.at
            made["catalog_sync_batch"] += unknown[0].number > 0
    made["people_search"] += len({line.subject for line in page.of("people")} - named.keys())
    made["catalogue_upsert"] += len(page.of("unscored"))
    people = page.of("found_people")
    return made + Counter(people_stats=sum(line.number > 0 for line in people), people_followed=len(people))
