"""The names of all calls that devices make: the operations of a record's server view, as plain data. (pure)

Profiles, faults and reports name calls by these. Each `harness.client.api.call.Call` checks at construction that its
name stands here, and a test checks that each name here has its call.
"""

from __future__ import annotations

_NAMES = """
app_settings assistant_conversation assistant_reply assistant_status assistant_suggestions attachment_remove
attachment_sign attachment_upload avatar_sign background_deck blocked_check catalog_sync_batch catalogue_upsert
conversation_list conversation_list_v1 create_direct_conversation delivery_receipt delivery_receipts_poll
diary_stats experiments follow friend_count friends_watching hero_details home_deck home_feed landing_deck
landing_titles last_active library_delete library_entry library_list library_statuses library_titles library_write
list_items mark_read mark_unread media_search message_delete message_edit message_send messages_older messages_poll
onboarding_deck onboarding_likes own_preferences own_profile own_profile_public own_rating own_ratings own_stats
people_followed people_search people_stats prefs_delete prefs_probe prefs_write presence profile_cards profile_names
profiles_public public_lists rating_write react reactions_poll read_receipt read_receipts_poll recent_watched
review_write search_titles seed_title sign_in sign_up stories_followed stories_items stories_lists suggested_overlap
suggested_profiles suggested_ratings suggested_stats suggestion_shown swipe_deck swipe_events title_detail
title_event title_feedback title_page title_preview title_rating_summary title_reviewers title_reviews
tmdb_configuration tmdb_external_ids tmdb_search token_refresh trending_media trending_titles typing_broadcast
unfollow unreact user user_update
"""
CALL_NAMES: frozenset[str] = frozenset(_NAMES.split())


PREFLIGHT = "preflight"
"""What a browser asks before a call; an attempt of its own, whatever call it is for."""


def call_names() -> frozenset[str]:
    """Every one."""
    return CALL_NAMES
