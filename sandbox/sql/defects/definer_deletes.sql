create function public.zz_defect_purge_messages(p_days integer) returns void
  language sql security definer set search_path = ''
  as $$ delete from public.messages where created_at < now() - make_interval(days => p_days) $$;
grant execute on function public.zz_defect_purge_messages(integer) to anon;
