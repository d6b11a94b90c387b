-- Home feed, diary, title summary, and the taste vectors that the event endpoint refreshes. Contract 3.5, 4, 6.7, 9.3.

create function public.get_home_feed_v2(
  p_user_id uuid, p_limit integer default 40, p_cursor_created_at timestamptz default null,
  p_cursor_id uuid default null
) returns table (
    id uuid, created_at timestamptz, user_id uuid, event_type public.activity_event_type, media_item_id uuid,
    related_user_id uuid, payload jsonb, actor_profile jsonb, media_item jsonb
  )
  language plpgsql volatile security definer
  set search_path = public
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
        'is_verified', v.user_id is not null and p.id is not null, 'verified_type', v.badge_type,
        'verified_label', v.public_label, 'verified_at', v.verified_at, 'verified_by_org', v.verifier_org
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
    left join public.profile_verifications v on v.user_id = e.user_id and v.status = 'approved'
    left join public.media_items m on m.id = e.media_item_id
    order by e.created_at desc, e.id desc;
end $$;
grant execute on function public.get_home_feed_v2(uuid, integer, timestamptz, uuid) to authenticated, service_role;

-- The older feed: bare rows of everybody followed, private or not, one more than asked for. Its cursor is a time alone:
-- the client's two-part cursor is no timestamp and ends in 22007.
create function public.get_home_feed(p_user_id uuid, p_limit integer default 40, p_cursor timestamptz default null)
  returns setof public.activity_events
  language plpgsql volatile security definer set search_path = public
  as $$
begin
  if auth.uid() is null or auth.uid() <> p_user_id then
    raise exception 'Not authorized';
  end if;
  return query
    select e.* from public.activity_events e
    where (e.user_id = p_user_id or e.user_id in (
        select f.followed_id from public.follows f where f.follower_id = p_user_id
      ))
      and (p_cursor is null or e.created_at < p_cursor)
    order by e.created_at desc
    limit least(coalesce(p_limit, 40), 200) + 1;
end $$;

create function public.get_diary_stats(p_user_id uuid)
  returns table (
    total_rated bigint, total_watched bigint, average_rating numeric, rating_distribution jsonb, top_genres jsonb,
    watch_count_by_month jsonb
  )
  language plpgsql volatile security definer set search_path = public, pg_temp
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

-- One step of a taste towards a title (or away from it), of length 1 again. Ours: the shipped function says it twice.
create function public.vector_blended(
  p_taste extensions.vector, p_title extensions.vector, p_weight double precision, p_pace double precision,
  p_first double precision
) returns extensions.halfvec
  language sql immutable set search_path = pg_catalog, extensions
  as $$
    select l2_normalize(case
      when p_taste is null then p_title * array_fill(p_weight * p_first, array[vector_dims(p_title)])::vector
      else p_taste * array_fill(1 - p_pace, array[vector_dims(p_title)])::vector
        + p_title * array_fill(p_pace * p_weight, array[vector_dims(p_title)])::vector
    end)::halfvec
  $$;
revoke execute on function public.vector_blended from public, anon, authenticated;

-- Blends a title's embedding into the session's taste, and slower into the person's. Says why when there is nothing to
-- blend. A taste that is new starts at the title itself, on its other side where the weight is negative.
create function public.media_update_taste_vectors_v1(
  p_session_id uuid, p_media_item_id uuid, p_event_type public.media_event_type, p_dwell_ms integer default null,
  p_rating_0_10 numeric default null, p_in_watchlist boolean default null
) returns jsonb
  language plpgsql volatile security definer set search_path = pg_catalog, public, extensions
  as $$
declare
  v_user uuid := auth.uid();
  v_profile public.embedding_settings;
  v_vector extensions.vector(1024);
  v_taste extensions.vector(1024);
  v_reason text;
  v_weight double precision;
begin
  if v_user is null then
    raise exception 'auth required';
  end if;
  v_weight := case
    when p_event_type = 'like' then 1.0
    when p_event_type = 'dislike' then -1.0
    when p_event_type = 'skip' then -0.25
    when p_event_type = 'detail_open' then 0.12
    when p_event_type = 'watchlist_add' or (p_event_type = 'watchlist' and p_in_watchlist) then 0.6
    when p_event_type in ('watchlist', 'watchlist_remove') then -0.2
    when p_event_type in ('rating', 'rating_set') then 0.8 * greatest(-1, least(1, (p_rating_0_10 - 5) / 5))
    when p_event_type = 'dwell' then case
      when p_dwell_ms >= 20000 then 0.5 when p_dwell_ms >= 12000 then 0.35 when p_dwell_ms >= 5000 then 0.2
      when p_dwell_ms >= 2000 then 0.1 else 0 end
    end;
  v_reason := case
    when p_event_type = 'impression' then 'impression'
    when p_event_type in ('rating', 'rating_set') and p_rating_0_10 is null then 'rating_missing'
    when p_event_type = 'dwell' and p_dwell_ms is null then 'dwell_missing'
    when v_weight is null then 'unsupported_event_for_taste'
    when v_weight = 0 then 'zero_weight' end;
  if v_reason is null then
    select * into v_profile from public.embedding_settings where id = 1;
    select m.embedding::extensions.vector into v_vector from public.media_embeddings m
    where m.media_item_id = p_media_item_id and m.provider = v_profile.active_provider
      and m.model = v_profile.active_model and m.dimensions = v_profile.active_dimensions
      and m.task = v_profile.active_task;
    v_reason := case when v_vector is null then 'missing_embedding' end;
  end if;
  if v_reason is not null then
    return jsonb_build_object('ok', true, 'ignored', true, 'reason', v_reason);
  end if;
  select s.taste::extensions.vector into v_taste from public.media_session_vectors s
  where s.user_id = v_user and s.session_id = p_session_id and s.provider = v_profile.active_provider
    and s.model = v_profile.active_model and s.dimensions = v_profile.active_dimensions
    and s.task = v_profile.active_task;
  insert into public.media_session_vectors as s (user_id, session_id, taste, provider, model, dimensions, task)
  values (v_user, p_session_id, public.vector_blended(v_taste, v_vector, v_weight, 0.12, 1),
    v_profile.active_provider, v_profile.active_model, v_profile.active_dimensions, v_profile.active_task)
  on conflict (user_id, session_id, provider, model, dimensions, task) do update
    set taste = excluded.taste, updated_at = now();
  v_taste := null;
  select u.taste::extensions.vector into v_taste from public.media_user_vectors u
  where u.user_id = v_user and u.provider = v_profile.active_provider and u.model = v_profile.active_model
    and u.dimensions = v_profile.active_dimensions and u.task = v_profile.active_task;
  insert into public.media_user_vectors as u (user_id, taste, provider, model, dimensions, task)
  values (v_user, public.vector_blended(v_taste, v_vector, v_weight, 0.03, 0.5),
    v_profile.active_provider, v_profile.active_model, v_profile.active_dimensions, v_profile.active_task)
  on conflict (user_id, provider, model, dimensions, task) do update
    set taste = excluded.taste, updated_at = now();
  return jsonb_build_object('ok', true);
end $$;

-- The overload that the edge calls. It reads a table that the schema does not have: 42P01 every time, as shipped.
create function public.media_update_taste_vectors_v1(
  p_session_id uuid, p_media_item_id uuid, p_event_type public.media_event_type, p_rating_0_10 numeric default null,
  p_dwell_ms integer default null, p_is_strong_signal boolean default null
) returns jsonb
  language plpgsql volatile security definer set search_path = public, extensions
  as $$
declare
  v_user uuid;
begin
  select user_id into v_user from public.media_swipe_sessions where id = p_session_id;
  if v_user is null then
    return jsonb_build_object('ignored', true, 'reason', 'session_not_found');
  end if;
  return public.media_update_taste_vectors_v1(p_session_id, p_media_item_id, p_event_type, p_dwell_ms => p_dwell_ms,
    p_rating_0_10 => p_rating_0_10, p_in_watchlist => p_is_strong_signal);
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
