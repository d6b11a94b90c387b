// The unmodified supabase-js against a sandbox's Realtime: what each case proves stands in docs/sandbox.md.
// Wanted in the environment: see harness.mjs. Argument: `all`, or nothing for the fast ones.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  anonKey, client, conversation, isNotice, listen, minted, otherClient, pause, run, sandbox, saw, send, speaksV2,
  subscribe, subscribed, until, url, version,
} from './harness.mjs';

const cases = [];
const add = (name, options, body) => cases.push({ name, ...options, body });
const topic = (name) => `${name}-${randomUUID()}`;
const close = (channel, code) => sandbox('commands', { do: 'close', topic: channel.subTopic ?? named(channel), code });
const named = (channel) => channel.topic.replace(/^realtime:/, '');

add('the URL', { fast: true }, async () => {
  const supabase = await client(null);
  const endpoint = new URL(supabase.realtime.endpointURL());
  assert.equal(endpoint.pathname, '/realtime/v1/websocket');
  assert.equal(endpoint.searchParams.get('apikey'), anonKey);
  assert.equal(endpoint.searchParams.get('eventsPerSecond'), '10');
  assert.equal(endpoint.searchParams.get('vsn'), speaksV2 ? '2.0.0' : '1.0.0');
});

add('sign-in, REST and functions', { fast: true }, async () => {
  const supabase = await client();
  const { data, error } = await supabase.from('profiles').select('id').eq('id', supabase.me).single();
  assert.equal(error, null);
  assert.equal(data.id, supabase.me);
  const settings = await supabase.functions.invoke('public-app-settings', { method: 'GET' });
  assert.equal(settings.error, null);
  assert.ok(settings.data);
  const summaries = await supabase.rpc('get_conversation_summaries_v2', { p_user_id: supabase.me });
  assert.ok(summaries.data.some((row) => row.conversation_id === conversation));
});

add('join: SUBSCRIBED, then the Postgres notice', { fast: true }, async () => {
  const supabase = await client();
  const channel = supabase.channel(topic('join'), { config: { presence: { key: supabase.me } } });
  listen(channel, 'messages');
  channel.on('broadcast', { event: 'typing' }, () => {}).on('presence', { event: 'sync' }, () => {});
  await subscribed(channel);
  assert.deepEqual(channel.statuses[0], ['SUBSCRIBED', undefined]);
  const notice = channel.notices.find(isNotice);
  assert.equal(notice.extension, 'postgres_changes');
  assert.equal(notice.channel, named(channel));
});

add('changes: insert, update and delete, by filter', { fast: true }, async () => {
  const [ann, bob] = await Promise.all([client('ann'), client('bob')]);
  const channel = ann.channel(topic('changes'));
  const messages = listen(channel, 'messages');
  const wanted = listen(channel, 'message_reactions', { filter: 'emoji=in.(👍,🔥)' });
  const deleted = listen(channel, 'message_reactions', { event: 'DELETE' });
  await subscribed(channel);

  const sent = await send(bob, 'one');
  const inserted = await until('INSERT', () => messages.find((one) => one.new.client_id === sent.client_id));
  assert.equal(inserted.eventType, 'INSERT');
  assert.equal(inserted.errors, null);
  assert.deepEqual([inserted.schema, inserted.table], ['public', 'messages']);
  assert.deepEqual(inserted.old, {});
  assert.deepEqual(inserted.new, sent);
  assert.equal(inserted.new.body.clientId, sent.client_id);
  assert.match(inserted.commit_timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  await bob.from('messages').update({ text: 'two' }).eq('id', sent.id);
  const updated = await until('UPDATE', () =>
    messages.find((one) => one.eventType === 'UPDATE' && one.new.id === sent.id));
  assert.equal(updated.new.text, 'two');
  assert.equal(updated.old.text, 'one');

  const react = (emoji) =>
    bob.from('message_reactions')
      .insert({ conversation_id: conversation, message_id: sent.id, user_id: bob.me, emoji })
      .select('id').single();
  await react('😴');
  const fire = await react('🔥');
  const reaction = await until('a reaction', () => wanted.find((one) => one.new.message_id === sent.id));
  assert.equal(reaction.new.emoji, '🔥');
  await bob.from('message_reactions').delete().eq('id', fire.data.id);
  const gone = await until('DELETE', () => deleted.find((one) => one.old.id === fire.data.id));
  assert.equal(gone.eventType, 'DELETE');
  assert.deepEqual(gone.old, { id: fire.data.id });
  assert.deepEqual(gone.new, {});
  assert.equal(wanted.filter((one) => one.new.emoji === '😴').length, 0);
});

add('row level security: who is no member hears nothing', {}, async () => {
  const [bob, eve] = await Promise.all([client('bob'), client('eve')]);
  const mine = bob.channel(topic('member'));
  const foreign = eve.channel(topic('stranger'));
  const [heard, overheard] = [listen(mine, 'messages'), listen(foreign, 'messages')];
  await Promise.all([subscribed(mine), subscribed(foreign)]);
  const sent = await send(bob, 'for members');
  await until('the member', () => heard.find((one) => one.new.id === sent.id));
  await pause(500);
  assert.equal(overheard.filter((one) => one.new?.id === sent.id).length, 0);
});

add('a wrong filter is told, and the channel stays', {}, async () => {
  const supabase = await client();
  const channel = supabase.channel(topic('wrong'));
  listen(channel, 'messages', { filter: 'wrong' });
  await subscribed(channel, { database: false });
  const notice = await until('the complaint', () => channel.notices.find((one) => one.status === 'error'));
  assert.equal(notice.message, 'Error parsing `filter` params: ["wrong"]');
  await pause(300);
  assert.equal(channel.statuses.length, 1);
});

add('broadcast with ack and self, and on the wire', { fast: true }, async () => {
  const [ann, bob] = await Promise.all([client('ann'), client('bob')]);
  const name = topic('typing');
  const mine = ann.channel(name, { config: { broadcast: { ack: true, self: true } } });
  const theirs = bob.channel(name);
  const [own, heard] = [[], []];
  mine.on('broadcast', { event: 'typing' }, (payload) => own.push(payload));
  theirs.on('broadcast', { event: '*' }, (payload) => heard.push(payload));
  await Promise.all([subscribed(mine, { database: false }), subscribed(theirs, { database: false })]);
  const payload = { userId: ann.me, displayName: 'Ann', isTyping: true };
  assert.equal(await mine.send({ type: 'broadcast', event: 'typing', payload }), 'ok');
  for (const list of [own, heard]) {
    const got = await until('the broadcast', () => list[0]);
    assert.deepEqual([got.type, got.event, got.payload], ['broadcast', 'typing', payload]);
  }
  const binary = ann.frames.filter((frame) => frame.binary).map((frame) => [frame.from, frame.data[0]]);
  assert.deepEqual(binary, speaksV2 ? [['client', 3], ['server', 4]] : []);
});

add('broadcast between the two generations', { fast: true }, async () => {
  const [ann, bob] = await Promise.all([client('ann'), otherClient('bob')]);
  const name = topic('mixed');
  const channels = [ann.channel(name), bob.channel(name)];
  const heard = channels.map((channel) => {
    const list = [];
    channel.on('broadcast', { event: 'typing' }, (got) => list.push(got.payload));
    return list;
  });
  await Promise.all(channels.map((channel) => subscribed(channel, { database: false })));
  await channels[0].send({ type: 'broadcast', event: 'typing', payload: { from: 'ann' } });
  await channels[1].send({ type: 'broadcast', event: 'typing', payload: { from: 'bob' } });
  await until('both', () => heard[0].length && heard[1].length);
  assert.deepEqual(heard, [[{ from: 'bob' }], [{ from: 'ann' }]]);
});

add('presence: sync, join, leave', { fast: true }, async () => {
  const [ann, bob] = await Promise.all([client('ann'), client('bob')]);
  const name = topic('presence');
  const mine = ann.channel(name, { config: { presence: { key: ann.me } } });
  const events = [];
  for (const event of ['sync', 'join', 'leave']) mine.on('presence', { event }, () => events.push(event));
  await subscribed(mine, { database: false });
  assert.equal(await mine.track({ user_id: ann.me, last_seen: 1, status: 'online' }), 'ok');
  await until('the first track', () => mine.presenceState()[ann.me]);
  assert.equal(await mine.track({ user_id: ann.me, last_seen: 2, status: 'away' }), 'ok');
  await until('the second track', () => mine.presenceState()[ann.me]?.[0].last_seen === 2);
  assert.deepEqual(events.slice(-6), ['sync', 'join', 'sync', 'join', 'leave', 'sync']);
  assert.equal(mine.presenceState()[ann.me].length, 1);
  assert.ok(mine.presenceState()[ann.me][0].presence_ref);

  const theirs = bob.channel(name, { config: { presence: { key: bob.me } } });
  theirs.on('presence', { event: 'sync' }, () => {});
  await subscribed(theirs, { database: false });
  await until('the state after the join', () => theirs.presenceState()[ann.me]);
  await theirs.track({ user_id: bob.me, last_seen: 3, status: 'online' });
  await until('two people', () => Object.keys(mine.presenceState()).length === 2);
  await bob.removeAllChannels();
  await until('one person', () => Object.keys(mine.presenceState()).length === 1);
  assert.equal(await mine.untrack(), 'ok');
  await until('nobody', () => Object.keys(mine.presenceState()).length === 0);
});

add('heartbeats are answered; silence leads to a new socket', {}, async () => {
  const statuses = [];
  const supabase = await client('ann', { realtime: { heartbeatCallback: (status) => statuses.push(status) } });
  const channel = await subscribed(supabase.channel(topic('heart')), { database: false });
  await until('an answer', () => statuses.includes('sent') && statuses.includes('ok'));
  const from = channel.statuses.length;
  const met = (await (await fetch(`${url}/.well-known/movinesta-sandbox/realtime/sockets`)).json()).find((one) =>
    one.topics.includes(channel.topic));
  await sandbox('faults', { name: 'realtime_swallow_heartbeats', socket: met.socket });
  await until('a timeout', () => statuses.includes('timeout'));
  await until('SUBSCRIBED again', () => saw(channel, 'SUBSCRIBED', from), 12_000);
});

add('token refresh on an open channel', {}, async () => {
  const [ann, bob] = await Promise.all([client('ann'), client('bob')]);
  const channel = ann.channel(topic('token'));
  const heard = listen(channel, 'messages');
  await subscribed(channel);
  await ann.realtime.setAuth(minted(ann.token, 1800));
  await until('the second notice', () => channel.notices.filter(isNotice).length === 2);
  assert.ok(ann.frames.some((frame) => frame.from === 'client' && frame.data.includes('access_token')));
  const sent = await send(bob, 'after the refresh');
  await until('a message', () => heard.find((one) => one.new.id === sent.id));
  assert.equal(channel.statuses.length, 1);
});

add('a join that is refused names its reason', { fast: true }, async () => {
  const supabase = await client();
  const channel = subscribe(supabase.channel(topic('secret'), { config: { private: true } }));
  const [status, error] = await until('CHANNEL_ERROR', () => channel.statuses[0]);
  assert.equal(status, 'CHANNEL_ERROR');
  const reason = `Unauthorized: You do not have permissions to read from this Channel topic: ${named(channel)}`;
  assert.ok(error.includes(reason), error);
});

add('a join that is not answered', {}, async () => {
  const supabase = await client();
  const name = topic('silent');
  await sandbox('faults', { name: 'realtime_join_delay_ms', value: 4000, topic: name });
  const channel = subscribe(supabase.channel(name), 1500);
  await until('TIMED_OUT', () => saw(channel, 'TIMED_OUT'));
  const left = supabase.frames.some((frame) => frame.from === 'client' && frame.data.includes('phx_leave'));
  assert.equal(left, speaksV2);
});

add('a crashed channel joins again', { fast: true }, async () => {
  const supabase = await client();
  const channel = await subscribed(supabase.channel(topic('crash')), { database: false });
  const begun = Date.now();
  await sandbox('commands', { do: 'crash', topic: named(channel) });
  await until('CHANNEL_ERROR', () => saw(channel, 'CHANNEL_ERROR', 1));
  await until('SUBSCRIBED again', () => saw(channel, 'SUBSCRIBED', 1));
  assert.ok(Date.now() - begun >= 900, `after ${Date.now() - begun} ms`);
});

add('a token that ends closes the channel for good', {}, async () => {
  const supabase = await client();
  await supabase.realtime.setAuth(minted(supabase.token, 6)); // long enough to join on a busy machine
  const channel = await subscribed(supabase.channel(topic('expiry')), { database: false });
  await until('CLOSED', () => saw(channel, 'CLOSED'), 20_000);
  const notice = channel.notices.find((one) => one.status === 'error');
  assert.match(notice.message, /^Token has expired \d+ seconds ago$/);
  const from = channel.statuses.length;
  await pause(3000);
  assert.equal(saw(channel, 'SUBSCRIBED', from), false);
});

for (const code of [1012, 1000, 1006]) {
  add(`a socket that ends with ${code} comes back`, { fast: code === 1012 }, async () => {
    const supabase = await client();
    const channel = supabase.channel(topic('drop'));
    const heard = listen(channel, 'messages');
    await subscribed(channel);
    const begun = Date.now();
    await close(channel, code);
    const missed = await send(supabase, 'while away');
    await until('SUBSCRIBED again', () => saw(channel, 'SUBSCRIBED', 1), 12_000);
    assert.ok(Date.now() - begun >= 900, `after ${Date.now() - begun} ms`);
    await until('the second notice', () => channel.notices.filter(isNotice).length === 2);
    const sent = await send(supabase, 'back again');
    await until('a message', () => heard.find((one) => one.new.id === sent.id));
    assert.equal(heard.filter((one) => one.new.id === missed.id).length, 0, 'nothing is replayed');
  });
}

add('removing a channel and joining its topic at once', { fast: true }, async () => {
  const supabase = await client();
  const name = topic('remount');
  const first = await subscribed(supabase.channel(name), { database: false });
  const removed = supabase.removeChannel(first);
  const second = supabase.channel(name);
  const heard = [];
  second.on('broadcast', { event: 'x' }, (payload) => heard.push(payload));
  await subscribed(second, { database: false });
  await removed;
  await pause(300);
  const other = await client('bob');
  const theirs = await subscribed(other.channel(name), { database: false });
  await theirs.send({ type: 'broadcast', event: 'x', payload: {} });
  await until('a broadcast', () => heard.length === 1);
});

add('REST: send on a channel that is not joined, and httpSend', { fast: true }, async () => {
  const [ann, bob] = await Promise.all([client('ann'), client('bob')]);
  const name = topic('rest');
  const theirs = bob.channel(name);
  const heard = [];
  theirs.on('broadcast', { event: 'typing' }, (got) => heard.push(got.payload));
  await subscribed(theirs, { database: false });
  const idle = ann.channel(name);
  assert.equal(await idle.send({ type: 'broadcast', event: 'typing', payload: { by: 'send' } }), 'ok');
  const answer = await idle.httpSend('typing', { by: 'httpSend' });
  assert.equal(answer.success, true);
  await until('both', () => heard.length === 2);
  assert.deepEqual(heard, [{ by: 'send' }, { by: 'httpSend' }]);
});

add('two people chat', { fast: true }, async () => {
  const [ann, bob] = await Promise.all([client('ann'), client('bob')]);
  const sides = [ann, bob].map((supabase) => {
    const channel = supabase.channel(`conversation-db-${conversation}`);
    const heard = listen(channel, 'messages');
    for (const table of ['message_read_receipts', 'message_delivery_receipts', 'message_reactions']) {
      listen(channel, table);
    }
    return { supabase, channel, heard };
  });
  await Promise.all(sides.map((side) => subscribed(side.channel)));
  const said = [];
  for (let turn = 0; turn < 4; turn += 1) said.push(await send(sides[turn % 2].supabase, `${version} turn ${turn}`));
  for (const { heard } of sides) {
    const ids = () => heard.map((one) => one.new.id).filter((id) => said.some((one) => one.id === id));
    await until('all turns', () => ids().length >= said.length);
    assert.deepEqual(ids(), said.map((one) => one.id));
  }
});

add('drained: everybody is told, and comes back', { alone: true }, async () => {
  const supabase = await client();
  const channel = await subscribed(supabase.channel(topic('drain')), { database: false });
  await sandbox('commands', { do: 'drain' });
  await until('the notice', () => channel.notices.some((one) => one.message === 'Server requested disconnect'));
  await until('SUBSCRIBED again', () => saw(channel, 'SUBSCRIBED', 1), 12_000);
});

add('refused upgrades: attempts at +1 and +3 s', { alone: true }, async () => {
  const supabase = await client();
  const channel = await subscribed(supabase.channel(topic('refused')), { database: false });
  await sandbox('faults', { name: 'realtime_refuse_status', value: 503, seconds: 2 });
  const begun = Date.now();
  await close(channel, 1012);
  await until('SUBSCRIBED again', () => saw(channel, 'SUBSCRIBED', 1), 15_000);
  assert.ok(Date.now() - begun >= 2900, `after ${Date.now() - begun} ms`);
});

await run(cases, process.argv[2] ?? 'fast');
