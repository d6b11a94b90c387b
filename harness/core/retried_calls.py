"""Calls that the app tries again by itself when they fail: reads, which go by GET. As plain data for reports. (pure)

A test holds it against the calls of `harness.client.api`.
"""

from __future__ import annotations

_NAMES = """
blocked_check delivery_receipts_poll landing_titles last_active library_entry messages_older messages_poll
own_preferences own_profile own_profile_public own_rating own_stats people_followed people_search people_stats
prefs_probe profiles_public reactions_poll read_receipts_poll search_titles title_detail title_feedback title_page
title_preview title_reviews user
"""
RETRIED_CALLS: frozenset[str] = frozenset(_NAMES.split())
