-- One round trip for what the application does in several: the sandbox's own helpers, not part of MoviNesta's schema.
-- Each takes on the caller's role and claims for the rest of its transaction, as PostgREST would, so that row-level
-- security and privileges decide as they do there. Called by the server's own login only.

-- Made anew at every start, so that a kept database gets today's.
drop schema if exists sandbox_internal cascade;
create schema sandbox_internal;
revoke all on schema sandbox_internal from public;

-- The bulk upsert of media-swipe-event. The rows come as one JSON array, as they reach PostgREST, and Postgres judges
-- them. Only their ids are drawn by the caller: this build of Postgres opens /dev/urandom once for every uuid.
create function sandbox_internal.insert_events(
  p_role text, p_claims text, p_user uuid, p_day date, p_rows json, p_shift float8 default 0
) returns void
  language plpgsql
  as $$
declare
  v_ignored text;  -- an assignment is a tenth of the price of `perform`
begin
  v_ignored := set_config('role', p_role, true);
  v_ignored := set_config('request.jwt.claims', p_claims, true);
  insert into public.media_events (id, created_at, user_id, event_day, session_id, deck_id, rec_request_id, position,
    media_item_id, event_type, source, dwell_ms, payload, client_event_id, rating_0_10, in_watchlist, dedupe_key,
    served_dedupe_key)
  select r.id, now() + make_interval(secs => p_shift), p_user, p_day, r.session_id, r.deck_id, r.rec_request_id, r.position,
    r.media_item_id, r.event_type, r.source, r.dwell_ms, r.payload, r.client_event_id, r.rating, r.in_watchlist,
    r.dedupe_key, r.served_key
  from json_to_recordset(p_rows) as r(
    id uuid, session_id uuid, deck_id uuid, rec_request_id uuid, position integer, media_item_id uuid,
    event_type public.media_event_type, source text, dwell_ms integer, payload jsonb, client_event_id uuid,
    rating numeric, in_watchlist boolean, dedupe_key text, served_key text)
  on conflict (user_id, dedupe_key, event_day) do nothing;
end $$;

-- After the reply: taste once per event, centroids when asked for (p_k), training labels. Each swallows its own failure.
-- As shipped every taste call fails, because a table it needs does not exist. A table that one event lacks, the next of
-- its type lacks as well, so each type fails once per request, not each event: 12 us of parsing and undoing saved apiece.
-- Labels are merged from a snapshot that a concurrent request may have made stale: the application loses such updates.
create function sandbox_internal.aftermath(
  p_role text, p_claims text, p_service_claims text, p_user uuid, p_taste json, p_k integer, p_max_items integer,
  p_labels json
) returns void
  language plpgsql
  as $$
declare
  v_ignored text;
  v_reply jsonb;
  v_row record;
  v_hopeless text[] := '{}';
begin
  v_ignored := set_config('role', p_role, true);
  v_ignored := set_config('request.jwt.claims', p_claims, true);
  for v_row in
    select * from json_to_recordset(p_taste)
      as r(session uuid, title uuid, type text, dwell integer, rating numeric, strong boolean)
  loop
    continue when v_row.type = any (v_hopeless);
    begin
      v_reply := public.media_update_taste_vectors_v1(
        p_session_id => v_row.session, p_media_item_id => v_row.title, p_event_type => v_row.type::public.media_event_type,
        p_dwell_ms => v_row.dwell, p_rating_0_10 => v_row.rating, p_is_strong_signal => v_row.strong);
    exception
      when undefined_table then v_hopeless := v_hopeless || v_row.type;
      when others then null;
    end;
  end loop;
  if p_k is not null then
    begin
      perform public.media_refresh_user_centroids_v1(p_user_id => p_user, p_k => p_k, p_max_items => p_max_items);
    exception when others then null;
    end;
  end if;
  if p_labels is not null then
    begin
      v_ignored := set_config('role', 'service_role', true);
      v_ignored := set_config('request.jwt.claims', p_service_claims, true);
      with given as materialized (
        select * from json_to_recordset(p_labels)
          as g(id uuid, key text, request_id uuid, position integer, title_id uuid, labels jsonb)
      ),
      old as materialized (
        select f.id, g.key, g.labels as added,
          case jsonb_typeof(f.labels) when 'array' then f.labels else '[]' end as labels
        from given g
        join public.media_rank_feature_items_v2 f on f.dedupe_key = g.key
        -- the array keeps this an index lookup per key, whatever the planner thinks of the number of keys
        where f.user_id = p_user and f.dedupe_key = any (array(select given.key from given))
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
        (id, user_id, dedupe_key, rec_request_id, media_item_id, position, labels)
      select g.id, p_user, g.key, g.request_id, g.title_id, g.position, g.labels
      from given g where not exists (select 1 from old where old.key = g.key)
      on conflict (user_id, dedupe_key) do nothing;
    exception when others then null;
    end;
  end if;
end $$;
