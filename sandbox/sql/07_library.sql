-- Diary: library, ratings, reviews, and the activity they leave for the home feed. Contract 6.7, 8.1, 8.2.

create table public.activity_events (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  user_id uuid not null references auth.users (id) on delete cascade,
  event_type public.activity_event_type not null,
  title_id text,
  related_user_id uuid,
  payload jsonb,
  media_item_id uuid
);
create index activity_events_user_created_idx on public.activity_events (user_id, created_at desc, id desc);
create index activity_events_created_idx on public.activity_events (created_at desc, id desc);
create index activity_events_type_created_idx on public.activity_events (event_type, created_at desc);
create index activity_events_media_idx on public.activity_events (media_item_id);
create index activity_events_title_idx on public.activity_events (title_id);
create index activity_events_related_idx on public.activity_events (related_user_id);
create index activity_events_user_type_title_idx on public.activity_events (user_id, event_type, title_id);

create table public.library_entries (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title_id uuid not null,
  content_type public.content_type not null,
  status public.library_status not null default 'want_to_watch',
  notes text,
  started_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint library_entries_user_title_key unique (user_id, title_id)
);
alter table public.library_entries add constraint library_entries_title_fk
  foreign key (title_id) references public.media_items (id) on delete cascade not valid;
create index library_entries_user_status_idx on public.library_entries (user_id, status);
create index library_entries_user_updated_idx on public.library_entries (user_id, updated_at desc);
create index library_entries_user_status_updated_idx on public.library_entries (user_id, status, updated_at desc);
create index library_entries_title_idx on public.library_entries (title_id);
create index library_entries_title_status_idx on public.library_entries (title_id, status);
create index library_entries_user_created_idx on public.library_entries (user_id, created_at desc);
create index library_entries_completed_idx on public.library_entries (user_id, completed_at desc);

create table public.ratings (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title_id uuid not null references public.media_items (id) on delete cascade,
  content_type public.content_type not null,
  rating numeric(3, 1) not null,
  comment text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ratings_user_title_key unique (user_id, title_id),
  constraint ratings_rating_chk check (rating >= 0 and rating <= 10 and rating * 2 = trunc(rating * 2))
);
create index ratings_title_idx on public.ratings (title_id);
create index ratings_title_rating_idx on public.ratings (title_id, rating);
create index ratings_title_created_idx on public.ratings (title_id, created_at desc);
create index ratings_user_created_idx on public.ratings (user_id, created_at desc);
create index ratings_user_updated_idx on public.ratings (user_id, updated_at desc);
create index ratings_user_rating_idx on public.ratings (user_id, rating desc);
create index ratings_created_idx on public.ratings (created_at desc);
create index ratings_content_type_idx on public.ratings (content_type);

create table public.reviews (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title_id uuid not null references public.media_items (id) on delete cascade,
  content_type public.content_type not null default 'movie',
  rating numeric(3, 1),
  headline text,
  body text,
  spoiler boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index reviews_title_created_idx on public.reviews (title_id, created_at desc);
create index reviews_user_created_idx on public.reviews (user_id, created_at desc);

create table public.assistant_goals (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null default 'watch_count',
  title text,
  status text not null default 'active',
  target integer not null default 1,
  progress integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index assistant_goals_user_active_idx on public.assistant_goals (user_id) where status = 'active';

-- The activity carries the entry's own time: what a seeded history left lies in the past, as it did when it happened.
create function public.handle_library_entry_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_type public.activity_event_type;
begin
  if tg_op = 'UPDATE' and new.status = old.status then
    return new;
  end if;
  v_type := case new.status when 'want_to_watch' then 'watchlist_added' when 'watched' then 'watched' end;
  if v_type is not null then
    insert into public.activity_events (created_at, user_id, event_type, title_id, media_item_id, payload)
    values (new.updated_at, new.user_id, v_type, new.title_id::text, new.title_id,
      jsonb_build_object('status', new.status, 'content_type', new.content_type));
  end if;
  return new;
end $$;

create function public.handle_library_entry_delete_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  -- An account's removal cascades here after its row is gone.
  if old.status = 'want_to_watch' and exists (select 1 from auth.users u where u.id = old.user_id) then
    insert into public.activity_events (user_id, event_type, title_id, media_item_id, payload)
    values (old.user_id, 'watchlist_removed', old.title_id::text, old.title_id,
      jsonb_build_object('status', old.status, 'content_type', old.content_type));
  end if;
  return old;
end $$;

create function public.assistant_goal_track_watch() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  if new.status = 'watched' and (tg_op = 'INSERT' or old.status is distinct from new.status) then
    update public.assistant_goals g
    set progress = g.progress + 1,
        status = case when g.progress + 1 >= g.target then 'done' else g.status end,
        updated_at = now()
    where g.user_id = new.user_id and g.status = 'active';
  end if;
  return new;
end $$;

create function public.handle_rating_insert_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.activity_events (created_at, user_id, event_type, title_id, media_item_id, payload)
  values (new.created_at, new.user_id, 'rating_created', new.title_id::text, new.title_id,
    jsonb_build_object('rating', new.rating, 'content_type', new.content_type));
  return new;
end $$;

create function public.handle_review_insert_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.activity_events (created_at, user_id, event_type, title_id, media_item_id, payload)
  values (new.created_at, new.user_id, 'review_created', new.title_id::text, new.title_id,
    jsonb_build_object('review_id', new.id, 'headline', new.headline, 'snippet', left(new.body, 200),
      'rating', new.rating));
  return new;
end $$;

create trigger library_entries_activity after insert or update on public.library_entries
  for each row execute function public.handle_library_entry_activity();
create trigger library_entries_delete_activity after delete on public.library_entries
  for each row execute function public.handle_library_entry_delete_activity();
create trigger library_entries_goals after insert or update of status on public.library_entries
  for each row execute function public.assistant_goal_track_watch();
create trigger library_entries_set_updated_at before update on public.library_entries
  for each row execute function public.set_updated_at();
create trigger ratings_activity after insert on public.ratings
  for each row execute function public.handle_rating_insert_activity();
create trigger ratings_set_updated_at before update on public.ratings
  for each row execute function public.set_updated_at();
create trigger reviews_activity after insert on public.reviews
  for each row execute function public.handle_review_insert_activity();
create trigger reviews_set_updated_at before update on public.reviews
  for each row execute function public.set_updated_at();
