"""How many requests each thing a person does leads to, by the wire contract. (pure)

Written from the contract alone (section numbers beside each rule), so that it can disagree with the phones. Every
rule takes a page of a session and says how often each call is made; names of calls are those of the record.
"""

from __future__ import annotations

from collections import Counter

from tests.prediction.asking import questions
from tests.prediction.base import NOBODY_WAITS, Counts
from tests.prediction.browsing import discover, feed, home, search
from tests.prediction.chatting import assistant, chats, inbox
from tests.prediction.opening import hints, onboarding, page_load, presence, shell, sign_in
from tests.prediction.story import Answers, Device, Story, Target
from tests.prediction.swiping import batches, cards, decks, diary
from tests.prediction.titles import titles

PAGE_RULES = (shell, presence, hints, feed, discover, home, decks, cards, titles, diary, search, inbox, onboarding)
TIMED_RULES = (chats, assistant)

AGAIN_ON_ERROR = frozenset(
    (
        *("user", "title_detail", "title_preview", "title_page", "title_reviews", "title_feedback", "library_entry"),
        *("own_rating", "own_profile", "own_profile_public", "own_stats", "own_preferences", "profiles_public"),
        *("messages_poll", "messages_older", "read_receipts_poll", "delivery_receipts_poll", "reactions_poll"),
        *("last_active", "blocked_check", "prefs_probe", "people_search", "people_stats", "people_followed"),
        *("home_feed", "friends_watching", "diary_stats", "title_rating_summary", "assistant_suggestions"),
        *("home_deck", "landing_deck", "assistant_status", "title_reviewers", "friend_count", "profile_cards"),
        *("public_lists", "list_items", "suggested_ratings", "suggested_stats", "suggested_profiles", "library_list"),
        *("stories_followed", "stories_lists", "stories_items", "library_titles", "library_statuses", "own_ratings"),
        *("recent_watched", "hero_details", "seed_title", "trending_titles", "trending_media"),
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
            device.signed_in = True
            device.assistant_known = device.assistant_known or not page.fresh
    sent_at = batches(story, device)
    made += Counter(swipe_events=len(sent_at))
    made["preflight"] = questions(story, made, sent_at)
    # Whether the question before it lets this call out is the target's own matter (6.5); it is asked either way.
    if target and "experiments" not in target:
        del made["experiments"]
    return made + repeats(target)
