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
create unique index profiles_username_lower_uq on public.profiles (lower(username)) where username is not null;
create index profiles_username_trgm_idx on public.profiles using gin (username extensions.gin_trgm_ops);
create index profiles_display_name_trgm_idx on public.profiles using gin (display_name extensions.gin_trgm_ops);
create index profiles_created_at_idx on public.profiles (created_at desc);
-- Every presence write moves this key, so none of them is a heap-only update.
create index profiles_last_seen_at_idx on public.profiles (last_seen_at desc);

-- Who may use the admin pages. Nobody may read it through the API; `is_app_admin` looks.
create table public.app_admins (
  user_id uuid primary key,
  role text not null default 'admin',
  created_at timestamptz not null default now()
);

create table public.admin_audit_log (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  admin_user_id uuid,
  action text not null,
  target text not null,
  details jsonb not null default '{}'
);
create index admin_audit_log_created_at_idx on public.admin_audit_log (created_at desc);

create table public.profile_verifications (
  user_id uuid primary key references public.profiles (id) on delete cascade,
  status public.verification_status not null default 'none',
  badge_type public.verification_badge_type not null default 'identity',
  verified_at timestamptz,
  verified_by uuid references public.profiles (id),
  verifier_org text,
  public_label text,
  details jsonb,
  updated_at timestamptz not null default now()
);
create index idx_profile_verifications_approved on public.profile_verifications (user_id) where status = 'approved';
create index ix_profile_verifications_verified_by on public.profile_verifications (verified_by);

create table public.verification_requests (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.profiles (id) on delete cascade,
  status public.verification_request_status not null default 'pending',
  badge_type public.verification_badge_type,
  evidence jsonb,
  notes text,
  reviewer_note text,
  reviewer_reason text,
  submitted_at timestamptz not null default now(),
  reviewed_at timestamptz,
  reviewed_by uuid references public.profiles (id),
  updated_at timestamptz not null default now()
);
create index ix_verification_requests_user_id on public.verification_requests (user_id);
create index ix_verification_requests_status on public.verification_requests (status);
create index ix_verification_requests_status_reviewed_at
  on public.verification_requests (status, reviewed_at desc);
create index ix_verification_requests_reviewed_by on public.verification_requests (reviewed_by);

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

create function public.is_app_admin() returns boolean
  language sql stable set search_path = public
  as $$ select exists (select 1 from public.app_admins where user_id = auth.uid()) $$;

create function public.trg_audit_profiles_delete_func() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.admin_audit_log (admin_user_id, action, target, details)
  values (auth.uid(), 'DELETE_PROFILE', old.id::text, jsonb_build_object('username', old.username, 'email', old.email));
  return old;
end $$;

create trigger set_profiles_updated_at before update on public.profiles
  for each row execute function public.set_updated_at();
create trigger trg_audit_profiles_delete before delete on public.profiles
  for each row execute function public.trg_audit_profiles_delete_func();
-- As shipped: the table has no updated_at, so every UPDATE fails with 42703.
create trigger trg_user_stats_updated_at before update on public.user_stats
  for each row execute function public.set_updated_at();

-- One new account: profile, preferences, counters. Both names come from the address; what the sign-up said of itself
-- stays in the account. A local part outside [a-z0-9_]{1,21} breaks profiles_username_format_chk and with it the whole
-- sign-up.
create function public.handle_new_user() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  v_local text := coalesce(nullif(split_part(new.email, '@', 1), ''), 'user');
  -- As old as the account, so that a seeded one is.
  v_at timestamptz := coalesce(new.created_at, now());
begin
  insert into public.profiles (id, username, display_name, email, created_at, updated_at)
  values (new.id, v_local || '_' || left(new.id::text, 8), v_local, new.email, v_at, v_at)
  on conflict (id) do update set email = excluded.email, updated_at = now();
  insert into public.user_preferences (user_id, settings, updated_at)
  values (new.id, '{"privacy_profile": "public"}', v_at)
  on conflict (user_id) do nothing;
  insert into public.user_stats (user_id) values (new.id) on conflict (user_id) do nothing;
  return new;
end $$;

create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user();

create function public.handle_auth_user_updated() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  -- Comparing with `<>`: a new address where there was one, or the first one; never a removal.
  if old.email <> new.email or (old.email is null and new.email is not null) then
    update public.profiles set email = new.email, updated_at = now() where id = new.id;
  end if;
  return new;
end $$;

create trigger trg_auth_user_updated after update of email on auth.users
  for each row execute function public.handle_auth_user_updated();

-- Runs with the rights of whoever reads it: with the self-only policy on profiles, others are invisible (T20).
create view public.profiles_public with (security_invoker = true) as
  select
    p.id, p.username, p.display_name, p.avatar_url, null::text as avatar_path, p.bio, p.last_seen_at, p.created_at,
    p.updated_at, coalesce(v.status = 'approved', false) as is_verified, v.badge_type as verified_type,
    v.public_label as verified_label, v.verified_at, v.verifier_org as verified_by_org
  from public.profiles p
  left join public.profile_verifications v on v.user_id = p.id and v.status = 'approved';

-- Whether the caller may see that person's counters. No preferences, or none about privacy: public.
create function public.can_view_profile(target_user_id uuid) returns boolean
  language plpgsql stable security definer set search_path = public set row_security = off
  as $$
declare
  -- A word that is no privacy level ends in 22P02.
  v_privacy public.privacy_level := (
    select u.settings ->> 'privacy_profile' from public.user_preferences u where u.user_id = target_user_id
  );
begin
  if auth.uid() = target_user_id or coalesce(v_privacy, 'public') = 'public' then
    return true;
  end if;
  return v_privacy = 'followers_only' and exists (
    select 1 from public.follows f where f.follower_id = auth.uid() and f.followed_id = target_user_id
  );
end $$;
