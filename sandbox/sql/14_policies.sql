-- Row-level security: names, commands, roles and meaning of the shipped policies. Absent ones are facts too: nobody
-- reads ratings or reviews, nobody deletes a read receipt, and others' profiles are invisible. Where the shipped
-- expression says the same twice or asks `conversation_participants` itself, the shorter form stands here.

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

create policy profiles_insert_self on public.profiles for insert with check (id = (select auth.uid()));
create policy profiles_select_self_only on public.profiles for select to authenticated
  using (id = (select auth.uid()));
create policy profiles_update_self on public.profiles for update using (id = (select auth.uid()));
create policy deny_all on public.app_admins for all using (false);
create policy deny_all on public.admin_audit_log for all using (false);
create policy profile_verifications_admin_delete on public.profile_verifications for delete to authenticated
  using ((select public.is_app_admin()));
create policy profile_verifications_admin_insert on public.profile_verifications for insert to authenticated
  with check ((select public.is_app_admin()));
create policy profile_verifications_admin_update on public.profile_verifications for update to authenticated
  using ((select public.is_app_admin()));
create policy profile_verifications_select_own_or_admin on public.profile_verifications for select
  to authenticated
  using (user_id = (select auth.uid()) or (select public.is_app_admin()));
create policy verification_requests_admin_delete on public.verification_requests for delete to authenticated
  using ((select public.is_app_admin()));
create policy verification_requests_insert_own on public.verification_requests for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy verification_requests_select_own_or_admin on public.verification_requests for select
  to authenticated
  using (user_id = (select auth.uid()) or (select public.is_app_admin()));
create policy verification_requests_update_own_or_admin on public.verification_requests for update
  to authenticated
  using ((select public.is_app_admin()) or (user_id = (select auth.uid()) and status = 'needs_more_info'))
  with check (
    (select public.is_app_admin()) or (user_id = (select auth.uid()) and status in ('needs_more_info', 'pending'))
  );
create policy "Users can insert their own preferences" on public.user_preferences for insert
  with check (user_id = (select auth.uid()));
create policy "Users can update their own preferences" on public.user_preferences for update
  using (user_id = (select auth.uid()));
create policy "Users can view their own preferences" on public.user_preferences for select
  using (user_id = (select auth.uid()));
create policy user_stats_select_visible on public.user_stats for select to anon, authenticated
  using (public.can_view_profile(user_id));
create policy blocked_users_manage_self_delete on public.blocked_users for delete
  using (blocker_id = (select auth.uid()));
create policy blocked_users_manage_self_insert on public.blocked_users for insert
  with check (blocker_id = (select auth.uid()));
create policy blocked_users_manage_self_update on public.blocked_users for update
  using (blocker_id = (select auth.uid()));
create policy blocked_users_view_related on public.blocked_users for select
  using ((select auth.uid()) in (blocker_id, blocked_id));
create policy follows_manage_own_delete on public.follows for delete using (follower_id = (select auth.uid()));
create policy follows_manage_own_insert on public.follows for insert with check (follower_id = (select auth.uid()));
create policy follows_manage_own_update on public.follows for update using (follower_id = (select auth.uid()));
create policy follows_select_own on public.follows for select to authenticated
  using ((select auth.uid()) in (follower_id, followed_id));
-- The app's search upserts what it found: as shipped only an administrator's succeeds, everybody else gets 42501.
create policy media_items_insert_authenticated on public.media_items for insert to authenticated
  with check (public.is_app_admin());
create policy media_items_read_authenticated on public.media_items for select to authenticated using (true);
create policy genres_select_all on public.genres for select using (true);
create policy media_genres_read_all_authenticated on public.media_genres for select to authenticated using (true);
create policy media_item_daily_service_all on public.media_item_daily for all to service_role using (true);
create policy media_item_daily_users_service_all on public.media_item_daily_users for all to service_role
  using (true);
create policy media_trending_scores_service_all on public.media_trending_scores for all to service_role using (true);
create policy "Embeddings are viewable by authenticated users" on public.media_embeddings for select
  using ((select auth.role()) = 'authenticated');
create policy read_embedding_settings on public.embedding_settings for select to authenticated using (true);
create policy media_session_vectors_own on public.media_session_vectors for all to authenticated
  using (user_id = (select auth.uid()));
create policy media_user_vectors_own on public.media_user_vectors for all to authenticated
  using (user_id = (select auth.uid()));
create policy media_user_centroids_select_own on public.media_user_centroids for select to authenticated
  using (user_id = (select auth.uid()));
create policy media_user_centroids_service_all on public.media_user_centroids for all to service_role using (true);
create policy media_rerank_cache_delete_own on public.media_rerank_cache for delete to authenticated
  using (user_id = (select auth.uid()));
create policy media_rerank_cache_insert_own on public.media_rerank_cache for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy media_rerank_cache_select_own on public.media_rerank_cache for select to authenticated
  using (user_id = (select auth.uid()));
create policy media_rerank_cache_update_own on public.media_rerank_cache for update to authenticated
  using (user_id = (select auth.uid()));
create policy cf_recos_read_own on public.cf_recos for select to authenticated using (user_id = (select auth.uid()));
create policy "Users can insert their own events" on public.media_events for insert
  with check (user_id = (select auth.uid()));
create policy "Users can view their own events" on public.media_events for select
  using (user_id = (select auth.uid()));
create policy "Users can insert their own impressions" on public.rec_impressions for insert
  with check (user_id = (select auth.uid()));
create policy "Users can view their own impressions" on public.rec_impressions for select
  using (user_id = (select auth.uid()));
create policy deny_all on public.rec_requests for all using (false);
create policy deny_all on public.media_rank_feature_items_v2 for all using (false);
create policy media_feedback_insert_own on public.media_feedback for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy media_feedback_select_own on public.media_feedback for select to authenticated
  using (user_id = (select auth.uid()));
create policy media_feedback_update_own on public.media_feedback for update to authenticated
  using (user_id = (select auth.uid()));
create policy deny_all on public.swipe_ingest_hourly_metrics for all using (false);
create policy deny_all on public.swipe_ingest_hourly_issue_counts for all using (false);
create policy library_entries_delete_self on public.library_entries for delete to authenticated
  using (user_id = (select auth.uid()));
create policy library_entries_insert_self on public.library_entries for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy library_entries_select_self on public.library_entries for select to authenticated
  using (user_id = (select auth.uid()));
create policy library_entries_update_self on public.library_entries for update to authenticated
  using (user_id = (select auth.uid()));
-- No SELECT policy: a plain insert works, an upsert needs to read and fails with 42501 (T16).
create policy ratings_delete_self on public.ratings for delete to authenticated using (user_id = (select auth.uid()));
create policy ratings_insert_self on public.ratings for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy ratings_update_self on public.ratings for update to authenticated using (user_id = (select auth.uid()));
create policy reviews_delete_self on public.reviews for delete to authenticated using (user_id = (select auth.uid()));
create policy reviews_insert_self on public.reviews for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy reviews_update_self on public.reviews for update to authenticated using (user_id = (select auth.uid()));
create policy comments_insert_self on public.comments for insert with check (user_id = (select auth.uid()));
create policy comments_owner_delete on public.comments for delete using (user_id = (select auth.uid()));
create policy comments_owner_update on public.comments for update using (user_id = (select auth.uid()));
create policy comments_read_all on public.comments for select to authenticated using (true);
create policy review_reactions_participant_only on public.review_reactions for all
  using (user_id = (select auth.uid()));
create policy "Users can delete their own lists" on public.lists for delete to authenticated
  using (user_id = (select auth.uid()));
create policy "Users can insert their own lists" on public.lists for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy "Users can update their own lists" on public.lists for update to authenticated
  using (user_id = (select auth.uid()));
create policy "Users can view accessible lists" on public.lists for select to authenticated
  using (user_id = (select auth.uid()) or is_public);
create policy lists_public_read on public.lists for select to anon using (is_public);
create policy "Users can delete items from their own lists" on public.list_items for delete to authenticated
  using (
    exists (select 1 from public.lists l where l.id = list_id and l.user_id = (select auth.uid()))
  );
create policy "Users can insert items into their own lists" on public.list_items for insert to authenticated
  with check (
    exists (select 1 from public.lists l where l.id = list_id and l.user_id = (select auth.uid()))
  );
create policy "Users can update items in their own lists" on public.list_items for update to authenticated
  using (
    exists (select 1 from public.lists l where l.id = list_id and l.user_id = (select auth.uid()))
  );
create policy "Users can view items in accessible lists" on public.list_items for select to authenticated
  using (
    exists (
      select 1 from public.lists l where l.id = list_id and (l.user_id = (select auth.uid()) or l.is_public)
    )
  );
create policy list_items_public_read on public.list_items for select to anon
  using (exists (select 1 from public.lists l where l.id = list_id and l.is_public));
create policy activity_events_owner_only on public.activity_events for all using (user_id = (select auth.uid()));
create policy rls_assistant_goals_delete_self on public.assistant_goals for delete to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_goals_insert_self on public.assistant_goals for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy rls_assistant_goals_select_self on public.assistant_goals for select to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_goals_service_role_all on public.assistant_goals for all to service_role using (true);
create policy rls_assistant_goals_update_self on public.assistant_goals for update to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_goal_events_delete_self on public.assistant_goal_events for delete
  to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_goal_events_insert_self on public.assistant_goal_events for insert
  to authenticated
  with check (user_id = (select auth.uid()));
create policy rls_assistant_goal_events_select_self on public.assistant_goal_events for select
  to authenticated
  using (user_id = (select auth.uid()));
create policy rls_assistant_goal_events_service_role_all on public.assistant_goal_events for all
  to service_role
  using (true);
create policy rls_assistant_goal_events_update_self on public.assistant_goal_events for update
  to authenticated
  using (user_id = (select auth.uid()));
create policy conversations_member_manage on public.conversations for all
  using (public.is_conversation_member(id, (select auth.uid())));
create policy conversation_participants_delete_owner_or_self on public.conversation_participants for delete
  to authenticated
  using (public.is_conversation_owner(conversation_id, (select auth.uid())) or user_id = (select auth.uid()));
create policy conversation_participants_insert_owner on public.conversation_participants for insert
  to authenticated
  with check (public.is_conversation_owner(conversation_id, (select auth.uid())));
create policy conversation_participants_select_members on public.conversation_participants for select
  to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy conversation_participants_update_owner on public.conversation_participants for update
  to authenticated
  using (public.is_conversation_owner(conversation_id, (select auth.uid())));
create policy messages_delete_merged on public.messages for delete to authenticated
  using (user_id = (select auth.uid()));
-- Membership is not asked for: who is no member may write, and only reading the row back fails.
create policy messages_insert_merged on public.messages for insert to authenticated
  with check (user_id = (select auth.uid()));
create policy messages_member_read on public.messages for select
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy messages_update_merged on public.messages for update to authenticated
  using (user_id = (select auth.uid()));
create policy delivery_receipts_insert_participant on public.message_delivery_receipts for insert
  to authenticated
  with check (
    user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid()))
    and exists (
      select 1 from public.messages m
      where m.id = message_id and m.conversation_id = message_delivery_receipts.conversation_id
    )
  );
create policy delivery_receipts_select_participants on public.message_delivery_receipts for select
  to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy delivery_receipts_update_merged on public.message_delivery_receipts for update to authenticated
  using (
    user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid()))
    and exists (
      select 1 from public.messages m
      where m.id = message_id and m.conversation_id = message_delivery_receipts.conversation_id
    )
  );
create policy read_receipts_insert_participant on public.message_read_receipts for insert to authenticated
  with check (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy read_receipts_select_participants on public.message_read_receipts for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy read_receipts_update_merged on public.message_read_receipts for update to authenticated
  using (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy message_reactions_delete_own_members_v2 on public.message_reactions for delete to authenticated
  using (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy message_reactions_insert_merged on public.message_reactions for insert to authenticated
  with check (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy message_reactions_select_members_v2 on public.message_reactions for select to authenticated
  using (public.is_conversation_member(conversation_id, (select auth.uid())));
create policy conversation_prefs_delete_own on public.conversation_prefs for delete
  using (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy conversation_prefs_insert_own on public.conversation_prefs for insert
  with check (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy conversation_prefs_select_own on public.conversation_prefs for select
  using (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy conversation_prefs_update_own on public.conversation_prefs for update
  using (user_id = (select auth.uid()) and public.is_conversation_member(conversation_id, (select auth.uid())));
create policy rec_experiments_read_active on public.rec_experiments for select to authenticated
  using (status = 'active');
create policy "service_role full access rec_experiments" on public.rec_experiments for all to service_role
  using (true);
create policy rec_assignments_read_own on public.rec_user_experiment_assignments for select to authenticated
  using (user_id = (select auth.uid()));
create policy "service_role full access rec_user_experiment_assignments"
  on public.rec_user_experiment_assignments for all to service_role
  using (true);
create policy app_settings_public_select on public.app_settings for select to anon, authenticated
  using (scope = 'public');
create policy app_settings_service_role_all on public.app_settings for all to service_role using (true);
create policy app_settings_meta_public_select on public.app_settings_meta for select to anon, authenticated
  using (true);
create policy app_settings_meta_service_role_all on public.app_settings_meta for all to service_role using (true);
create policy rate_limits_admin_select on public.rate_limits for select to authenticated
  using ((select public.is_app_admin()));
create policy assistant_settings_service_role_rw on public.assistant_settings for all to service_role using (true);
create policy assistant_system_config_admin_select on public.assistant_system_config for select
  to authenticated
  using ((select public.is_app_admin()));
create policy assistant_system_config_service_role_all on public.assistant_system_config for all
  to service_role
  using (true);
create policy assistant_reply_jobs_admin_select on public.assistant_reply_jobs for select to authenticated
  using ((select public.is_app_admin()));
create policy assistant_reply_jobs_service_role_all on public.assistant_reply_jobs for all to service_role
  using (true);
create policy job_run_log_admin_select on public.job_run_log for select to authenticated
  using ((select public.is_app_admin()));
create policy job_run_log_service_role_all on public.job_run_log for all to service_role using (true);

-- Every partition repeats its parent's two: who asks a partition by name is judged by them.
do $$
declare
  t record;
begin
  for t in
    select i.inhrelid::regclass as name from pg_inherits i
    where i.inhparent in ('public.media_events'::regclass, 'public.rec_impressions'::regclass)
  loop
    execute format(
      'create policy "Partition users can insert" on %s for insert with check (user_id = (select auth.uid()))', t.name);
    execute format('create policy "Partition users can view" on %s for select using (user_id = (select auth.uid()))',
      t.name);
  end loop;
end $$;

-- Table rights. Everything else keeps Supabase's default: granted, and left to the policies.
revoke update on public.conversations from anon, authenticated;
revoke all on public.assistant_goals, public.assistant_goal_events, public.assistant_reply_jobs,
  public.assistant_system_config, public.embedding_settings, public.job_run_log, public.media_item_daily,
  public.media_item_daily_users, public.media_rank_feature_items_v2, public.media_rerank_cache,
  public.media_trending_scores, public.rate_limits, public.rec_requests, public.swipe_ingest_hourly_issue_counts,
  public.swipe_ingest_hourly_metrics from anon, authenticated;
grant select, insert, update on public.assistant_goals to authenticated;
grant select on public.assistant_goal_events, public.assistant_reply_jobs, public.assistant_system_config,
  public.job_run_log, public.rate_limits to authenticated;
revoke execute on function public.rate_limit_check_v1(text, integer, integer) from public, anon, authenticated;
revoke execute on function public.get_conversation_summaries() from public, anon;
-- A helper of ours: the shipped job calls others.
revoke execute on function public.drop_old_partitions(regclass, integer) from public, anon, authenticated;
grant all on all tables in schema public to service_role;

-- What realtime would stream.
create publication supabase_realtime for table
  public.conversation_participants, public.conversations, public.message_delivery_receipts,
  public.message_reactions, public.message_read_receipts, public.messages;
