-- Enums. Values the contract names are complete (media_event_type, activity_event_type); the others hold at least
-- what the client sends.

create type public.media_event_type as enum (
  'impression', 'detail_open', 'detail_close', 'dwell', 'like', 'dislike', 'skip', 'watchlist', 'watchlist_add',
  'watchlist_remove', 'rating', 'rating_set', 'share'
);
create type public.media_kind as enum ('movie', 'series', 'anime', 'episode', 'other');
create type public.content_type as enum ('movie', 'series', 'anime');
create type public.library_status as enum ('want_to_watch', 'watching', 'watched', 'dropped');
create type public.activity_event_type as enum (
  'rating_created', 'review_created', 'watchlist_added', 'watchlist_removed', 'follow_created', 'comment_created',
  'reply_created', 'list_created', 'list_item_added', 'message_sent', 'swipe_skipped', 'watched'
);
create type public.message_type as enum ('text', 'image', 'text+image', 'system');
create type public.participant_role as enum ('member', 'admin', 'owner');

-- BEFORE UPDATE on most tables: the client's own value is lost. Never backwards, so that a row that two transactions
-- touch keeps the younger of their two times whichever commits last.
create function public.set_updated_at() returns trigger
  language plpgsql
  as $$
begin
  new.updated_at := greatest(now(), old.updated_at);
  return new;
end $$;
