alter table public.media_events disable row level security;
