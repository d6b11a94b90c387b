-- A child table shares its parent's rows, but not its unique constraint: who reads receipts reads the copy as well.
create table sandbox_defects.receipt_copies () inherits (public.message_delivery_receipts);
create function sandbox_defects.copy_receipt() returns trigger language plpgsql security definer as $$
begin
  insert into sandbox_defects.receipt_copies (conversation_id, message_id, user_id, delivered_at, created_at)
  values (new.conversation_id, new.message_id, new.user_id, new.delivered_at, new.created_at);
  return null;
end $$;
create trigger zz_defect after insert on public.message_delivery_receipts
  for each row execute function sandbox_defects.copy_receipt();
