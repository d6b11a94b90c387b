-- Titles and what the recommender knows about them. Columns in the order and of the types of the shipped dump.

create table public.media_items (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  kind public.media_kind not null default 'other',
  omdb_raw jsonb,
  tmdb_raw jsonb,
  omdb_title text,
  omdb_year text,
  omdb_rated text,
  omdb_released text,
  omdb_runtime text,
  omdb_genre text,
  omdb_director text,
  omdb_writer text,
  omdb_actors text,
  omdb_plot text,
  omdb_language text,
  omdb_country text,
  omdb_awards text,
  omdb_poster text,
  omdb_metascore text,
  omdb_imdb_rating numeric,
  omdb_imdb_votes text,
  omdb_imdb_id text,
  omdb_type text,
  omdb_dvd text,
  omdb_box_office text,
  omdb_production text,
  omdb_website text,
  omdb_total_seasons integer,
  omdb_response boolean,
  omdb_rating_internet_movie_database text,
  omdb_rating_rotten_tomatoes text,
  omdb_rating_metacritic text,
  tmdb_id bigint,
  tmdb_adult boolean,
  tmdb_backdrop_path text,
  tmdb_genre_ids integer[],
  tmdb_original_language text,
  tmdb_original_title text,
  tmdb_overview text,
  tmdb_popularity numeric,
  tmdb_poster_path text,
  tmdb_release_date date,
  tmdb_title text,
  tmdb_video boolean,
  tmdb_vote_average numeric,
  tmdb_vote_count integer,
  tmdb_name text,
  tmdb_original_name text,
  tmdb_first_air_date date,
  tmdb_media_type text,
  tmdb_origin_country text[],
  tmdb_fetched_at timestamptz,
  tmdb_status text,
  tmdb_error text,
  omdb_fetched_at timestamptz,
  omdb_status text,
  omdb_error text,
  filled_count integer,
  missing_count integer,
  completeness numeric,
  omdb_ratings jsonb,
  tmdb_budget bigint,
  tmdb_revenue bigint,
  tmdb_runtime integer,
  tmdb_tagline text,
  tmdb_homepage text,
  tmdb_imdb_id text,
  tmdb_genres jsonb,
  tmdb_spoken_languages jsonb,
  tmdb_production_companies jsonb,
  tmdb_production_countries jsonb,
  tmdb_belongs_to_collection jsonb,
  tmdb_source text,
  tmdb_release_status text,
  tmdb_origin_country_raw jsonb,
  search_vector tsvector,
  -- A title is known to somebody: to TMDb, to OMDb, or it is of no kind yet.
  constraint media_items_external_id_required_chk
    check (kind = 'other' or tmdb_id is not null or coalesce(omdb_imdb_id, '') <> ''),
  constraint media_items_imdb_id_format_chk check (omdb_imdb_id ~ '^tt[0-9]{7,10}$'),
  constraint media_items_omdb_imdb_id_not_empty_chk check (omdb_imdb_id <> ''),
  constraint media_items_tmdb_id_positive_chk check (tmdb_id > 0)
);
-- Not partial: the app's search upserts `on conflict (kind, tmdb_id)`, which a partial index would not serve.
create unique index media_items_kind_tmdb_id_uq on public.media_items (kind, tmdb_id);
create unique index media_items_imdb_id_uniq on public.media_items (omdb_imdb_id) where omdb_imdb_id is not null;
create index media_items_search_vector_idx on public.media_items using gin (search_vector);
create index media_items_popularity_idx on public.media_items (tmdb_popularity desc nulls last, id);
create index media_items_kind_popularity_idx on public.media_items (kind, tmdb_popularity desc nulls last);
create index media_items_genres_idx on public.media_items using gin (tmdb_genre_ids);
create index media_items_tmdb_title_trgm on public.media_items using gin (tmdb_title extensions.gin_trgm_ops);
create index media_items_tmdb_name_trgm on public.media_items using gin (tmdb_name extensions.gin_trgm_ops);
create index media_items_tmdb_id_idx on public.media_items (tmdb_id);
create index media_items_updated_at_idx on public.media_items (updated_at desc);

create table public.genres (
  id bigserial primary key,
  name text not null,
  slug text not null,
  constraint genres_name_key unique (name),
  constraint genres_slug_key unique (slug)
);

create table public.media_genres (
  media_item_id uuid not null references public.media_items (id) on delete cascade,
  genre_id bigint not null references public.genres (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (media_item_id, genre_id)
);
create index idx_media_genres_genre_id on public.media_genres (genre_id);
create index idx_media_genres_media_item_id on public.media_genres (media_item_id);

-- A title without a kind gets one as soon as somebody knows it: TMDb's word before OMDb's.
create function public.media_items_promote_kind() returns trigger
  language plpgsql security definer set search_path = public
  as $$
begin
  new.kind := coalesce(new.kind, 'other');
  if new.kind = 'other' and (new.tmdb_id is not null or coalesce(new.omdb_imdb_id, '') <> '') then
    new.kind := case
      when new.tmdb_media_type = 'tv' then 'series'
      when new.tmdb_media_type = 'movie' then 'movie'
      when new.omdb_type in ('series', 'movie') then new.omdb_type
      else 'other' end::public.media_kind;
  end if;
  return new;
end $$;

-- What search finds: titles weigh most, then original titles, the tagline, and the two plots.
create function public.trg_media_items_fts_sync() returns trigger
  language plpgsql security definer set search_path = public, pg_catalog
  as $$
begin
  -- The titles are indexed apart from each other, so that no phrase spans two of them.
  new.search_vector :=
    setweight(to_tsvector('english', coalesce(new.tmdb_title, '')), 'A')
    || setweight(to_tsvector('english', coalesce(new.tmdb_name, '')), 'A')
    || setweight(to_tsvector('english', coalesce(new.omdb_title, '')), 'A')
    || setweight(to_tsvector('english', coalesce(new.tmdb_original_title, '')), 'B')
    || setweight(to_tsvector('english', coalesce(new.tmdb_original_name, '')), 'B')
    || setweight(to_tsvector('english', coalesce(new.tmdb_tagline, '')), 'C')
    || setweight(to_tsvector('english', coalesce(new.tmdb_overview, '')), 'D')
    || setweight(to_tsvector('english', coalesce(new.omdb_plot, '')), 'D');
  return new;
end $$;

-- A title's genres by TMDb's numbers, and by OMDb's names.
create function public.sync_title_genres_for_media_item(p_title_id uuid) returns void
  language plpgsql security definer set search_path = public
  as $$
begin
  delete from public.media_genres where media_item_id = p_title_id;
  insert into public.media_genres (media_item_id, genre_id)
  select m.id, g.id
  from public.media_items m
  join public.genres g on g.id = any (m.tmdb_genre_ids)
    or lower(g.name) in (select lower(btrim(part)) from unnest(string_to_array(m.omdb_genre, ',')) part)
  where m.id = p_title_id
  on conflict do nothing;
end $$;

create function public._trg_sync_title_genres() returns trigger
  language plpgsql security definer set search_path = public
  as $$
begin
  perform public.sync_title_genres_for_media_item(new.id);
  return new;
end $$;

create function public.trg_audit_media_items_delete_func() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  insert into public.admin_audit_log (admin_user_id, action, target, details)
  values (auth.uid(), 'DELETE_MEDIA_ITEM', 'MEDIA_ITEM:' || old.id,
    jsonb_build_object('title', coalesce(old.tmdb_title, old.omdb_title), 'imdb_id', old.omdb_imdb_id));
  return old;
end $$;

create trigger trg_audit_media_items_delete before delete on public.media_items
  for each row execute function public.trg_audit_media_items_delete_func();
create trigger trg_media_items_fts before insert or update of tmdb_title, tmdb_name, omdb_title, tmdb_original_title,
    tmdb_original_name, tmdb_tagline, tmdb_overview, omdb_plot on public.media_items
  for each row execute function public.trg_media_items_fts_sync();
create trigger trg_media_items_promote_kind
  before insert or update of tmdb_media_type, omdb_type, kind, tmdb_id, omdb_imdb_id on public.media_items
  for each row execute function public.media_items_promote_kind();
create trigger trg_media_items_set_updated_at before update on public.media_items
  for each row execute function public.set_updated_at();
create trigger trg_sync_title_genres after insert or update of tmdb_genre_ids, omdb_genre on public.media_items
  for each row execute function public._trg_sync_title_genres();

-- What each title's days were like. Its writer hangs on no trigger as shipped; a job would fill it.
create table public.media_item_daily (
  day date not null,
  media_item_id uuid not null references public.media_items (id) on delete cascade,
  impressions integer not null default 0,
  dwell_events integer not null default 0,
  dwell_ms_sum bigint not null default 0,
  likes integer not null default 0,
  dislikes integer not null default 0,
  skips integer not null default 0,
  watchlist_events integer not null default 0,
  rating_events integer not null default 0,
  unique_users integer not null default 0,
  updated_at timestamptz not null default now(),
  primary key (day, media_item_id)
);
create index media_item_daily_day_idx on public.media_item_daily (day desc);
create index media_item_daily_item_day_idx on public.media_item_daily (media_item_id, day desc);

create table public.media_item_daily_users (
  day date not null,
  media_item_id uuid not null references public.media_items (id) on delete cascade,
  user_id uuid not null,
  primary key (day, media_item_id, user_id)
);
create index media_item_daily_users_item_day_idx on public.media_item_daily_users (media_item_id, day desc);

-- The rights of whoever reads it: nobody but the service may read the days beneath, so the app's own read of this view
-- is refused with 42501, as shipped.
create view public.media_item_trending_72h with (security_invoker = true) as
  with days as (
    select media_item_id, sum(likes) as likes, sum(skips) as skips, sum(dislikes) as dislikes,
      sum(impressions) as impressions, sum(dwell_events) as dwell_events, sum(dwell_ms_sum) as dwell_ms_sum,
      sum(unique_users) as unique_users, max(updated_at) as updated_at
    from public.media_item_daily
    where day >= (now() at time zone 'utc')::date - 3
    group by media_item_id
  )
  select days.*,
    20.0::double precision * ln((1 + unique_users)::double precision) + (3.0 * likes + 0.5 * dwell_events
      + 0.3 * dwell_ms_sum / 60000.0 - 2.0 * dislikes - skips + 0.02 * impressions)::double precision as trend_score
  from days;

create table public.media_trending_scores (
  media_item_id uuid primary key references public.media_items (id) on delete cascade,
  score_72h double precision not null,
  computed_at timestamptz not null default now()
);

create table public.media_embeddings (
  media_item_id uuid not null,
  embedding extensions.halfvec(1024),
  provider text not null default 'jina',
  model text not null default 'jina-embeddings-v3',
  dimensions integer not null default 1024,
  task text not null default 'retrieval.passage',
  updated_at timestamptz not null default now(),
  constraint media_embeddings_optimized_pkey primary key (media_item_id, provider, model, task)
);
-- In the row itself: out of line, every distance would fetch and assemble its vector first, which takes eight times as
-- long as the distance. The vectors of people are kept likewise.
alter table public.media_embeddings alter column embedding set storage plain;
create index media_embeddings_hnsw_idx on public.media_embeddings
  using hnsw (embedding extensions.halfvec_cosine_ops) with (m = 16, ef_construction = 64);

create table public.media_session_vectors (
  user_id uuid not null references auth.users (id) on delete cascade,
  session_id uuid not null,
  taste extensions.halfvec(1024),
  updated_at timestamptz not null default now(),
  provider text not null default 'jina',
  model text not null default 'jina-embeddings-v3',
  dimensions integer not null default 1024,
  task text not null default 'retrieval.passage',
  primary key (user_id, session_id, provider, model, dimensions, task)
);
alter table public.media_session_vectors alter column taste set storage plain;

create table public.media_user_vectors (
  user_id uuid not null references auth.users (id) on delete cascade,
  taste extensions.halfvec(1024),
  updated_at timestamptz not null default now(),
  provider text not null default 'jina',
  model text not null default 'jina-embeddings-v3',
  dimensions integer not null default 1024,
  task text not null default 'retrieval.passage',
  primary key (user_id, provider, model, dimensions, task)
);
alter table public.media_user_vectors alter column taste set storage plain;

create table public.media_user_centroids (
  user_id uuid not null constraint muc_user_fkey references auth.users (id) on delete cascade,
  centroid smallint not null,
  exemplar_media_item_id uuid not null constraint muc_item_fkey references public.media_items (id),
  taste extensions.halfvec,
  updated_at timestamptz not null default now(),
  provider text not null default 'jina',
  model text not null default 'jina-embeddings-v3',
  dimensions integer not null default 1024,
  task text not null default 'retrieval.passage',
  primary key (user_id, centroid, provider, model, dimensions, task)
);
alter table public.media_user_centroids alter column taste set storage plain;

create table public.media_rerank_cache (
  key text primary key,
  user_id uuid not null,
  order_ids jsonb not null default '[]',
  meta jsonb not null default '{}',
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create function public.set_media_rerank_cache_updated_at() returns trigger
  language plpgsql security definer set search_path = public
  as $$
begin
  new.updated_at := now();
  return new;
end $$;
create trigger set_media_rerank_cache_updated_at before update on public.media_rerank_cache
  for each row execute function public.set_media_rerank_cache_updated_at();

create table public.embedding_settings (
  id integer primary key check (id = 1),
  active_provider text not null default 'voyage',
  active_model text not null default 'voyage-3-large',
  active_dimensions integer not null default 1024,
  active_task text not null default 'swipe',
  updated_at timestamptz not null default now(),
  rerank_swipe_enabled boolean not null default false,
  rerank_search_enabled boolean not null default false,
  rerank_top_k integer not null default 50
);
create trigger trg_embedding_settings_touch before update on public.embedding_settings
  for each row execute function public._touch_updated_at();
insert into public.embedding_settings (id) values (1);

create function public.get_embedding_settings_v1() returns jsonb
  language sql volatile security definer set search_path = public, pg_temp
  as $$
    select jsonb_build_object(
      'active_provider', active_provider, 'active_model', active_model, 'active_dimensions', active_dimensions,
      'active_task', active_task, 'rerank_swipe_enabled', rerank_swipe_enabled,
      'rerank_search_enabled', rerank_search_enabled, 'rerank_top_k', rerank_top_k
    )
    from public.embedding_settings where id = 1
  $$;

create function public.get_embedding_search_settings_v1() returns jsonb
  language sql volatile security definer set search_path = public, pg_temp
  as $$
    select jsonb_build_object('rerank_search_enabled', rerank_search_enabled, 'rerank_top_k', rerank_top_k)
    from public.embedding_settings where id = 1
  $$;
