"""A title's own page: contract 6.7, 3.9. (pure)"""

from __future__ import annotations

from collections import Counter

from tests.prediction.base import DEFAULT_STALE_S, Counts, kept
from tests.prediction.browsing import DIARY_STALE_S, TITLE_STALE_S
from tests.prediction.story import Page, Span
from tests.prediction.swiping import detail_reads


def titles(page: Page) -> Counts:
    """6.7 and 3.9: the page's own reads, an event on entering and on leaving, and what is noted there. A card's details
    stand under the key of the title's row, and spare it for a minute."""
    made: Counts = Counter()
    told_by_cards: dict[str, list[float]] = {}
    for at, title in detail_reads(page):
        told_by_cards.setdefault(title, []).append(at)
    visits: dict[str, list[Span]] = {}
    for line, span in zip(page.of("title"), page.visits("title"), strict=True):
        visits.setdefault(line.subject, []).append(span)
        made["title_event"] += 2
    for title, spans in visits.items():
        told = told_by_cards.get(title, [])[-1:]
        made["title_page"] += kept(page, spans, TITLE_STALE_S, ahead=told) - len(told)
        for name, stale_s in (
            ("title_rating_summary", TITLE_STALE_S),
            ("title_reviews", DIARY_STALE_S),
            ("title_feedback", DEFAULT_STALE_S),
        ):
            made[name] += kept(page, spans, stale_s)
    noted, reviews, hearts = page.of("watchlist"), len(page.of("review")), len(page.of("heart"))
    off = sum(line.subject.endswith(" off") for line in noted)
    made += Counter(title_event=hearts + len(noted) + reviews, title_feedback=hearts)
    made += Counter(library_write=len(noted) - off + len(page.of("status")), library_delete=off)
    made += Counter(rating_write=reviews, review_write=reviews)  # 3.9, the sheet; then the title is read again
    made += Counter(title_rating_summary=reviews, title_page=reviews)
    return made + Counter(follow=len(page.of("follow")), unfollow=len(page.of("unfollow")))
