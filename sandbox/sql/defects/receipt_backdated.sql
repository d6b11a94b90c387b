create function sandbox_defects.backdate_receipt() returns trigger language plpgsql security definer as $$
begin
  select m.created_at - interval '1 hour' into new.delivered_at from public.messages m where m.id = new.message_id;
  return new;
end $$;
create trigger zz_defect before insert or update on public.message_delivery_receipts
  for each row execute function sandbox_defects.backdate_receipt();
