-- Enums, with the values and in the order of the shipped dump: a column of such a type sorts by it.

create type public.media_event_type as enum (
  'impression', 'detail_open', 'detail_close', 'dwell', 'like', 'dislike', 'skip', 'watchlist_add', 'watchlist_remove',
  'rating_set', 'share', 'watchlist', 'rating'
);
create type public.media_kind as enum ('movie', 'series', 'episode', 'other', 'anime');
create type public.content_type as enum ('movie', 'series', 'anime');
create type public.library_status as enum ('want_to_watch', 'watching', 'watched', 'dropped');
create type public.activity_event_type as enum (
  'rating_created', 'review_created', 'watchlist_added', 'watchlist_removed', 'follow_created', 'comment_created',
  'reply_created', 'list_created', 'list_item_added', 'message_sent', 'swipe_skipped', 'watched'
);
create type public.message_type as enum ('text', 'image', 'text+image', 'system');
create type public.participant_role as enum ('member', 'admin', 'owner');
create type public.privacy_level as enum ('public', 'followers_only', 'private');
create type public.verification_status as enum ('none', 'pending', 'approved', 'revoked');
create type public.verification_badge_type as enum ('identity', 'official', 'trusted_verifier', 'subscription');
create type public.verification_request_status as enum ('pending', 'needs_more_info', 'approved', 'rejected');

-- BEFORE UPDATE on most tables: the client's own value is lost. Never backwards, so that a row that two transactions
-- touch keeps the younger of their two times whichever commits last.
create function public.set_updated_at() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  new.updated_at := greatest(now(), old.updated_at);
  return new;
end $$;

-- The same without the guard: three tables of the service's own have it as shipped.
create function public._touch_updated_at() returns trigger
  language plpgsql security definer set search_path = public
  as $$
begin
  new.updated_at := now();
  return new;
end $$;
create function public.tg_set_updated_at() returns trigger
  language plpgsql set search_path = public
  as $$
begin
  new.updated_at := now();
  return new;
end $$;
