-- One round trip for what the application does in several: the sandbox's own helpers, not part of MoviNesta's schema.
-- Each takes on the caller's role and claims for the rest of its transaction, as PostgREST would, so that row-level
-- security and privileges decide as they do there. Called by the server's own login only.

create schema if not exists sandbox_internal;
revoke all on schema sandbox_internal from public;

create or replace function sandbox_internal.act_as(p_role text, p_claims text) returns void
  language plpgsql
  as $$
begin
  perform set_config('role', p_role, true), set_config('request.jwt.claims', p_claims, true);
end $$;

-- The bulk upsert of media-swipe-event. Numbers and JSON come as text, so that Postgres judges them, as behind PostgREST.
create or replace function sandbox_internal.insert_events(
  p_role text, p_claims text, p_user uuid, p_day date, p_sessions uuid[], p_decks uuid[], p_requests uuid[],
  p_positions integer[], p_titles uuid[], p_types text[], p_sources text[], p_dwells text[], p_payloads text[],
  p_client_ids uuid[], p_ratings text[], p_watchlists boolean[], p_keys text[], p_served text[]
) returns void
  language plpgsql
  as $$
begin
  perform set_config('role', p_role, true), set_config('request.jwt.claims', p_claims, true);
  insert into public.media_events (user_id, event_day, session_id, deck_id, rec_request_id, position, media_item_id,
    event_type, source, dwell_ms, payload, client_event_id, rating_0_10, in_watchlist, dedupe_key, served_dedupe_key)
  select p_user, p_day, r.session_id, r.deck_id, r.request_id, r.position, r.title_id,
    r.event_type::public.media_event_type, r.source, r.dwell::integer, r.payload::jsonb, r.client_id,
    r.rating::numeric, r.watchlist, r.key, r.served
  from unnest(p_sessions, p_decks, p_requests, p_positions, p_titles, p_types, p_sources, p_dwells, p_payloads,
      p_client_ids, p_ratings, p_watchlists, p_keys, p_served)
    as r(session_id, deck_id, request_id, position, title_id, event_type, source, dwell, payload,
      client_id, rating, watchlist, key, served)
  on conflict (user_id, dedupe_key, event_day) do nothing;
end $$;

-- After the reply: taste once per event, centroids when asked for (p_k), training labels. Each swallows its own failure.
-- As shipped every taste call fails, because a table it needs does not exist; it costs its error all the same. Labels are
-- merged from a snapshot that a concurrent request may have made stale: the application loses such updates, too.
create or replace function sandbox_internal.aftermath(
  p_role text, p_claims text, p_service_claims text, p_user uuid,
  p_sessions uuid[], p_titles uuid[], p_types text[], p_dwells text[], p_ratings text[], p_strong boolean[],
  p_k integer, p_max_items integer,
  p_keys text[], p_label_requests uuid[], p_label_positions integer[], p_label_titles uuid[], p_labels text[]
) returns void
  language plpgsql
  as $$
begin
  perform set_config('role', p_role, true), set_config('request.jwt.claims', p_claims, true);
  for i in 1 .. cardinality(p_sessions) loop
    begin
      perform public.media_update_taste_vectors_v1(
        p_session_id => p_sessions[i], p_media_item_id => p_titles[i], p_event_type => p_types[i],
        p_dwell_ms => p_dwells[i]::integer, p_rating_0_10 => p_ratings[i]::numeric, p_is_strong_signal => p_strong[i]);
    exception when others then null;
    end;
  end loop;
  if p_k is not null then
    begin
      perform public.media_refresh_user_centroids_v1(p_user_id => p_user, p_k => p_k, p_max_items => p_max_items);
    exception when others then null;
    end;
  end if;
  if cardinality(p_keys) > 0 then
    begin
      perform set_config('role', 'service_role', true), set_config('request.jwt.claims', p_service_claims, true);
      with given as (
        select * from unnest(p_keys, p_label_requests, p_label_positions, p_label_titles, p_labels::jsonb[])
          as g(key, request_id, position, title_id, labels)
      ),
      old as materialized (
        select f.id, g.key, g.labels as added,
          case jsonb_typeof(f.labels) when 'array' then f.labels else '[]' end as labels
        from given g
        join public.media_rank_feature_items_v2 f on f.dedupe_key = g.key
        -- the array keeps this an index lookup per key, whatever the planner thinks of unnest
        where f.user_id = p_user and f.dedupe_key = any (p_keys)
      ),
      updated as (
        update public.media_rank_feature_items_v2 f
        set labels = old.labels || (
          select coalesce(jsonb_agg(a.label), '[]') from jsonb_array_elements_text(old.added) as a(label)
          where not old.labels ? a.label
        )
        from old where f.id = old.id
      )
      insert into public.media_rank_feature_items_v2
        (user_id, dedupe_key, rec_request_id, media_item_id, position, labels)
      select p_user, g.key, g.request_id, g.title_id, g.position, g.labels
      from given g where not exists (select 1 from old where old.key = g.key)
      on conflict (user_id, dedupe_key) do nothing;
    exception when others then null;
    end;
  end if;
end $$;
