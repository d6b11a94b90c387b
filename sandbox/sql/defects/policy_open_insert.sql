create policy zz_defect_insert on public.library_entries for insert to authenticated with check (true);
