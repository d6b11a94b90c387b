-- The 25th column of a search result (contract 6.2), derived here from the raw reply that the sync stored.

alter table public.media_items
  add column tmdb_genres jsonb generated always as (tmdb_raw -> 'genres') stored;
