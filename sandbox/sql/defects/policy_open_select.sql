create policy zz_defect_select on public.library_entries for select to authenticated using (true);
