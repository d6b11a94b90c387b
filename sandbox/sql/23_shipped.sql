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
  add column if not exists target_count integer not null default 0,
  add column if not exists progress_count integer not null default 0;
alter table public.assistant_message_action_log
  add column if not exists action_key text,
  add column if not exists request_id text,
  add column if not exists started_at timestamptz,
  add column if not exists finished_at timestamptz,
  add column if not exists undo_tool text,
  add column if not exists undo_args jsonb;
