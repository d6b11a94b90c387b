create policy zz_defect_delete on public.messages for delete to authenticated using (true);
