-- People: profiles, preferences, counters, who follows and who blocks whom. Contract 1.4 and 8.1.

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  username text,
  display_name text,
  email text,
  avatar_url text,
  bio text,
  last_seen_at timestamptz,
  constraint profiles_username_key unique (username),
  constraint profiles_username_format_chk check (username is null or username ~ '^[a-z0-9_]{3,30}$')
);
create unique index profiles_username_lower_uq on public.profiles (lower(username));
create index profiles_username_trgm_idx on public.profiles using gin (username extensions.gin_trgm_ops);
create index profiles_display_name_trgm_idx on public.profiles using gin (display_name extensions.gin_trgm_ops);
create index profiles_created_at_idx on public.profiles (created_at desc);
-- Every presence write moves this key, so none of them is a heap-only update.
create index profiles_last_seen_at_idx on public.profiles (last_seen_at desc);

create table public.profile_deletions (
  id uuid primary key default gen_random_uuid(),
  profile_id uuid not null,
  username text,
  deleted_at timestamptz not null default now()
);

create table public.user_verifications (
  user_id uuid primary key references public.profiles (id) on delete cascade,
  is_verified boolean not null default true,
  verified_type text,
  verified_label text,
  verified_at timestamptz not null default now(),
  verified_by_org text
);

create table public.user_preferences (
  user_id uuid primary key references auth.users (id) on delete cascade,
  assistant jsonb not null default '{}',
  notifications jsonb not null default '{}',
  recsys jsonb not null default '{}',
  swipe jsonb not null default '{}',
  settings jsonb not null default '{}',
  updated_at timestamptz not null default now()
);

create table public.user_stats (
  user_id uuid primary key references auth.users (id) on delete cascade,
  followers_count integer default 0,
  following_count integer default 0,
  ratings_count integer default 0,
  reviews_count integer default 0,
  watchlist_count integer default 0,
  comments_count integer default 0,
  lists_count integer default 0,
  messages_sent_count integer default 0,
  last_active_at timestamptz
);

create table public.blocked_users (
  blocker_id uuid not null references auth.users (id) on delete cascade,
  blocked_id uuid not null references auth.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (blocker_id, blocked_id),
  constraint blocked_users_not_self check (blocker_id <> blocked_id)
);

create table public.follows (
  follower_id uuid not null references auth.users (id) on delete cascade,
  followed_id uuid not null references auth.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (follower_id, followed_id)
);
create index follows_followed_id_idx on public.follows (followed_id);

create function public.profile_delete_audit() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.profile_deletions (profile_id, username) values (old.id, old.username);
  return old;
end $$;

create trigger profiles_set_updated_at before update on public.profiles
  for each row execute function public.set_updated_at();
create trigger profiles_delete_audit before delete on public.profiles
  for each row execute function public.profile_delete_audit();
-- As shipped: the table has no updated_at, so every UPDATE fails with 42703.
create trigger user_stats_set_updated_at before update on public.user_stats
  for each row execute function public.set_updated_at();

-- One new account: profile, preferences, counters. A local part outside [a-z0-9_]{1,21} breaks
-- profiles_username_format_chk and with it the whole sign-up.
create function public.handle_new_user() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_local text := split_part(new.email, '@', 1);
  v_meta jsonb := coalesce(new.raw_user_meta_data, '{}');
begin
  insert into public.profiles (id, username, display_name, email, created_at, updated_at)
  values (
    new.id,
    v_local || '_' || left(new.id::text, 8),
    coalesce(nullif(trim(v_meta ->> 'display_name'), ''), nullif(trim(v_meta ->> 'username'), ''), v_local),
    new.email,
    coalesce(new.created_at, now()),
    coalesce(new.created_at, now())
  );
  insert into public.user_preferences (user_id, settings, updated_at)
  values (new.id, '{"privacy_profile": "public"}', coalesce(new.created_at, now()));
  insert into public.user_stats (user_id) values (new.id);
  return new;
end $$;

create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user();

-- Runs with the rights of whoever reads it: with the self-only policy on profiles, others are invisible (T20).
create view public.profiles_public with (security_invoker = true) as
  select
    p.id, p.username, p.display_name, p.avatar_url, p.bio, p.created_at, p.updated_at, p.last_seen_at,
    coalesce(v.is_verified, false) as is_verified, v.verified_type, v.verified_label, v.verified_at, v.verified_by_org
  from public.profiles p
  left join public.user_verifications v on v.user_id = p.id;

create function public.can_view_profile(p_profile_id uuid) returns boolean
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select p_profile_id = auth.uid() or exists (
      select 1 from public.user_preferences u
      where u.user_id = p_profile_id
        and (
          coalesce(u.settings ->> 'privacy_profile', 'public') = 'public'
          or (u.settings ->> 'privacy_profile' = 'followers_only' and exists (
            select 1 from public.follows f where f.follower_id = auth.uid() and f.followed_id = p_profile_id
          ))
        )
    )
  $$;
