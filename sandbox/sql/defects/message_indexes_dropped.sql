-- Enough messages that reading all of them is felt, in a conversation of nobody's.
drop index public.messages_conversation_created_idx, public.messages_conversation_created_asc_idx,
  public.messages_conversation_idx, public.messages_conversation_client_idx,
  public.messages_conversation_user_created_idx, public.messages_conversation_type_idx, public.messages_created_idx;
select sandbox_defects.old_messages(20000);
