create policy zz_defect on storage.objects for all to authenticated using (true) with check (true);
