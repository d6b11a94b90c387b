-- The swipe deck. Facts: contract 2.4 and 2.5; the ranking itself is the sandbox's own, as small as those facts allow.
--
-- media_swipe_deck_v3 -> media_swipe_deck_v3_safe -> media_swipe_deck_v3_core, all three with the same arguments
--   p_session_id   the device's session; may have a session vector
--   p_limit        rows wanted, 1..200
--   p_mode         for_you | friends | trending | combined
--   p_kind_filter  movie | series | anime | null
--   p_seed         jitter; the same seed and data give the same deck. Default: one per person and UTC day
-- and the same columns
--   media_item_id    the title
--   kind             its kind
--   source           for_you | trending | friends | popular
--   why              a short reason, or null
--   friend_ids       followed people who liked it; empty unless source is friends
--   retrieval_score  0..1 within its source, before jitter; null for popular
--   "position"       0-based; rows come in this order

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
    select e.media_item_id, (array_agg(distinct e.user_id))[1:200]
    from public.follows w
    join public.media_events e on e.user_id = w.followed_id
    where w.follower_id = p_user and e.created_at > now() - interval '45 days'
      and (e.event_type in ('like', 'share', 'watchlist_add') or (e.event_type = 'watchlist' and e.in_watchlist)
        or e.rating_0_10 >= 7)
    group by e.media_item_id
    limit 600;
end $$;

create function deck_internal.neighbours(
  p_user uuid, p_provider text, p_model text, p_task text
) returns table (media_item_id uuid, why text, distance double precision) language plpgsql stable
  set search_path = public, extensions, pg_temp as $$
begin
  return query
    select n.media_item_id, anchor.why, n.distance
    from (
      (select m.embedding as vector, 'Because of what you liked' as why
       from public.media_events e
       join public.media_embeddings m on m.media_item_id = e.media_item_id
         and m.provider = p_provider and m.model = p_model and m.task = p_task
       where e.user_id = p_user and e.event_type = 'like'
       order by e.created_at desc limit 3)
      union all
      (select c.taste, 'Close to one of your favourites' from public.media_user_centroids c
       where c.user_id = p_user and c.provider = p_provider and c.model = p_model and c.task = p_task
         and c.taste is not null
       order by c.centroid limit 5)
    ) anchor
    cross join lateral (
      select m.media_item_id, (m.embedding <=> anchor.vector)::double precision as distance
      from public.media_embeddings m
      where m.provider = p_provider and m.model = p_model and m.task = p_task
      order by m.embedding <=> anchor.vector
      limit 40
    ) n;
end $$;

create function public.media_swipe_deck_v3_core(
  p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text, p_seed text
) returns table (
    media_item_id uuid, kind text, source text, why text, friend_ids uuid[], retrieval_score double precision,
    "position" integer
  )
  language plpgsql volatile security definer
  set search_path = public, extensions, pg_temp
  set hnsw.ef_search = 120
  as $$
#variable_conflict use_column
declare
  v_user uuid := auth.uid();
  v_limit integer := least(greatest(coalesce(p_limit, 60), 1), 200);
  v_mode text := coalesce(nullif(p_mode, ''), 'for_you');
  v_seed text := coalesce(nullif(trim(p_seed), ''),
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
    media_item_id uuid, source text storage plain, why text storage plain, friend_ids uuid[] storage plain,
    base double precision
  ) on commit drop;
  create temp table _take (
    media_item_id uuid, kind text storage plain, source text storage plain, why text storage plain,
    friend_ids uuid[] storage plain, base double precision, score double precision, genre_rank bigint,
    collection_rank bigint
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
        select n.media_item_id, 'for_you', 'Matches your taste', '{}', 1 - n.distance / 2
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
      select n.media_item_id, 'for_you', n.why, '{}', 1 - n.distance / 2
      from deck_internal.neighbours(
        v_user, v_profile.active_provider, v_profile.active_model, v_profile.active_task
      ) n;
    v_has_vectors := v_has_vectors or exists (select 1 from _cand);
    if not v_has_vectors and not exists (select 1 from public.media_events e where e.user_id = v_user) then
      -- Somebody new: a seeded sample of the known titles, to learn from.
      insert into _cand
        select s.id, 'for_you', 'To learn what you like', '{}', 1 - (row_number() over () - 1) / 240.0
        from (
          select m.id from public.media_items m
          where (p_kind_filter is null or m.kind::text = p_kind_filter)
          order by m.tmdb_popularity desc nulls last, m.id limit 240
        ) s;
    end if;
  end if;

  if v_mode in ('trending', 'combined') then
    insert into _cand
      select t.media_item_id, 'trending', 'Trending now', '{}', t.score_72h / nullif(max(t.score_72h) over (), 0)
      from public.media_trending_scores t order by t.score_72h desc, t.media_item_id limit 300;
  end if;

  if v_mode in ('friends', 'combined') then
    insert into _cand
      select f.media_item_id, 'friends', 'Liked by people you follow', f.ids,
        least(1.0, 0.4 + 0.15 * cardinality(f.ids))
      from deck_internal.liked_by_friends(v_user) f;
  end if;

  -- One row a title: the source in which it stands highest. Then the order by score and seeded jitter.
  insert into _take
    select s.media_item_id, s.kind, s.source, s.why, s.friend_ids, s.base, s.score,
      row_number() over (partition by s.genre order by s.score desc, s.media_item_id),
      case when s.collection is null then 1
        else row_number() over (partition by s.collection order by s.score desc, s.media_item_id) end
    from (
      select distinct on (c.media_item_id)
        c.media_item_id, m.kind::text as kind, c.source, c.why, c.friend_ids, c.base,
        0.6 * c.standing
          + 0.4 * (hashtextextended(v_seed || c.media_item_id, 7) & 16777215) / 16777216.0 as score,
        coalesce(m.tmdb_genre_ids[1], -1) as genre,
        (m.tmdb_belongs_to_collection ->> 'id')::bigint as collection
      from (
        -- Scores of different sources do not compare, their places within each source do.
        select *, 1 - percent_rank() over (partition by source order by base desc nulls last) as standing from _cand
      ) c
      join public.media_items m on m.id = c.media_item_id
      where true
        and (p_kind_filter is null or m.kind::text = p_kind_filter)
        and not exists (select 1 from _blocked b where b.media_item_id = c.media_item_id)
        and not exists (select 1 from _served30m r where r.media_item_id = c.media_item_id)
      order by c.media_item_id, c.standing desc, c.source, c.why
    ) s;

  insert into _picked
    select row_number() over (order by t.score desc, t.media_item_id), t.media_item_id from _take t
    where t.genre_rank <= ceil(0.35 * v_limit) and t.collection_rank <= 2
    order by t.score desc, t.media_item_id limit v_limit;
  -- A short deck is worse than a monotonous one: fill up without the caps.
  insert into _picked
    select 100000 + row_number() over (order by t.score desc, t.media_item_id), t.media_item_id from _take t
    where not exists (select 1 from _picked p where p.media_item_id = t.media_item_id)
    order by t.score desc, t.media_item_id
    limit v_limit - (select count(*) from _picked);

  return query
    select t.media_item_id, t.kind, t.source, t.why, t.friend_ids, t.base,
      (row_number() over (order by p.ord) - 1)::integer
    from _picked p join _take t on t.media_item_id = p.media_item_id
    order by p.ord;
end $$;

-- Never an empty deck: when the core has nothing or fails, the most popular titles. These ignore the seed, what was
-- served and the dislikes among events; only media_feedback counts. A statement timeout is not caught.
create function public.media_swipe_deck_v3_safe(
  p_session_id uuid, p_limit integer, p_mode text, p_kind_filter text, p_seed text
) returns table (
    media_item_id uuid, kind text, source text, why text, friend_ids uuid[], retrieval_score double precision,
    "position" integer
  )
  language plpgsql volatile security definer set search_path = public, extensions, pg_temp
  as $$
#variable_conflict use_column
begin
  begin
    return query select * from public.media_swipe_deck_v3_core(p_session_id, p_limit, p_mode, p_kind_filter, p_seed);
    if found then
      return;
    end if;
  exception when others then
    raise log 'media_swipe_deck_v3_core failed: % %', sqlstate, sqlerrm;
  end;
  return query
    select m.id, m.kind::text, 'popular', 'Popular right now', '{}'::uuid[], null::double precision,
      (row_number() over (order by m.tmdb_popularity desc nulls last, m.id) - 1)::integer
    from public.media_items m
    where (p_kind_filter is null or m.kind::text = p_kind_filter)
      and not exists (
        select 1 from public.media_feedback f
        where f.user_id = auth.uid() and f.media_item_id = m.id
          and (f.last_action = 'dislike' or f.negative_ema >= 0.95)
      )
    order by m.tmdb_popularity desc nulls last, m.id
    limit least(greatest(coalesce(p_limit, 60), 1), 200);
end $$;

create function public.media_swipe_deck_v3(
  p_session_id uuid, p_limit integer default 60, p_mode text default 'for_you', p_kind_filter text default null,
  p_seed text default null
) returns table (
    media_item_id uuid, kind text, source text, why text, friend_ids uuid[], retrieval_score double precision,
    "position" integer
  )
  language plpgsql volatile security definer set search_path = public, extensions, pg_temp
  as $$
begin
  return query select * from public.media_swipe_deck_v3_safe(p_session_id, p_limit, p_mode, p_kind_filter, p_seed);
end $$;
