create policy zz_defect_update on public.messages for update to authenticated using (true);
