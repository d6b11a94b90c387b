-- Home feed, diary, title summary, and the taste vectors that the event endpoint refreshes. Contract 3.5, 4, 6.7, 9.3.

create function public.get_home_feed_v2(
  p_user_id uuid, p_limit integer default 40, p_cursor_created_at timestamptz default null,
  p_cursor_id uuid default null
) returns table (
    id uuid, created_at timestamptz, user_id uuid, event_type public.activity_event_type, media_item_id uuid,
    related_user_id uuid, payload jsonb, actor_profile jsonb, media_item jsonb
  )
  language plpgsql stable security definer
  set search_path = public, pg_temp
  set row_security = off
  as $$
#variable_conflict use_column
declare
  v_rows integer := least(greatest(coalesce(p_limit, 40), 1), 200) + 1;
begin
  if auth.uid() is null or auth.uid() <> p_user_id then
    raise exception 'Not authorized';
  end if;
  return query
    with actors as (
      select p_user_id as id
      union
      select f.followed_id
      from public.follows f
      left join public.user_preferences u on u.user_id = f.followed_id
      where f.follower_id = p_user_id
        and coalesce(u.settings ->> 'privacy_profile', 'public') in ('public', 'followers_only')
    ),
    page as (
      -- Each actor's newest rows from their own index range, then the newest of all.
      select e.*
      from actors a
      cross join lateral (
        select x.* from public.activity_events x
        where x.user_id = a.id
          and (p_cursor_created_at is null
            or (x.created_at, x.id) < (p_cursor_created_at, coalesce(p_cursor_id, '00000000-0000-0000-0000-000000000000')))
        order by x.created_at desc, x.id desc
        limit v_rows
      ) e
      order by e.created_at desc, e.id desc
      limit v_rows
    )
    select
      e.id, e.created_at, e.user_id, e.event_type, e.media_item_id, e.related_user_id, e.payload,
      jsonb_build_object(
        'id', p.id, 'display_name', p.display_name, 'username', p.username, 'avatar_url', p.avatar_url,
        'is_verified', coalesce(v.is_verified, false), 'verified_type', v.verified_type,
        'verified_label', v.verified_label, 'verified_at', v.verified_at, 'verified_by_org', v.verified_by_org
      ),
      jsonb_build_object(
        'id', m.id, 'kind', m.kind, 'tmdb_id', m.tmdb_id, 'tmdb_title', m.tmdb_title, 'tmdb_name', m.tmdb_name,
        'tmdb_original_title', m.tmdb_original_title, 'tmdb_original_name', m.tmdb_original_name,
        'tmdb_poster_path', m.tmdb_poster_path, 'tmdb_backdrop_path', m.tmdb_backdrop_path,
        'tmdb_original_language', m.tmdb_original_language, 'tmdb_release_date', m.tmdb_release_date,
        'tmdb_first_air_date', m.tmdb_first_air_date, 'omdb_title', m.omdb_title, 'omdb_year', m.omdb_year,
        'omdb_poster', m.omdb_poster, 'omdb_rated', m.omdb_rated, 'omdb_imdb_rating', m.omdb_imdb_rating,
        'omdb_rating_rotten_tomatoes', m.omdb_rating_rotten_tomatoes, 'omdb_imdb_id', m.omdb_imdb_id
      )
    from page e
    left join public.profiles p on p.id = e.user_id
    left join public.user_verifications v on v.user_id = e.user_id
    left join public.media_items m on m.id = e.media_item_id
    order by e.created_at desc, e.id desc;
end $$;
grant execute on function public.get_home_feed_v2(uuid, integer, timestamptz, uuid) to authenticated, service_role;

-- The older feed: bare rows, cursor in the client's text form `<created_at>|<id>` or just `<created_at>`.
create function public.get_home_feed(p_user_id uuid, p_limit integer default 40, p_cursor text default null)
  returns setof public.activity_events
  language plpgsql stable security definer
  set search_path = public, pg_temp
  set row_security = off
  as $$
declare
  v_at timestamptz := nullif(split_part(coalesce(p_cursor, ''), '|', 1), '')::timestamptz;
  v_id uuid := nullif(split_part(coalesce(p_cursor, ''), '|', 2), '')::uuid;
begin
  if auth.uid() is null or auth.uid() <> p_user_id then
    raise exception 'Not authorized';
  end if;
  return query
    select e.* from public.activity_events e
    where (e.user_id = p_user_id or e.user_id in (
        select f.followed_id from public.follows f
        left join public.user_preferences u on u.user_id = f.followed_id
        where f.follower_id = p_user_id
          and coalesce(u.settings ->> 'privacy_profile', 'public') in ('public', 'followers_only')
      ))
      and (v_at is null
        or (e.created_at, e.id) < (v_at, coalesce(v_id, '00000000-0000-0000-0000-000000000000')))
    order by e.created_at desc, e.id desc
    limit least(greatest(coalesce(p_limit, 40), 1), 200);
end $$;

create function public.get_diary_stats(p_user_id uuid)
  returns table (
    total_rated bigint, total_watched bigint, average_rating numeric, rating_distribution jsonb, top_genres jsonb,
    watch_count_by_month jsonb
  )
  language plpgsql stable security definer set search_path = public, pg_temp
  as $$
begin
  if auth.uid() is distinct from p_user_id and not public.can_view_profile(p_user_id) then
    raise exception 'Not authorized';
  end if;
  return query
    with rated as (
      select r.rating from public.ratings r where r.user_id = p_user_id
    ),
    watched as (
      select l.title_id, coalesce(l.completed_at, l.updated_at) as at
      from public.library_entries l where l.user_id = p_user_id and l.status = 'watched'
    ),
    genres as (
      select trim(g) as genre, count(*) as n
      from watched join public.media_items m on m.id = watched.title_id
      cross join lateral unnest(string_to_array(m.omdb_genre, ',')) g
      group by 1 order by 2 desc, 1 limit 5
    ),
    months as (
      select to_char(date_trunc('month', w.at at time zone 'utc'), 'YYYY-MM') as month, count(*) as n
      from watched w group by 1 order by 1 desc limit 12
    )
    select
      (select count(*) from rated),
      (select count(*) from watched),
      (select round(avg(rating), 2) from rated),
      (select coalesce(jsonb_agg(jsonb_build_object('rating', d.rating, 'count', d.n) order by d.rating), '[]')
       from (select rating, count(*) as n from rated group by 1) d),
      (select coalesce(jsonb_agg(jsonb_build_object('genre', genre, 'count', n) order by n desc, genre), '[]')
       from genres),
      (select coalesce(jsonb_agg(jsonb_build_object('month', month, 'count', n) order by month), '[]') from months);
end $$;

create function public.get_title_rating_summary_v1(p_title_id uuid)
  returns table (
    title_id uuid, reviews_count integer, ratings_count integer, average_rating_0_10 numeric,
    average_rating_0_5 numeric, stars_5 integer, stars_4 integer, stars_3 integer, stars_2 integer, stars_1 integer
  )
  language sql stable security definer set search_path = public, pg_temp
  as $$
    -- A star is two points; half stars round up, and nothing is below one.
    with r as (
      select rating, greatest(ceil(rating / 2), 1)::integer as stars from public.ratings where title_id = p_title_id
    )
    select p_title_id,
      (select count(*)::integer from public.reviews v where v.title_id = p_title_id),
      count(*)::integer, round(avg(rating), 2), round(avg(rating) / 2, 2),
      count(*) filter (where stars = 5)::integer, count(*) filter (where stars = 4)::integer,
      count(*) filter (where stars = 3)::integer, count(*) filter (where stars = 2)::integer,
      count(*) filter (where stars = 1)::integer
    from r
  $$;

-- Blends a title's embedding into the person's and the session's taste. Value: whether anything was there to blend.
create function public.media_update_taste_vectors_v1(
  p_session_id uuid, p_media_item_id uuid, p_event_type public.media_event_type, p_dwell_ms integer default null,
  p_rating_0_10 numeric default null, p_in_watchlist boolean default null
) returns jsonb
  language plpgsql security definer set search_path = public, extensions, pg_temp
  as $$
declare
  v_user uuid := auth.uid();
  v_profile public.embedding_settings;
  v_vector extensions.vector(1024);
  v_weight double precision := case
    when p_event_type = 'like' or p_in_watchlist then 0.2
    when p_event_type in ('rating', 'rating_set') then (coalesce(p_rating_0_10, 5) - 5) / 25
    when p_event_type = 'dislike' then -0.15
    when p_event_type = 'dwell' and p_dwell_ms >= 12000 then 0.1
    else 0 end;
begin
  if v_user is null then
    raise exception 'Not authenticated';
  end if;
  select * into v_profile from public.embedding_settings where id = 1;
  select m.embedding::extensions.vector into v_vector from public.media_embeddings m
  where m.media_item_id = p_media_item_id and m.provider = v_profile.active_provider
    and m.model = v_profile.active_model and m.task = v_profile.active_task;
  if v_vector is null or v_weight = 0 then
    return jsonb_build_object('ok', true, 'updated', false);
  end if;
  insert into public.media_user_vectors as u (user_id, taste, provider, model, dimensions, task)
  values (v_user, (v_vector * array_fill(v_weight, array[1024])::extensions.vector)::extensions.halfvec,
    v_profile.active_provider, v_profile.active_model, v_profile.active_dimensions, v_profile.active_task)
  on conflict (user_id, provider, model, dimensions, task) do update
    set taste = l2_normalize(u.taste + excluded.taste), updated_at = now();
  insert into public.media_session_vectors as s (user_id, session_id, taste, provider, model, dimensions, task)
  values (v_user, p_session_id, (v_vector * array_fill(v_weight, array[1024])::extensions.vector)::extensions.halfvec,
    v_profile.active_provider, v_profile.active_model, v_profile.active_dimensions, v_profile.active_task)
  on conflict (user_id, session_id, provider, model, dimensions, task) do update
    set taste = l2_normalize(s.taste + excluded.taste), updated_at = now();
  return jsonb_build_object('ok', true, 'updated', true);
end $$;

-- The overload that the edge calls. It reads a table that the schema does not have: 42P01 every time, as shipped.
create function public.media_update_taste_vectors_v1(
  p_session_id uuid, p_media_item_id uuid, p_event_type text, p_dwell_ms integer default null,
  p_rating_0_10 numeric default null, p_is_strong_signal boolean default false
) returns jsonb
  language plpgsql security definer set search_path = public, extensions, pg_temp
  as $$
begin
  update public.media_swipe_sessions
  set strong_signals = strong_signals + p_is_strong_signal::integer, last_event_at = now()
  where session_id = p_session_id and user_id = auth.uid();
  return public.media_update_taste_vectors_v1(p_session_id, p_media_item_id, p_event_type::public.media_event_type,
    p_dwell_ms, p_rating_0_10, p_in_watchlist => p_is_strong_signal);
end $$;

-- Up to k (at most 5) centres of a person's taste: liked titles that lie far from each other.
create function public.media_refresh_user_centroids_v1(
  p_user_id uuid default auth.uid(), p_k integer default 3, p_max_items integer default 60
) returns void
  language plpgsql security definer set search_path = public, extensions, pg_temp
  -- a plan made anew for each call's arrays would cost more than it saves
  set plan_cache_mode = force_generic_plan
  as $$
#variable_conflict use_column
declare
  v_profile public.embedding_settings;
  v_liked uuid[];
  v_tastes halfvec[];
  v_chosen integer[] := '{}';
  v_next integer;
begin
  if coalesce(auth.role(), 'service_role') <> 'service_role' and auth.uid() is distinct from p_user_id then
    raise exception 'Not authorized';
  end if;
  select * into v_profile from public.embedding_settings where id = 1;
  select array_agg(m.media_item_id order by m.media_item_id), array_agg(m.embedding order by m.media_item_id)
  into v_liked, v_tastes
  from (
    select e.media_item_id, max(e.created_at) as at from public.media_events e
    where e.user_id = p_user_id and e.event_type = 'like' group by 1 order by 2 desc
    limit least(greatest(coalesce(p_max_items, 60), 1), 200)
  ) l
  join public.media_embeddings m on m.media_item_id = l.media_item_id and m.provider = v_profile.active_provider
    and m.model = v_profile.active_model and m.task = v_profile.active_task;
  for i in 1 .. least(greatest(coalesce(p_k, 3), 1), 5, coalesce(cardinality(v_liked), 0)) loop
    select n into v_next from generate_subscripts(v_liked, 1) n
    where n <> all (v_chosen)
    order by (select min(v_tastes[n] <=> v_tastes[c]) from unnest(v_chosen) c) desc nulls first, n
    limit 1;
    v_chosen := v_chosen || v_next;
  end loop;
  delete from public.media_user_centroids c
  where c.user_id = p_user_id and c.provider = v_profile.active_provider and c.model = v_profile.active_model
    and c.task = v_profile.active_task;
  insert into public.media_user_centroids
    (user_id, centroid, exemplar_media_item_id, taste, provider, model, dimensions, task)
  select p_user_id, c.ord, v_liked[c.n], v_tastes[c.n], v_profile.active_provider, v_profile.active_model,
    v_profile.active_dimensions, v_profile.active_task
  from unnest(v_chosen) with ordinality as c (n, ord)
  on conflict do nothing;
end $$;
