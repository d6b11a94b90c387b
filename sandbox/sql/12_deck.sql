-- The swipe deck. Facts: contract 2.4 and 2.5; the ranking itself is the sandbox's own, as small as those facts allow.
--
-- media_swipe_deck_v3 -> media_swipe_deck_v3_safe -> media_swipe_deck_v3_core, all three with the same arguments
--   p_session_id   the device's session; may have a session vector
--   p_limit        rows wanted, 1..120
--   p_mode         for_you | friends | trending | combined; null counts as combined
--   p_kind_filter  movie | series | anime | null, or several of them with commas between
--   p_seed         jitter; the same seed and data give the same deck. Empty: one per person and UTC day
-- and the same columns, rows in the order they are to be shown in
--   media_item_id, title, overview, kind, release_date, first_air_date, omdb_runtime, poster_path, backdrop_path,
--   vote_average, vote_count, popularity, completeness: of the title
--   source         for_you | trending | friends | popular
--   why            a short reason
--   friend_ids     followed people who liked it; null unless source is friends, empty when it is popular

-- What the core reads of a person's past. Statements of the core itself that fill a temporary table are planned anew at
-- every call, over all partitions of the events; the plans of these are kept.

create schema deck_internal;
revoke all on schema deck_internal from public;

create function deck_internal.seen(p_user uuid) returns setof uuid language plpgsql stable as $$
begin
  return query select distinct e.media_item_id from public.media_events e
    where e.user_id = p_user and e.created_at > now() - interval '24 hours';
end $$;

create function deck_internal.blocked(p_user uuid) returns setof uuid language plpgsql stable as $$
begin
  return query
    select f.media_item_id from public.media_feedback f
    where f.user_id = p_user and (f.last_action = 'dislike' or f.negative_ema >= 0.95)
    union
    select e.media_item_id from public.media_events e
    where e.user_id = p_user and e.created_at > now() - interval '365 days'
      and (e.event_type = 'dislike' or e.rating_0_10 <= 3);
end $$;

create function deck_internal.served(p_user uuid) returns setof uuid language plpgsql stable as $$
begin
  return query select distinct i.media_item_id from public.rec_impressions i
    where i.user_id = p_user and i.created_at > now() - interval '30 minutes';
end $$;

create function deck_internal.liked_by_friends(p_user uuid) returns table (media_item_id uuid, ids uuid[])
  language plpgsql stable as $$
begin
  return query
    select e.media_item_id, array_agg(distinct e.user_id)
    from public.follows w
    join public.media_events e on e.user_id = w.followed_id
    where w.follower_id = p_user and e.created_at > now() - interval '45 days'
      and (e.event_type = 'like' or (e.event_type = 'watchlist' and e.in_watchlist)
        or (e.event_type = 'rating' and e.rating_0_10 >= 7) or (e.event_type = 'dwell' and e.dwell_ms >= 6000))
    group by e.media_item_id
    limit 600;
end $$;

-- The titles somebody last showed to like, the newest first; `title` is what a reason calls them.
create function deck_internal.anchors(p_user uuid, p_limit integer)
  returns table (media_item_id uuid, title text) language plpgsql stable as $$
begin
  return query
    select a.media_item_id, coalesce(m.tmdb_title, m.tmdb_name, m.omdb_title)
    from (
      select e.media_item_id, e.created_at from public.media_events e
      where e.user_id = p_user and e.created_at > now() - interval '120 days'
        and (e.event_type in ('like', 'detail_open') or (e.event_type = 'watchlist' and e.in_watchlist)
          or (e.event_type = 'rating' and e.rating_0_10 >= 7) or (e.event_type = 'dwell' and e.dwell_ms >= 6000))
      order by e.created_at desc limit p_limit
    ) a
    left join public.media_items m on m.id = a.media_item_id
    order by a.created_at desc;
end $$;

-- What lies near the last liked titles (anchor: what they are called) and near the centres of the taste (no anchor).
create function deck_internal.neighbours(
  p_user uuid, p_provider text, p_model text, p_task text
) returns table (media_item_id uuid, anchor text, distance double precision) language plpgsql stable
  set search_path = public, extensions, pg_temp as $$
begin
  return query
    select n.media_item_id, near.title, n.distance
    from (
      (select m.embedding as vector, a.title
       from deck_internal.anchors(p_user, 3) a
       join public.media_embeddings m on m.media_item_id = a.media_item_id
         and m.provider = p_provider and m.model = p_model and m.task = p_task)
      union all
      (select c.taste, null from public.media_user_centroids c
       where c.user_id = p_user and c.provider = p_provider and c.model = p_model and c.task = p_task
         and c.taste is not null
       order by c.centroid limit 5)
    ) near
    cross join lateral (
      select m.media_item_id, (m.embedding <=> near.vector)::double precision as distance
      from public.media_embeddings m
      where m.provider = p_provider and m.model = p_model and m.task = p_task
      order by m.embedding <=> near.vector
      limit 40
    ) n;
end $$;

create function public.media_swipe_deck_v3_core(
  p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text, p_seed text
) returns table (
    media_item_id uuid, title text, overview text, kind text, release_date date, first_air_date date, omdb_runtime text,
    poster_path text, backdrop_path text, vote_average numeric, vote_count integer, popularity numeric,
    completeness numeric, source text, why text, friend_ids uuid[]
  )
  language plpgsql volatile security definer
  set search_path = public, extensions, pg_temp
  set hnsw.ef_search = 120
  as $$
#variable_conflict use_column
declare
  v_user uuid := auth.uid();
  v_limit integer := least(greatest(coalesce(p_limit, 60), 1), 120);
  v_mode text := lower(coalesce(p_mode, 'combined'));
  v_kinds text[] := regexp_split_to_array(nullif(lower(p_kind_filter), ''), '\s*,\s*');
  v_muted text[];
  v_seed text := coalesce(nullif(p_seed, ''),
    'daily:' || v_user || ':' || to_char(now() at time zone 'utc', 'YYYY-MM-DD'));
  v_profile public.embedding_settings;
  v_taste extensions.halfvec(1024);
  v_has_vectors boolean := false;
begin
  if v_user is null then
    return;
  end if;
  -- Six temporary tables a call: catalogue churn that the shipped function pays too. Kept in the rows, or two of them
  -- would each bring a table and an index for long values that are never long.
  if to_regclass('pg_temp._cand') is not null then  -- a second deck in the same transaction
    drop table _cand, _take, _picked, _seen24h, _blocked, _served30m;
  end if;
  create temp table _cand (
    media_item_id uuid, source text storage plain, anchor text storage plain, friend_ids uuid[] storage plain,
    base double precision
  ) on commit drop;
  create temp table _take (
    media_item_id uuid, source text storage plain, anchor text storage plain, friend_ids uuid[] storage plain,
    score double precision, genre_rank bigint, collection_rank bigint
  ) on commit drop;
  create temp table _picked (ord bigint, media_item_id uuid) on commit drop;
  create temp table _seen24h (media_item_id uuid) on commit drop;
  create temp table _blocked (media_item_id uuid) on commit drop;
  create temp table _served30m (media_item_id uuid) on commit drop;

  insert into _seen24h  -- filled and never read, as shipped
    select * from deck_internal.seen(v_user);
  insert into _blocked
    select * from deck_internal.blocked(v_user);
  insert into _served30m
    select * from deck_internal.served(v_user);
  -- Names that are written in capitals match nothing here, as shipped; anything but a list is an error.
  select array_agg(g) into v_muted
  from public.user_preferences u cross join lateral jsonb_array_elements_text(u.recsys -> 'mutedGenres') g
  where u.user_id = v_user;

  if v_mode in ('for_you', 'combined') then
    select * into v_profile from public.embedding_settings where id = 1;
    select coalesce(
      (select s.taste from public.media_session_vectors s
       where s.user_id = v_user and s.session_id = p_session_id and s.provider = v_profile.active_provider
         and s.model = v_profile.active_model and s.task = v_profile.active_task and s.taste is not null limit 1),
      (select u.taste from public.media_user_vectors u
       where u.user_id = v_user and u.provider = v_profile.active_provider and u.model = v_profile.active_model
         and u.task = v_profile.active_task and u.taste is not null limit 1)
    ) into v_taste;
    v_has_vectors := v_taste is not null;
    if v_has_vectors then
      insert into _cand
        select n.media_item_id, 'for_you', null, null, 1 - n.distance / 2
        from (
          select m.media_item_id, (m.embedding <=> v_taste)::double precision as distance
          from public.media_embeddings m
          where m.provider = v_profile.active_provider and m.model = v_profile.active_model
            and m.task = v_profile.active_task
          order by m.embedding <=> v_taste
          limit 120
        ) n;
    end if;
    -- Neighbours of the last three likes, and of the tastes' centres.
    insert into _cand
      select n.media_item_id, 'for_you', n.anchor, null, 1 - n.distance / 2
      from deck_internal.neighbours(
        v_user, v_profile.active_provider, v_profile.active_model, v_profile.active_task
      ) n;
    v_has_vectors := v_has_vectors or exists (select 1 from _cand);
    if not v_has_vectors and not exists (select 1 from deck_internal.anchors(v_user, 1)) then
      -- Somebody new: a seeded sample of the known titles, to learn from.
      insert into _cand
        select s.id, 'for_you', null, null, 1 - (row_number() over () - 1) / 240.0
        from (
          select m.id from public.media_items m
          where coalesce(m.completeness, 1) >= 0.25 and (v_kinds is null or m.kind::text = any (v_kinds))
          order by m.tmdb_popularity desc nulls last, m.id limit 240
        ) s;
    end if;
  end if;

  if v_mode in ('trending', 'combined') then
    insert into _cand
      select t.media_item_id, 'trending', null, null, t.score_72h / nullif(max(t.score_72h) over (), 0)
      from public.media_trending_scores t order by t.score_72h desc, t.media_item_id limit 300;
  end if;

  if v_mode in ('friends', 'combined') then
    insert into _cand
      select f.media_item_id, 'friends', null, f.ids,
        least(1.0, 0.4 + 0.15 * cardinality(f.ids))
      from deck_internal.liked_by_friends(v_user) f;
  end if;

  -- One row a title: the source in which it stands highest. Then the order by score and seeded jitter.
  insert into _take
    select s.media_item_id, s.source, s.anchor, s.friend_ids, s.score,
      row_number() over (partition by s.genre order by s.score desc, s.media_item_id),
      case when s.collection is null then 1
        else row_number() over (partition by s.collection order by s.score desc, s.media_item_id) end
    from (
      select distinct on (c.media_item_id)
        c.media_item_id, c.source, c.anchor, c.friend_ids,
        0.6 * c.standing
          + 0.4 * (hashtextextended(v_seed || c.media_item_id, 7) & 16777215) / 16777216.0 as score,
        lower(coalesce(split_part(m.omdb_genre, ',', 1), 'unknown')) as genre,
        m.tmdb_belongs_to_collection ->> 'id' as collection
      from (
        -- Scores of different sources do not compare, their places within each source do.
        select *, 1 - percent_rank() over (partition by source order by base desc nulls last) as standing from _cand
      ) c
      join public.media_items m on m.id = c.media_item_id
      where case when v_kinds is null then m.kind not in ('episode', 'other') else m.kind::text = any (v_kinds) end
        and (v_muted is null
          or not regexp_split_to_array(lower(coalesce(m.omdb_genre, '')), '\s*,\s*') && v_muted)
        and not exists (select 1 from _blocked b where b.media_item_id = c.media_item_id)
        and not exists (select 1 from _served30m r where r.media_item_id = c.media_item_id)
      order by c.media_item_id, c.standing desc, c.source, c.anchor
    ) s;

  insert into _picked
    select row_number() over (order by t.score desc, t.media_item_id), t.media_item_id from _take t
    where t.genre_rank <= greatest(2, ceil(0.35 * v_limit)) and t.collection_rank <= 2
    order by t.score desc, t.media_item_id limit v_limit;
  -- A short deck is worse than a monotonous one: fill up without the caps.
  insert into _picked
    select 100000 + row_number() over (order by t.score desc, t.media_item_id), t.media_item_id from _take t
    where not exists (select 1 from _picked p where p.media_item_id = t.media_item_id)
    order by t.score desc, t.media_item_id
    limit v_limit - (select count(*) from _picked);

  return query
    select m.id, coalesce(m.tmdb_title, m.tmdb_name, m.omdb_title), coalesce(m.tmdb_overview, m.omdb_plot), m.kind::text,
      m.tmdb_release_date, m.tmdb_first_air_date, m.omdb_runtime, m.tmdb_poster_path, m.tmdb_backdrop_path,
      m.tmdb_vote_average::numeric, m.tmdb_vote_count, m.tmdb_popularity::numeric, m.completeness::numeric, t.source,
      case
        when t.source = 'friends' then 'Recommended by friends'
        when t.source = 'trending' then 'Trending on MoviNesta'
        else coalesce('Because you liked ' || t.anchor, 'Recommended for you')
      end,
      t.friend_ids
    from _picked p
    join _take t on t.media_item_id = p.media_item_id
    join public.media_items m on m.id = p.media_item_id
    order by p.ord;
end $$;

-- Never an empty deck: when the core has nothing, the most popular titles. These ignore the seed, what was served and the
-- dislikes among events; only media_feedback counts. When the core fails, so does the deck.
create function public.media_swipe_deck_v3_safe(
  p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text, p_seed text
) returns table (
    media_item_id uuid, title text, overview text, kind text, release_date date, first_air_date date, omdb_runtime text,
    poster_path text, backdrop_path text, vote_average numeric, vote_count integer, popularity numeric,
    completeness numeric, source text, why text, friend_ids uuid[]
  )
  language plpgsql volatile security definer set search_path = public, extensions, pg_temp
  as $$
#variable_conflict use_column
declare
  v_kinds text[] := regexp_split_to_array(lower(nullif(btrim(p_kind_filter), '')), '\s*,\s*');
begin
  return query select * from public.media_swipe_deck_v3_core(p_session_id, p_limit, p_mode, p_kind_filter, p_seed);
  if found then
    return;
  end if;
  return query
    select m.id, coalesce(m.tmdb_title, m.tmdb_name, m.omdb_title, 'Untitled'),
      coalesce(m.tmdb_overview, m.omdb_plot, ''), m.kind::text, m.tmdb_release_date, m.tmdb_first_air_date,
      m.omdb_runtime,
      coalesce(nullif(m.tmdb_poster_path, ''), regexp_replace(nullif(m.omdb_poster, ''), '^http://', 'https://')),
      m.tmdb_backdrop_path, m.tmdb_vote_average::numeric, m.tmdb_vote_count, m.tmdb_popularity::numeric,
      m.completeness::numeric, 'popular', 'Popular picks', '{}'::uuid[]
    from public.media_items m
    where coalesce(m.completeness, 1) >= 0.20 and (v_kinds is null or m.kind::text = any (v_kinds))
      and not exists (
        select 1 from public.media_feedback f
        where f.user_id = auth.uid() and f.media_item_id = m.id
          and (f.last_action = 'dislike' or f.negative_ema >= 0.95)
      )
    order by m.tmdb_popularity desc nulls last, m.tmdb_vote_average desc nulls last, m.id
    limit least(greatest(coalesce(p_limit, 60), 1), 120);
end $$;

create function public.media_swipe_deck_v3(
  p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text, p_seed text
) returns table (
    media_item_id uuid, title text, overview text, kind text, release_date date, first_air_date date, omdb_runtime text,
    poster_path text, backdrop_path text, vote_average numeric, vote_count integer, popularity numeric,
    completeness numeric, source text, why text, friend_ids uuid[]
  )
  language plpgsql volatile security definer set search_path = public, extensions, pg_temp
  as $$
begin
  return query select * from public.media_swipe_deck_v3_safe(p_session_id, p_limit, p_mode, p_kind_filter, p_seed);
end $$;

-- The same with kinds and seed of their own types.
create function public.media_swipe_deck_v3_typed(
  p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text[], p_seed integer
) returns table (
    media_item_id uuid, title text, overview text, kind text, release_date date, first_air_date date, omdb_runtime text,
    poster_path text, backdrop_path text, vote_average numeric, vote_count integer, popularity numeric,
    completeness numeric, source text, why text, friend_ids uuid[]
  )
  language plpgsql stable security definer set search_path = public, extensions
  as $$
begin
  return query select * from public.media_swipe_deck_v3_safe(
    p_session_id, p_limit, p_mode, array_to_string(p_kind_filter, ','), p_seed::text);
end $$;
