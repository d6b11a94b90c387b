// The unmodified toxiproxy-node-client against our proxy: create, list, update, remove, reset.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Toxiproxy } from "toxiproxy-node-client";

const server = new Toxiproxy(process.env.TOXIPROXY_URL);
const made = (name, extra = {}) =>
  server.createProxy({ name, listen: "127.0.0.1:0", upstream: "127.0.0.1:9", ...extra });

test("proxies are created, listed, updated and removed", async () => {
  const proxy = await made("node");
  assert.match(proxy.listen, /^127\.0\.0\.1:\d+$/);
  assert.equal(proxy.enabled, true);
  assert.equal((await server.get("node")).upstream, "127.0.0.1:9");
  assert.ok("node" in (await server.getAll()));
  const updated = await proxy.update({ enabled: false, listen: proxy.listen, upstream: "127.0.0.1:8" });
  assert.equal(updated.enabled, false);
  assert.equal(updated.upstream, "127.0.0.1:8");
  await proxy.remove();
  assert.ok(!("node" in (await server.getAll())));
  await assert.rejects(server.get("node"));
});

test("a name that exists is refused", async () => {
  await made("twice");
  await assert.rejects(made("twice"));
  await (await server.get("twice")).remove();
});

test("every toxic of Toxiproxy is added, refreshed, updated and removed", async () => {
  const proxy = await made("toxics");
  const kinds = {
    latency: { latency: 5, jitter: 1 },
    bandwidth: { rate: 100 },
    slow_close: { delay: 5 },
    timeout: { timeout: 5 },
    slicer: { average_size: 10, size_variation: 2, delay: 3 },
    limit_data: { bytes: 100 },
    reset_peer: { timeout: 5 },
  };
  for (const [type, attributes] of Object.entries(kinds)) {
    const made = await proxy.addToxic({ name: `${type}-1`, type, stream: "upstream", toxicity: 0.5, attributes });
    const toxic = await proxy.getToxic(made.name);
    assert.deepEqual(toxic.toJson(), { name: `${type}-1`, type, stream: "upstream", toxicity: 0.5, attributes });
  }
  const first = await proxy.getToxic("latency-1");
  const updated = await first.update({ ...first.toJson(), attributes: { latency: 9 } });
  assert.deepEqual(updated.attributes, { latency: 9, jitter: 1 });
  await updated.remove();
  await assert.rejects(proxy.getToxic("latency-1"));
  await assert.rejects(proxy.addToxic({ name: "x", type: "down", stream: "upstream", toxicity: 1, attributes: {} }));
  await proxy.remove();
});

test("populate, version and reset", async () => {
  const proxies = await server.populate([
    { name: "one", listen: "127.0.0.1:0", upstream: "127.0.0.1:9" },
    { name: "two", listen: "127.0.0.1:0", upstream: "127.0.0.1:9" },
  ]);
  assert.deepEqual(Object.keys(proxies).sort(), ["one", "two"]);
  assert.match(await server.getVersion(), /version/);
  await proxies.one.addToxic({ name: "l", type: "latency", stream: "downstream", toxicity: 1, attributes: {} });
  await proxies.two.update({ enabled: false, listen: proxies.two.listen, upstream: proxies.two.upstream });
  await server.reset();
  const [one, two] = [await server.get("one"), await server.get("two")];
  await assert.rejects(one.getToxic("l"));
  assert.equal(two.enabled, true);
  await one.remove();
  await two.remove();
});
