-- Columns of the shipped schema that the functions read and write, where an older part of this schema lacks them.

alter table public.media_items
  alter column tmdb_genres drop expression if exists,
  alter column tmdb_id type bigint,
  add column if not exists omdb_raw jsonb,
  add column if not exists tmdb_video boolean,
  add column if not exists tmdb_fetched_at timestamptz,
  add column if not exists tmdb_status text,
  add column if not exists tmdb_error text,
  add column if not exists omdb_fetched_at timestamptz,
  add column if not exists omdb_status text,
  add column if not exists omdb_error text,
  add column if not exists tmdb_budget bigint,
  add column if not exists tmdb_revenue bigint,
  add column if not exists tmdb_tagline text,
  add column if not exists tmdb_homepage text,
  add column if not exists tmdb_spoken_languages jsonb,
  add column if not exists tmdb_production_companies jsonb,
  add column if not exists tmdb_production_countries jsonb,
  add column if not exists tmdb_belongs_to_collection jsonb;
create unique index if not exists media_items_kind_tmdb_id_uq on public.media_items (kind, tmdb_id);

alter table public.assistant_suggestions
  add column if not exists model text,
  add column if not exists usage jsonb;
alter table public.assistant_goals
  add column if not exists description text,
  add column if not exists start_at timestamptz not null default now(),
  add column if not exists last_event_at timestamptz,
  add column if not exists target_count integer not null default 0,
  add column if not exists progress_count integer not null default 0;
alter table public.assistant_message_action_log
  add column if not exists action_key text,
  add column if not exists request_id text,
  add column if not exists started_at timestamptz,
  add column if not exists finished_at timestamptz,
  add column if not exists undo_tool text,
  add column if not exists undo_args jsonb;

create table if not exists public.lists (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  name text not null,
  description text,
  is_public boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table if not exists public.list_items (
  id uuid primary key default gen_random_uuid(),
  list_id uuid not null references public.lists (id) on delete cascade,
  title_id uuid not null,
  content_type public.content_type not null,
  "position" integer not null default 0,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table if not exists public.ops_alerts (
  id bigint generated always as identity primary key,
  kind text not null,
  severity text not null default 'info',
  title text not null default '',
  detail text not null default '',
  source text not null default '',
  dedupe_key text not null unique,
  meta jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
do $$
declare
  v_table text;
begin
  foreach v_table in array array['lists', 'list_items', 'ops_alerts'] loop
    continue when exists (
      select 1 from pg_policies p where p.schemaname = 'public' and p.tablename = v_table
    );
    execute format('alter table public.%I enable row level security', v_table);
  end loop;
  if not exists (select 1 from pg_policies where schemaname = 'public' and tablename = 'lists') then
    create policy lists_own on public.lists for all to authenticated
      using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
  end if;
  if not exists (select 1 from pg_policies where schemaname = 'public' and tablename = 'list_items') then
    create policy list_items_own on public.list_items for all to authenticated
      using (exists (select 1 from public.lists l where l.id = list_id and l.user_id = (select auth.uid())))
      with check (exists (select 1 from public.lists l where l.id = list_id and l.user_id = (select auth.uid())));
  end if;
end $$;

-- People may add to the log of buttons but not change it, as shipped.
revoke update, delete on public.assistant_message_action_log from authenticated;
