"""Calls that the app tries again by itself when they fail: reads, which go by GET. As plain data for reports. (pure)

A test holds it against the calls of `harness.client.api`.
"""

from __future__ import annotations

_NAMES = """
blocked_check delivery_receipts_poll friend_count hero_details landing_titles last_active library_entry library_list
library_statuses library_titles list_items messages_older messages_poll own_preferences own_profile
own_profile_public own_rating own_ratings own_stats people_followed people_search people_stats prefs_probe
profile_cards profiles_public public_lists reactions_poll read_receipts_poll recent_watched search_titles seed_title
stories_followed stories_items stories_lists suggested_overlap suggested_profiles suggested_ratings suggested_stats
title_detail title_feedback title_page title_preview title_reviewers title_reviews trending_media trending_titles
user
"""
RETRIED_CALLS: frozenset[str] = frozenset(_NAMES.split())
