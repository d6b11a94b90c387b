alter table public.messages disable trigger trg_bump_conversation_updated_at;
