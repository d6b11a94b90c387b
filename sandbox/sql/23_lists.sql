-- Lists of titles, what is trending as a view, and columns of titles that the shipped client reads (contract 2.6, 4, 6.7).

alter table public.media_items
  add column if not exists tmdb_tagline text,
  add column if not exists tmdb_genres jsonb,
  add column if not exists omdb_fetched_at timestamptz,
  add column if not exists omdb_status text,
  add column if not exists omdb_error text;
create unique index if not exists media_items_kind_tmdb_id_uq on public.media_items (kind, tmdb_id);

create table public.lists (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  name text not null,
  description text,
  is_public boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index lists_user_id_created_at_idx on public.lists (user_id, created_at);
create index lists_user_updated_idx on public.lists (user_id, updated_at desc);
create trigger set_lists_updated_at before update on public.lists
  for each row execute function public.set_updated_at();

create table public.list_items (
  id uuid primary key default gen_random_uuid(),
  list_id uuid not null references public.lists (id) on delete cascade,
  title_id uuid not null references public.media_items (id) on delete cascade,
  content_type public.content_type not null,
  "position" integer not null default 0,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index list_items_list_id_position_idx on public.list_items (list_id, "position");
create index idx_list_items_title_id on public.list_items (title_id);
create trigger set_list_items_updated_at before update on public.list_items
  for each row execute function public.set_updated_at();

alter table public.lists enable row level security;
alter table public.list_items enable row level security;
create policy "Users can view accessible lists" on public.lists for select to authenticated
  using (user_id = (select auth.uid()) or is_public);
create policy "Users can view items in accessible lists" on public.list_items for select to authenticated
  using (exists (select 1 from public.lists
    where lists.id = list_items.list_id and (lists.user_id = (select auth.uid()) or lists.is_public)));

-- As far as the client reads it: the sandbox keeps the scores themselves, not the daily counts that they are made of.
create view public.media_item_trending_72h as
  select media_item_id, score_72h as trend_score, computed_at as updated_at from public.media_trending_scores;

grant all on public.lists, public.list_items, public.media_item_trending_72h to anon, authenticated, service_role;
