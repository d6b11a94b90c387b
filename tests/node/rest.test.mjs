// The unmodified @supabase/supabase-js against a running deployment.
// Wanted in the environment: SANDBOX_URL, SANDBOX_ANON_KEY, SANDBOX_EMAIL, SANDBOX_PASSWORD.
// The person needs at least one conversation with somebody else.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createClient } from '@supabase/supabase-js';

function required(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const url = required('SANDBOX_URL');
const anonKey = required('SANDBOX_ANON_KEY');
const credentials = { email: required('SANDBOX_EMAIL'), password: required('SANDBOX_PASSWORD') };
const options = { auth: { persistSession: false, autoRefreshToken: false } };
const columns = 'id,conversation_id,user_id,body,message_type,text,client_id,meta,attachment_url,created_at';

const supabase = createClient(url, anonKey, options);
const stranger = createClient(url, anonKey, options);
const made = [];
let me;
let conversation;

function ok({ data, error, ...rest }) {
  assert.equal(error, null, JSON.stringify(error));
  return { data, ...rest };
}

function message(text) {
  const body = { type: 'text', text, clientId: randomUUID() };
  return {
    conversation_id: conversation,
    user_id: me,
    sender_id: me,
    body,
    meta: body,
    message_type: 'text',
    text,
    client_id: body.clientId,
    attachment_url: null,
  };
}

async function send(text) {
  const { data } = ok(await supabase.from('messages').insert(message(text)).select(columns).single());
  made.push(data.id);
  return data;
}

before(async () => {
  const { data } = ok(await supabase.auth.signInWithPassword(credentials));
  me = data.user.id;
  const summaries = ok(await supabase.rpc('get_conversation_summaries_v2', { p_user_id: me }));
  assert.ok(summaries.data.length > 0, 'the person has no conversation');
  conversation = summaries.data.find((row) => row.participants.length > 1).conversation_id;
});

after(async () => {
  if (made.length > 0) await supabase.from('messages').delete().in('id', made);
  await supabase.auth.signOut();
});

describe('auth', () => {
  test('signing in gives a session whose token names the person', async () => {
    const { data } = ok(await supabase.auth.getSession());
    assert.equal(data.session.token_type, 'bearer');
    const user = ok(await supabase.auth.getUser());
    assert.equal(user.data.user.id, me);
    assert.equal(user.data.user.email, credentials.email);
    assert.equal(user.data.user.role, 'authenticated');
  });

  test('a wrong password is refused', async () => {
    const { data, error } = await stranger.auth.signInWithPassword({ ...credentials, password: 'not this one' });
    assert.equal(data.session, null);
    assert.equal(error.status, 400);
    assert.equal(error.code, 'invalid_credentials');
  });

  test('a refresh gives a new session', async () => {
    const other = createClient(url, anonKey, options);
    const first = ok(await other.auth.signInWithPassword(credentials)).data.session;
    const second = ok(await other.auth.refreshSession()).data.session;
    assert.equal(second.user.id, me);
    assert.notEqual(second.refresh_token, first.refresh_token);
    ok(await other.from('profiles').select('id').limit(1));
  });
});

describe('reading', () => {
  test('select, filter, order and limit', async () => {
    const sent = [await send('one'), await send('two'), await send('three')];
    const { data, status } = ok(
      await supabase
        .from('messages')
        .select(columns)
        .eq('conversation_id', conversation)
        .order('created_at', { ascending: false })
        .order('id', { ascending: false })
        .limit(2),
    );
    assert.equal(status, 200);
    assert.deepEqual(data.map((row) => row.id), [sent[2].id, sent[1].id]);
    assert.deepEqual(Object.keys(data[0]), columns.split(','));
    const older = ok(
      await supabase
        .from('messages')
        .select('id')
        .eq('conversation_id', conversation)
        .or(`created_at.lt."${data[1].created_at}",and(created_at.eq."${data[1].created_at}",id.lt.${data[1].id})`)
        .order('created_at', { ascending: false })
        .limit(1),
    );
    assert.equal(older.data[0].id, sent[0].id);
  });

  test('in, is, not, ilike, contains, match and range', async () => {
    const sent = await send('Needle, quoted (and more)');
    const mine = () => supabase.from('messages').select('id').eq('conversation_id', conversation);
    for (const query of [
      mine().in('text', ['nothing', sent.text]),
      mine().ilike('text', 'needle%'),
      mine().contains('body', { clientId: sent.client_id }),
      mine().match({ client_id: sent.client_id, user_id: me }),
      mine().eq('body->>clientId', sent.client_id),
      mine().not('text', 'is', null).eq('client_id', sent.client_id).is('attachment_url', null),
      mine().filter('client_id', 'in', `("${sent.client_id}","x")`).range(0, 0),
    ]) {
      const { data } = ok(await query);
      assert.deepEqual(data, [{ id: sent.id }]);
    }
  });

  test('counting, with rows and without', async () => {
    await send('to be counted');
    const rows = ok(
      await supabase.from('messages').select('id', { count: 'exact' }).eq('conversation_id', conversation).limit(1),
    );
    assert.equal(rows.data.length, 1);
    assert.ok(rows.count >= 1);
    const head = ok(
      await supabase
        .from('messages')
        .select('id', { count: 'exact', head: true })
        .eq('conversation_id', conversation),
    );
    assert.equal(head.data, null);
    assert.equal(head.count, rows.count);
  });

  test('text search', async () => {
    const { data } = ok(
      await supabase.from('media_items').select('tmdb_title').not('tmdb_title', 'is', null).limit(1).single(),
    );
    const found = ok(
      await supabase
        .from('media_items')
        .select('tmdb_title', { count: 'exact' })
        .textSearch('search_vector', data.tmdb_title, { type: 'websearch', config: 'english' }),
    );
    assert.ok(found.data.some((row) => row.tmdb_title === data.tmdb_title));
  });

  test('single and maybeSingle', async () => {
    const one = ok(await supabase.from('profiles').select('id').eq('id', me).single());
    assert.deepEqual(one.data, { id: me });
    const none = await supabase.from('profiles').select('id').eq('id', randomUUID()).single();
    assert.equal(none.status, 406);
    assert.equal(none.error.code, 'PGRST116');
    assert.equal(none.error.details, 'The result contains 0 rows');
    const maybe = ok(await supabase.from('profiles').select('id').eq('id', randomUUID()).maybeSingle());
    assert.equal(maybe.data, null);
  });

  test('unknown tables, columns and malformed values', async () => {
    const table = await supabase.from('no_such_table').select('*');
    assert.deepEqual([table.status, table.error.code], [404, 'PGRST205']);
    const column = await supabase.from('profiles').select('no_such_column');
    assert.deepEqual([column.status, column.error.code], [400, '42703']);
    const value = await supabase.from('profiles').select('id').eq('id', 'no uuid');
    assert.deepEqual([value.status, value.error.code], [400, '22P02']);
  });
});

describe('writing', () => {
  test('an insert without select answers 201 and nothing else', async () => {
    const row = message('plain');
    const { data, status } = ok(await supabase.from('messages').insert(row));
    assert.deepEqual([data, status], [null, 201]);
    const found = ok(await supabase.from('messages').select('id').eq('client_id', row.client_id).single());
    made.push(found.data.id);
  });

  test('many rows at once, their keys differing', async () => {
    const { text: _, ...short } = message('left out');
    const rows = [message('first'), short];
    const { data, status } = ok(await supabase.from('messages').insert(rows).select('id,text'));
    made.push(...data.map((row) => row.id));
    assert.equal(status, 201);
    assert.deepEqual(new Set(data.map((row) => row.text)), new Set(['first', null]));
  });

  test('upsert merges or ignores', async () => {
    const row = { user_id: me, conversation_id: conversation, muted: true, hidden: false, muted_until: null };
    const conflict = { onConflict: 'user_id,conversation_id' };
    const first = ok(await supabase.from('conversation_prefs').upsert(row, conflict));
    assert.ok([200, 201].includes(first.status));
    const merged = ok(
      await supabase.from('conversation_prefs').upsert({ ...row, muted: false }, conflict).select('muted').single(),
    );
    assert.deepEqual(merged.data, { muted: false });
    const ignored = ok(
      await supabase
        .from('conversation_prefs')
        .upsert([{ ...row, muted: true }], { ...conflict, ignoreDuplicates: true })
        .select(),
    );
    assert.deepEqual(ignored.data, []);
    const wrong = await supabase.from('conversation_prefs').upsert(row, { onConflict: 'muted' });
    assert.deepEqual([wrong.status, wrong.error.code], [400, '42P10']);
    ok(await supabase.from('conversation_prefs').delete().eq('user_id', me).eq('conversation_id', conversation));
  });

  test('update, with and without the row', async () => {
    const sent = await send('before');
    const edited = ok(
      await supabase.from('messages').update({ text: 'after' }).eq('id', sent.id).select('text').single(),
    );
    assert.deepEqual(edited.data, { text: 'after' });
    const quiet = ok(
      await supabase.from('messages').update({ text: 'again' }, { count: 'exact' }).eq('id', sent.id),
    );
    assert.deepEqual([quiet.status, quiet.data, quiet.count], [204, null, 1]);
    const nobody = await supabase
      .from('messages')
      .update({ text: 'x' })
      .eq('id', randomUUID())
      .select('id')
      .single();
    assert.deepEqual([nobody.status, nobody.error.code], [406, 'PGRST116']);
  });

  test('delete', async () => {
    const sent = await send('to go');
    const gone = ok(await supabase.from('messages').delete({ count: 'exact' }).eq('id', sent.id));
    assert.deepEqual([gone.status, gone.count], [204, 1]);
    const unfiltered = await supabase.from('messages').delete();
    assert.deepEqual([unfiltered.status, unfiltered.error.code], [400, '21000']);
  });

  test('conflicts, checks and policies keep their codes', async () => {
    const sent = await send('liked');
    const reaction = { conversation_id: conversation, message_id: sent.id, user_id: me, emoji: '👍' };
    ok(await supabase.from('message_reactions').insert(reaction));
    const twice = await supabase.from('message_reactions').insert(reaction);
    assert.deepEqual([twice.status, twice.error.code], [409, '23505']);
    const kind = await supabase.from('messages').insert({ ...message('x'), message_type: 'audio' });
    assert.deepEqual([kind.status, kind.error.code], [400, '22P02']);
    const large = await supabase.from('messages').insert({ ...message('x'), body: { text: 'y'.repeat(17_000) } });
    assert.deepEqual([large.status, large.error.code], [400, 'P0001']);
    const foreign = await supabase.from('messages').insert({ ...message('x'), user_id: randomUUID() });
    assert.deepEqual([foreign.status, foreign.error.code], [403, '42501']);
    const renamed = await supabase.from('conversations').update({ title: 'x' }).eq('id', conversation);
    assert.deepEqual([renamed.status, renamed.error.code], [403, '42501']);
  });
});

describe('functions', () => {
  test('a feed of rows', async () => {
    const feed = ok(
      await supabase.rpc('get_home_feed_v2', {
        p_user_id: me,
        p_limit: 5,
        p_cursor_created_at: null,
        p_cursor_id: null,
      }),
    );
    assert.ok(Array.isArray(feed.data));
    assert.ok(feed.data.length <= 6);
  });

  test('void, raised errors and unknown functions', async () => {
    const sent = await send('read this');
    const marked = ok(
      await supabase.rpc('mark_conversation_read', { p_conversation_id: conversation, p_last_message_id: sent.id }),
    );
    assert.equal(marked.status, 204);
    const foreign = await stranger.rpc('get_home_feed_v2', { p_user_id: me, p_limit: 5 });
    assert.deepEqual([foreign.status, foreign.error.code], [400, 'P0001']);
    assert.equal(foreign.error.message, 'Not authorized');
    const unknown = await supabase.rpc('no_such_function', { a: 1 });
    assert.deepEqual([unknown.status, unknown.error.code], [404, 'PGRST202']);
  });

  test('an anonymous caller sees nothing of a conversation', async () => {
    const seen = await stranger.from('messages').select('id').eq('conversation_id', conversation);
    assert.ok(seen.error !== null || seen.data.length === 0);
  });
});
