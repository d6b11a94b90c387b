-- Diary: library, ratings, reviews, lists, goals, and the activity they leave for the home feed. Contract 6.7, 8.1.

create table public.activity_events (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  user_id uuid not null references auth.users (id) on delete cascade,
  event_type public.activity_event_type not null,
  title_id text,
  related_user_id uuid references auth.users (id) on delete cascade,
  payload jsonb,
  media_item_id uuid,
  constraint activity_events_media_item_fk foreign key (media_item_id) references public.media_items (id)
    on delete set null
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
  updated_at timestamptz not null default now()
);
create unique index library_entries_user_title_unique on public.library_entries (user_id, title_id);
alter table public.library_entries add constraint library_entries_title_id_fkey
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
  title_id uuid not null,
  content_type public.content_type not null,
  rating numeric(3, 1) not null,
  comment text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ratings_rating_check check (rating >= 0 and rating <= 10 and rating * 2 % 1 = 0)
);
create unique index ratings_user_title_unique on public.ratings (user_id, title_id);
alter table public.ratings add constraint ratings_title_id_fkey
  foreign key (title_id) references public.media_items (id) on delete cascade not valid;
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
  title_id uuid not null,
  content_type public.content_type not null,
  rating numeric(3, 1),
  headline text,
  body text,
  spoiler boolean default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint reviews_rating_check check (rating >= 0 and rating <= 10 and rating * 2 % 1 = 0)
);
alter table public.reviews add constraint reviews_title_id_fkey
  foreign key (title_id) references public.media_items (id) on delete cascade not valid;
create index reviews_title_created_idx on public.reviews (title_id, created_at desc);
create index reviews_user_created_idx on public.reviews (user_id, created_at desc);

create table public.comments (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  review_id uuid references public.reviews (id) on delete cascade,
  parent_comment_id uuid references public.comments (id) on delete cascade,
  body text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint comments_body_not_empty_chk check (trim(body) <> '')
);
create index comments_review_created_at_idx on public.comments (review_id, created_at desc);
create index comments_parent_created_at_idx on public.comments (parent_comment_id, created_at desc);
create index idx_comments_user_id on public.comments (user_id);

create table public.review_reactions (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  review_id uuid not null references public.reviews (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  emoji text not null,
  constraint review_reactions_unique unique (review_id, user_id, emoji)
);
create index review_reactions_review_id_idx on public.review_reactions (review_id);
create index idx_review_reactions_user_id on public.review_reactions (user_id);

create table public.lists (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  name text not null,
  description text,
  is_public boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index lists_user_id_idx on public.lists (user_id);
create index lists_user_id_created_at_idx on public.lists (user_id, created_at);
create index lists_user_updated_idx on public.lists (user_id, updated_at desc);

-- Nothing keeps a title from being on a list twice, as shipped.
create table public.list_items (
  id uuid primary key default gen_random_uuid(),
  list_id uuid not null references public.lists (id) on delete cascade,
  title_id uuid not null,
  content_type public.content_type not null,
  "position" integer not null default 0,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table public.list_items add constraint list_items_title_id_fkey
  foreign key (title_id) references public.media_items (id) on delete cascade not valid;
create index idx_list_items_list_id on public.list_items (list_id);
create index idx_list_items_list_id_title_id on public.list_items (list_id, title_id);
create index idx_list_items_title_id on public.list_items (title_id);
create index list_items_created_at_idx on public.list_items (created_at);
create index list_items_list_id_position_idx on public.list_items (list_id, "position");

create table public.assistant_goals (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  title text not null,
  description text,
  status text not null default 'active',
  start_at timestamptz not null default now(),
  end_at timestamptz,
  meta jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  target_count integer not null default 0,
  progress_count integer not null default 0,
  last_event_at timestamptz
);
create index assistant_goals_user_status_idx on public.assistant_goals (user_id, status, created_at desc);
create index assistant_goals_user_updated_idx on public.assistant_goals (user_id, updated_at desc);

create table public.assistant_goal_events (
  id uuid primary key default gen_random_uuid(),
  goal_id uuid not null references public.assistant_goals (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  title_id uuid not null,
  event_type text not null,
  created_at timestamptz not null default now(),
  constraint assistant_goal_events_goal_id_title_id_event_type_key unique (goal_id, title_id, event_type)
);
create index assistant_goal_events_user_created_idx on public.assistant_goal_events (user_id, created_at desc);
create index idx_assistant_goal_events_user_id on public.assistant_goal_events (user_id);

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
  v_type := case
    when new.status = 'want_to_watch' then 'watchlist_added'
    when new.status = 'watched' then 'watched'
    when tg_op = 'UPDATE' and old.status = 'want_to_watch' and new.status = 'dropped' then 'watchlist_removed' end;
  if v_type is not null then
    insert into public.activity_events (created_at, user_id, event_type, title_id, media_item_id, payload)
    values (new.updated_at, new.user_id, v_type, new.title_id::text, new.title_id,
      jsonb_build_object('status', new.status)
        || case v_type when 'watched' then jsonb_build_object('completed_at', new.completed_at) else '{}' end);
  end if;
  return new;
end $$;

create function public.handle_library_entry_delete_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  -- An account's removal cascades here after its row is gone: as shipped it would fail for want of that row, and
  -- nobody who ever kept a watchlist could be removed.
  if old.status = 'want_to_watch' and exists (select 1 from auth.users u where u.id = old.user_id) then
    insert into public.activity_events (user_id, event_type, title_id, media_item_id, payload)
    values (old.user_id, 'watchlist_removed', old.title_id::text, old.title_id,
      jsonb_build_object('status', old.status));
  end if;
  return old;
end $$;

-- The target comes from the goal's own notes: a goal made without them has target 0 after the first title watched.
create function public.assistant_goal_refresh_state(p_goal_id uuid) returns void
  language plpgsql security definer set search_path = public
  as $$
begin
  update public.assistant_goals g set
    target_count = coalesce((g.meta ->> 'targetCount')::integer, (g.meta ->> 'target_count')::integer, 0),
    progress_count = (
      select count(*) from public.assistant_goal_events e where e.goal_id = g.id and e.event_type = 'watched'
    ),
    updated_at = now()
  where g.id = p_goal_id;
end $$;

-- A title counts once for each goal that is running, and only when it is on the goal's list where the goal names one.
create function public.assistant_goal_track_watch() returns trigger
  language plpgsql security definer set search_path = public
  as $$
declare
  v_goal record;
  v_list text;
begin
  if new.status <> 'watched' or (tg_op = 'UPDATE' and old.status = 'watched') then
    return new;
  end if;
  for v_goal in
    select g.id, g.meta from public.assistant_goals g
    where g.user_id = new.user_id and g.status = 'active' and new.updated_at >= g.start_at
      and (g.end_at is null or new.updated_at <= g.end_at)
  loop
    v_list := v_goal.meta ->> 'listId';
    -- What is no identifier is taken for none.
    if v_list ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' and not exists (
      select 1 from public.list_items i where i.list_id = v_list::uuid and i.title_id = new.title_id
    ) then
      continue;
    end if;
    insert into public.assistant_goal_events (goal_id, user_id, title_id, event_type)
    values (v_goal.id, new.user_id, new.title_id, 'watched')
    on conflict (goal_id, title_id, event_type) do nothing;
    perform public.assistant_goal_refresh_state(v_goal.id);
  end loop;
  return new;
end $$;

create function public.handle_rating_insert_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.activity_events (created_at, user_id, event_type, title_id, media_item_id, payload)
  values (new.created_at, new.user_id, 'rating_created', new.title_id::text, new.title_id,
    jsonb_build_object('rating', new.rating));
  return new;
end $$;

create function public.handle_review_insert_activity() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.activity_events (created_at, user_id, event_type, title_id, media_item_id, payload)
  values (new.created_at, new.user_id, 'review_created', new.title_id::text, new.title_id,
    jsonb_build_object('rating', new.rating, 'headline', new.headline, 'review_snippet', left(new.body, 240)));
  return new;
end $$;

create trigger library_entries_activity_write after insert or update on public.library_entries
  for each row execute function public.handle_library_entry_activity();
create trigger library_entries_activity_delete after delete on public.library_entries
  for each row execute function public.handle_library_entry_delete_activity();
create trigger trg_assistant_goal_track_watch after insert or update of status on public.library_entries
  for each row execute function public.assistant_goal_track_watch();
create trigger set_library_entries_updated_at before update on public.library_entries
  for each row execute function public.set_updated_at();
create trigger ratings_activity_insert after insert on public.ratings
  for each row execute function public.handle_rating_insert_activity();
create trigger set_ratings_updated_at before update on public.ratings
  for each row execute function public.set_updated_at();
create trigger reviews_activity_insert after insert on public.reviews
  for each row execute function public.handle_review_insert_activity();
create trigger set_reviews_updated_at before update on public.reviews
  for each row execute function public.set_updated_at();
create trigger set_comments_updated_at before update on public.comments
  for each row execute function public.set_updated_at();
create trigger set_lists_updated_at before update on public.lists
  for each row execute function public.set_updated_at();
create trigger set_list_items_updated_at before update on public.list_items
  for each row execute function public.set_updated_at();
