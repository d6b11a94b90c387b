-- Titles and what the recommender knows about them. Columns: contract 2.2, 4, 6.2, 8.1.

create table public.media_items (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  kind public.media_kind not null default 'movie',
  tmdb_id integer,
  tmdb_media_type text,
  tmdb_title text,
  tmdb_name text,
  tmdb_original_title text,
  tmdb_original_name text,
  tmdb_overview text,
  tmdb_original_language text,
  tmdb_origin_country text[],
  tmdb_release_date date,
  tmdb_first_air_date date,
  tmdb_runtime integer,
  tmdb_genre_ids integer[],
  tmdb_poster_path text,
  tmdb_backdrop_path text,
  tmdb_popularity double precision,
  tmdb_vote_average numeric(4, 2),
  tmdb_vote_count integer,
  tmdb_adult boolean,
  tmdb_belongs_to_collection jsonb,
  tmdb_raw jsonb,
  omdb_imdb_id text,
  omdb_type text,
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
  omdb_imdb_rating numeric(3, 1),
  omdb_imdb_votes text,
  omdb_box_office text,
  omdb_rating_rotten_tomatoes text,
  completeness numeric(4, 3),
  deleted_at timestamptz,
  search_vector tsvector generated always as (
    setweight(to_tsvector('english', coalesce(tmdb_title, tmdb_name, omdb_title, '')), 'A')
    || setweight(to_tsvector('english', coalesce(tmdb_original_title, tmdb_original_name, '')), 'B')
    || setweight(to_tsvector('english', coalesce(tmdb_overview, omdb_plot, '')), 'C')
    || setweight(to_tsvector('english', coalesce(omdb_actors, '') || ' ' || coalesce(omdb_director, '')), 'D')
  ) stored
);
create unique index media_items_tmdb_uq on public.media_items (tmdb_media_type, tmdb_id) where tmdb_id is not null;
create unique index media_items_imdb_uq on public.media_items (omdb_imdb_id) where omdb_imdb_id is not null;
create index media_items_search_idx on public.media_items using gin (search_vector);
create index media_items_popularity_idx on public.media_items (tmdb_popularity desc nulls last, id);
create index media_items_kind_popularity_idx on public.media_items (kind, tmdb_popularity desc nulls last);
create index media_items_genres_idx on public.media_items using gin (tmdb_genre_ids);
create index media_items_title_trgm_idx on public.media_items using gin (tmdb_title extensions.gin_trgm_ops);
create index media_items_name_trgm_idx on public.media_items using gin (tmdb_name extensions.gin_trgm_ops);
create index media_items_updated_at_idx on public.media_items (updated_at desc);
create trigger media_items_set_updated_at before update on public.media_items
  for each row execute function public.set_updated_at();

create table public.media_trending_scores (
  media_item_id uuid primary key references public.media_items (id) on delete cascade,
  score_72h double precision not null,
  computed_at timestamptz not null default now()
);

create table public.media_embeddings (
  media_item_id uuid not null references public.media_items (id) on delete cascade,
  embedding extensions.halfvec(1024),
  provider text not null default 'jina',
  model text not null default 'jina-embeddings-v3',
  dimensions integer not null default 1024,
  task text not null default 'retrieval.passage',
  updated_at timestamptz not null default now(),
  primary key (media_item_id, provider, model, task)
);
-- In the row itself: out of line, every distance would fetch and assemble its vector first, which takes eight times as
-- long as the distance. The vectors of people are kept likewise.
alter table public.media_embeddings alter column embedding set storage plain;
create index media_embeddings_hnsw_idx on public.media_embeddings
  using hnsw (embedding extensions.halfvec_cosine_ops) with (m = 16, ef_construction = 64);

create table public.media_session_vectors (
  user_id uuid not null,
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
  user_id uuid not null,
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
  user_id uuid not null,
  centroid smallint not null,
  exemplar_media_item_id uuid not null,
  taste extensions.halfvec(1024),
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
create trigger media_rerank_cache_set_updated_at before update on public.media_rerank_cache
  for each row execute function public.set_updated_at();

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
create trigger embedding_settings_set_updated_at before update on public.embedding_settings
  for each row execute function public.set_updated_at();
insert into public.embedding_settings (id) values (1);

create function public.get_embedding_settings_v1() returns jsonb
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select jsonb_build_object(
      'active_provider', active_provider, 'active_model', active_model, 'active_dimensions', active_dimensions,
      'active_task', active_task, 'rerank_swipe_enabled', rerank_swipe_enabled,
      'rerank_search_enabled', rerank_search_enabled, 'rerank_top_k', rerank_top_k
    )
    from public.embedding_settings where id = 1
  $$;

create function public.get_embedding_search_settings_v1() returns jsonb
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select jsonb_build_object('rerank_search_enabled', rerank_search_enabled, 'rerank_top_k', rerank_top_k)
    from public.embedding_settings where id = 1
  $$;
