"""The swipe page: decks, reads per card, events: contract 2.6, 3.8. (pure)"""

from __future__ import annotations

from collections import Counter

from tests.prediction.base import DECK_STALE_S, Counts, kept
from tests.prediction.browsing import DIARY_STALE_S
from tests.prediction.outbox import Buffer, Moment
from tests.prediction.reads import fetches, inside
from tests.prediction.story import Device, Line, Page, Span, Story

LOW, AHEAD = 12, 8  # 2.6
FIRST_READ_S = 0.1
FILL_TRIES = 3  # 2.6


def swipe_visits(page: Page) -> list[list[Line]]:
    """The lines of each visit to the swipe page."""
    return [[line for line in page.lines if start <= line.at <= end] for start, end in page.visits("swipe")]


def decks(page: Page) -> Counts:
    """One on opening, one more whenever fewer than 12 cards are left, up to three until a new card comes."""
    made = Counter(experiments=len(page.visits("swipe")))  # the shipped target assigns none: asked on each mount
    made += Counter(friend_count=len(fetches(page.visits("swipe"), stale_s=DECK_STALE_S, offline=page.offline)))
    for lines in swipe_visits(page):
        made["swipe_deck"] += deck_requests(lines)
    return made


def deck_requests(lines: list[Line]) -> int:
    """Of one visit, from its gestures and the cards that came."""
    requests, tries, waiting, left = 1, 1, True, 0
    for line in lines:
        if line.action == "cards":
            left += line.number
            waiting = line.number == 0 and tries < FILL_TRIES
            if line.number == 0:  # the number of cards has not changed: nobody looks whether they are few
                requests, tries = requests + waiting, tries + waiting
                continue
        elif line.action == "gesture":
            left -= 1
        else:
            continue
        if left < LOW and not waiting:
            requests, tries, waiting = requests + 1, 1, True
    return requests


def cards(page: Page) -> Counts:
    """Per card on top the preview of the next one, and its details up to eight cards ahead, each once in half an hour:
    about 4 GETs a swipe with the diary's. What is wanted offline is asked for when the network is back, once."""
    previews = 0
    for tops, available in card_tops(page):
        previews += sum(
            index + 1 < available and leaves_at(page, at) is not None for index, (at, _, _) in enumerate(tops)
        )
    return Counter(title_detail=len(detail_reads(page)), title_preview=previews)


def leaves_at(page: Page, at: float) -> float | None:
    """When what is asked for at an instant leaves; None: the page ends before the network is back."""
    leaves = next((end for start, end in page.offline if start <= at < end), at)
    return leaves if leaves == at or leaves < page.end else None


def detail_reads(page: Page) -> list[tuple[float, str]]:
    """When the details of a card are read, and of which title; "" while its name is unknown, because nobody looked."""
    found = []
    for tops, available in card_tops(page):
        fetched: set[int] = set()
        for index, (at, _, _) in enumerate(tops):
            leaves = leaves_at(page, at)
            if leaves is None:
                continue
            for place in range(index, min(index + 1 + AHEAD, available)):
                if place not in fetched:
                    fetched.add(place)
                    found.append((leaves, tops[place][2] if place < len(tops) else ""))
    return found


def card_tops(page: Page) -> list[tuple[list[tuple[float, float, str]], int]]:
    """Per visit: from when to when each card was on top, with its title; and how many cards came in all."""
    found = []
    for (_, end), lines in zip(page.visits("swipe"), swipe_visits(page), strict=True):
        came = sum(line.number for line in lines if line.action == "cards")
        looks = [line for line in lines if line.action == "look"]
        gestures = [line.at for line in lines if line.action == "gesture"]
        first = min((line.at for line in lines if line.action == "cards"), default=end)
        begins = [first, *gestures][: came if came else 0]
        names = [line.subject for line in looks] + [f"unseen {end}"]
        tops = [
            (at, begins[index + 1] if index + 1 < len(begins) else end, names[min(index, len(names) - 1)])
            for index, at in enumerate(begins)
        ]
        found.append((tops, came))
    return found


def diary(page: Page) -> Counts:
    """2.6 and 6.7: two reads per title, for the card on top and for the title's page alike, stale after 30 s; read
    again when something was noted under the card, or with the watchlist's button on the title's page."""
    shown: dict[str, list[Span]] = {}
    for tops, _ in card_tops(page):
        for at, until, title in tops:
            shown.setdefault(title, []).append((at, until))
    for line, span in zip(page.of("title"), page.visits("title"), strict=True):
        shown.setdefault(line.subject, []).append(span)
    times = sum(kept(page, sorted(spans), DIARY_STALE_S) for spans in shown.values())
    noted = [line for line in page.of("watchlist") if inside(line.at, page.visits("title"))]
    came_up = [at for tops, _ in card_tops(page) for at, _, _ in tops]
    # Who taps as soon as a card is up finds its first read under way, which counts as the one after the tap.
    late = [line for line in page.of("note") if not any(0 <= line.at - at < FIRST_READ_S for at in came_up)]
    again = len(noted) + len(late)
    return Counter(library_entry=times + again, own_rating=times + again)


def batches(story: Story, device: Device) -> list[float]:
    """When requests with events leave: 3.8, over the whole session. An impression when a card comes up, gesture when
    the look is over, and what is tapped under the card at once."""
    moments: list[Moment] = []
    for page in story.pages:
        for start, end in page.visits("swipe"):
            moments.append(Moment(start, "mount"))
            moments.append(Moment(end, "leave" if end < story.end else ("gone" if story.killed else "hide")))
        for tops, _ in card_tops(page):
            moments += [Moment(at, "events", 1) for at, _, _ in tops]
        for line in page.lines:
            if line.action == "note":
                moments.append(Moment(line.at, "events", 1))
            elif line.action == "look":
                if line.at + line.seconds <= story.end:
                    moments.append(Moment(line.at + line.seconds, "events", 1))
            elif line.action == "away":
                moments.append(Moment(line.at, "hide"))
            elif line.action in ("offline", "online", "back"):
                moments.append(Moment(line.at, line.action))
    buffer = Buffer(device.queued)
    buffer.run(moments)
    buffer.run([Moment(story.end, "leave")])
    device.queued = buffer.queued
    return buffer.times
