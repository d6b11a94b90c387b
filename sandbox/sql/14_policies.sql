-- Row-level security, as the gists of contract 8.1 tell it. Absent policies are facts too: nobody reads ratings or
-- reviews, nobody deletes a read receipt, and others' profiles are invisible.

do $$
declare
  t record;
begin
  for t in
    select c.oid::regclass as name from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  loop
    execute format('alter table %s enable row level security', t.name);
  end loop;
end $$;

create policy profiles_select_self_only on public.profiles for select to authenticated using (id = (select auth.uid()));
create policy profiles_update_self on public.profiles for update to authenticated
  using (id = (select auth.uid())) with check (id = (select auth.uid()));
create policy user_verifications_select on public.user_verifications for select to anon, authenticated using (true);

create policy user_preferences_select_own on public.user_preferences for select to authenticated
  using (user_id = (select auth.uid()));
create policy user_preferences_insert_own on public.user_preferences for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy user_preferences_update_own on public.user_preferences for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy user_stats_select_visible on public.user_stats for select to authenticated
  using (public.can_view_profile(user_id));
create policy user_stats_update_own on public.user_stats for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy blocked_users_select_related on public.blocked_users for select to authenticated
  using ((select auth.uid()) in (blocker_id, blocked_id));
create policy blocked_users_insert_own on public.blocked_users for insert to authenticated
  with check (blocker_id = (select auth.uid()));
create policy blocked_users_update_own on public.blocked_users for update to authenticated
  using (blocker_id = (select auth.uid())) with check (blocker_id = (select auth.uid()));
create policy blocked_users_delete_own on public.blocked_users for delete to authenticated
  using (blocker_id = (select auth.uid()));
create policy follows_select_related on public.follows for select to authenticated
  using ((select auth.uid()) in (follower_id, followed_id));
create policy follows_insert_own on public.follows for insert to authenticated
  with check (follower_id = (select auth.uid()));
create policy follows_delete_own on public.follows for delete to authenticated
  using (follower_id = (select auth.uid()));

create policy media_items_select on public.media_items for select to anon, authenticated using (true);
create policy media_embeddings_select on public.media_embeddings for select to authenticated using (true);
create policy embedding_settings_select on public.embedding_settings for select to authenticated using (true);
create policy media_session_vectors_own on public.media_session_vectors for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy media_user_vectors_own on public.media_user_vectors for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy media_user_centroids_select_own on public.media_user_centroids for select to authenticated
  using (user_id = (select auth.uid()));
create policy media_rerank_cache_own on public.media_rerank_cache for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy media_events_select_own on public.media_events for select to authenticated
  using (user_id = (select auth.uid()));
create policy media_events_insert_own on public.media_events for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy rec_impressions_select_own on public.rec_impressions for select to authenticated
  using (user_id = (select auth.uid()));
create policy rec_impressions_insert_own on public.rec_impressions for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy media_feedback_own on public.media_feedback for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy library_entries_own on public.library_entries for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
-- No SELECT policy: a plain insert works, an upsert needs to read and fails with 42501 (T16).
create policy ratings_insert_own on public.ratings for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy ratings_update_own on public.ratings for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy ratings_delete_own on public.ratings for delete to authenticated
  using (user_id = (select auth.uid()));
create policy reviews_insert_own on public.reviews for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy reviews_update_own on public.reviews for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy reviews_delete_own on public.reviews for delete to authenticated
  using (user_id = (select auth.uid()));
create policy activity_events_own on public.activity_events for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy assistant_goals_own on public.assistant_goals for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy conversations_members on public.conversations for all to authenticated
  using (public.is_conversation_member(id, (select auth.uid())) or created_by = (select auth.uid()))
  with check (public.is_conversation_member(id, (select auth.uid())) or created_by = (select auth.uid()));
create policy conversation_participants_select on public.conversation_participants for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy conversation_participants_insert on public.conversation_participants for insert to authenticated
  with check (public.is_conversation_owner(conversation_id, (select auth.uid())));
create policy conversation_participants_update on public.conversation_participants for update to authenticated
  using (public.is_conversation_owner(conversation_id, (select auth.uid())))
  with check (public.is_conversation_owner(conversation_id, (select auth.uid())));
create policy conversation_participants_delete on public.conversation_participants for delete to authenticated
  using (user_id = (select auth.uid()) or public.is_conversation_owner(conversation_id, (select auth.uid())));

create policy messages_select_members on public.messages for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
-- Membership is not asked for: who is no member may write, and only reading the row back fails.
create policy messages_insert_own on public.messages for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy messages_update_own on public.messages for update to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy messages_delete_own on public.messages for delete to authenticated
  using (user_id = (select auth.uid()));

create policy delivery_receipts_select on public.message_delivery_receipts for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy delivery_receipts_insert on public.message_delivery_receipts for insert to authenticated
  with check (
    user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid()))
    and exists (
      select 1 from public.messages m
      where m.id = message_id and m.conversation_id = message_delivery_receipts.conversation_id
    )
  );
create policy delivery_receipts_update on public.message_delivery_receipts for update to authenticated
  using (user_id = (select auth.uid()))
  with check (
    user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid()))
    and exists (
      select 1 from public.messages m
      where m.id = message_id and m.conversation_id = message_delivery_receipts.conversation_id
    )
  );
create policy read_receipts_select on public.message_read_receipts for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy read_receipts_insert on public.message_read_receipts for insert to authenticated
  with check (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy read_receipts_update on public.message_read_receipts for update to authenticated
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy message_reactions_select on public.message_reactions for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy message_reactions_insert_own on public.message_reactions for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy message_reactions_delete_own on public.message_reactions for delete to authenticated
  using (user_id = (select auth.uid()));
create policy conversation_prefs_own on public.conversation_prefs for all to authenticated
  using (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())))
  with check (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));

create policy rec_experiments_select_active on public.rec_experiments for select to anon, authenticated
  using (status = 'active');
create policy rec_assignments_select_own on public.rec_user_experiment_assignments for select to authenticated
  using (user_id = (select auth.uid()));
create policy app_settings_select_public on public.app_settings for select to anon, authenticated
  using (scope = 'public');
create policy app_settings_meta_select on public.app_settings_meta for select to anon, authenticated using (true);

-- Table rights. Everything else keeps Supabase's default: granted, and left to the policies.
revoke update on public.conversations from anon, authenticated;
revoke all on public.media_rerank_cache, public.embedding_settings, public.media_trending_scores, public.cf_recos,
  public.swipe_ingest_hourly_metrics, public.swipe_ingest_hourly_issue_counts from anon, authenticated;
revoke execute on function public.rate_limit_check_v1(text, integer, integer) from public, anon, authenticated;
revoke execute on function public.run_scheduled_maintenance() from public, anon, authenticated;
revoke execute on function public.create_media_events_partition_if_needed() from public, anon, authenticated;
revoke execute on function public.drop_old_partitions(regclass, integer) from public, anon, authenticated;
grant all on all tables in schema public to service_role;

-- What realtime would stream.
create publication supabase_realtime for table
  public.conversation_participants, public.conversations, public.message_delivery_receipts,
  public.message_reactions, public.message_read_receipts, public.messages;
