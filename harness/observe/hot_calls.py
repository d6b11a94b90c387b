"""What the hot calls read, as statements that a person's transaction can be asked to explain. (pure)

The manual's hot paths: deck, feed, conversation list, an open chat, library, a person's events. Columns and order are
those of the calls (`harness.client.api.calls`); what PostgREST wraps around them changes no plan. `$1` is the person,
or a conversation of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HotCall:
    """One read. scratch: its function makes temporary tables, which a read-only transaction refuses."""

    endpoint: str
    sql: str
    conversation: bool = False  # `$1` is one; otherwise the person
    scratch: bool = False


HOT_CALLS: tuple[HotCall, ...] = (
    HotCall(
        "POST functions/media-swipe-deck",
        "select * from public.media_swipe_deck_v3(p_session_id => $1::uuid, p_limit => 60, p_mode => 'combined', "
        "p_kind_filter => null, p_seed => 'explained')",
        scratch=True,
    ),
    HotCall("POST rpc/get_home_feed_v2", "select * from public.get_home_feed_v2(p_user_id => $1::uuid, p_limit => 40)"),
    HotCall(
        "POST rpc/get_conversation_summaries_v2",
        "select * from public.get_conversation_summaries_v2(p_user_id => $1::uuid)",
    ),
    HotCall(
        "GET messages",
        "select id, conversation_id, user_id, body, message_type, text, client_id, meta, attachment_url, created_at "
        "from public.messages where conversation_id = $1::uuid "
        "order by created_at desc, id desc limit 40",
        conversation=True,
    ),
    HotCall(
        "GET message_read_receipts",
        "select user_id, conversation_id, last_read_at, last_read_message_id from public.message_read_receipts "
        "where conversation_id = $1::uuid order by last_read_at desc",
        conversation=True,
    ),
    HotCall(
        "GET message_reactions",
        "select id, conversation_id, message_id, user_id, emoji, created_at from public.message_reactions "
        "where conversation_id = $1::uuid order by created_at",
        conversation=True,
    ),
    HotCall(
        "GET library_entries",
        "select id, title_id, status, updated_at from public.library_entries where user_id = $1::uuid "
        "order by updated_at desc limit 500",
    ),
    HotCall(
        "GET media_events",
        "select event_type, rating_0_10, dwell_ms from public.media_events where user_id = $1::uuid "
        "and created_at >= now() - interval '30 days' order by created_at desc limit 120",
    ),
)

A_PERSON = """
select u.id from auth.users u
left join (select user_id, count(*) as chats from public.conversation_participants group by user_id) c
  on c.user_id = u.id
where u.email = any($1::text[]) or u.id = any($2::uuid[])
order by c.chats desc nulls last, u.id limit 1
"""
"""Of the run's people, the one with the most conversations."""

A_CONVERSATION = """
select p.conversation_id from public.conversation_participants p
left join public.messages m on m.conversation_id = p.conversation_id
where p.user_id = $1 group by 1 order by count(m.id) desc, 1 limit 1
"""
"""Of that person's, the longest."""
