// ioredis against the nodes of one cluster. Run by test_ioredis.py, which starts them:
//
//   NODE_PATH=.../node_modules node clients.cjs PORT PORT PORT

'use strict';

const assert = require('node:assert/strict');
const { after, before, beforeEach, test } = require('node:test');
const Redis = require('ioredis');

const ports = process.argv.slice(2).map(Number);
let clients = [];

// Fails at once rather than retrying for ever.
function connect(port, options = {}) {
  const client = new Redis({
    port, host: '127.0.0.1', retryStrategy: () => null, maxRetriesPerRequest: 0, ...options,
  });
  clients.push(client);
  return client;
}

// A client that ioredis itself calls ready: it sent CLIENT SETINFO and read loading:0 in INFO.
async function ready(port, options) {
  const client = connect(port, { lazyConnect: true, ...options });
  await client.connect();
  assert.equal(client.status, 'ready');
  return client;
}

let each = [];

before(async () => {
  assert.equal(ports.length, 3);
  each = await Promise.all(ports.map((port) => ready(port)));
});

after(() => {
  for (const client of clients) client.disconnect();
});

beforeEach(async () => {
  assert.equal(await each[0].flushall(), 'OK');
});

test('a write through one node is read through all', async () => {
  for (let i = 0; i < 60; ++i) {
    assert.equal(await each[i % 3].set('k', i), 'OK');
    for (const client of each) assert.equal(await client.get('k'), String(i));
  }
});

test('strings, counters and many keys', async () => {
  const [a, b, c] = each;
  assert.equal(await a.get('nothing'), null);
  assert.equal(await a.set('k', '1', 'NX'), 'OK');
  assert.equal(await b.set('k', '2', 'NX'), null);
  assert.equal(await c.set('k', '2', 'XX', 'GET'), '1');
  assert.equal(await a.append('k', '3'), 2);
  assert.equal(await b.strlen('k'), 2);
  assert.equal(await c.incr('k'), 24);
  assert.equal(await a.incrby('k', -4), 20);
  assert.equal(await b.decr('k'), 19);
  assert.equal(await a.mset({ x: '1', y: '2' }), 'OK');
  assert.equal(await a.mset(new Map([['z', '3']])), 'OK');
  assert.deepEqual(await b.mget('x', 'nothing', ['y', 'z']), ['1', null, '2', '3']);
  assert.equal(await c.exists('x', 'y', 'nothing'), 2);
  assert.equal(await c.del('x', 'nothing'), 1);
  assert.equal(await a.type('y'), 'string');
  assert.equal(await a.dbsize(), 3);
  assert.deepEqual((await b.keys('[yz]')).sort(), ['y', 'z']);
});

test('values of any bytes', async () => {
  const value = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
  await each[0].set(Buffer.from([0, 13, 10, 255]), value);
  assert.deepEqual(await each[2].getBuffer(Buffer.from([0, 13, 10, 255])), value);
  assert.equal(await each[1].set('text', 'Grüße, 世界'), 'OK');
  assert.equal(await each[2].get('text'), 'Grüße, 世界');
});

test('every increment counts, through all nodes at once', async () => {
  const rounds = 500;
  const seen = await Promise.all(
    Array.from({ length: 3 * rounds }, (_, i) => each[i % 3].incr('n')));
  assert.equal(new Set(seen).size, 3 * rounds);
  for (const client of each) assert.equal(await client.get('n'), String(3 * rounds));
});

test('pipelines, explicit and automatic', async () => {
  const pipeline = each[0].pipeline();
  for (let i = 0; i < 1000; ++i) pipeline.set(`p${i}`, i).get(`p${i}`).incr('n');
  pipeline.incr('p1', 'too', 'many');
  const replies = await pipeline.exec();
  assert.equal(replies.length, 3001);
  for (let i = 0; i < 1000; ++i) {
    assert.deepEqual(replies.slice(3 * i, 3 * i + 3), [[null, 'OK'], [null, `${i}`], [null, i + 1]]);
  }
  // A command that fails is that command's alone.
  assert.match(replies[3000][0].message, /wrong number of arguments/);

  const automatic = await ready(ports[1], { enableAutoPipelining: true });
  const values = await Promise.all(Array.from({ length: 1000 }, (_, i) => automatic.get(`p${i}`)));
  assert.deepEqual(values, Array.from({ length: 1000 }, (_, i) => String(i)));
});

test('a scan stream finds every key', async () => {
  const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`);
  await each[0].mset(keys.flatMap((key) => [key, 'v']));
  await each[0].mset('other', 'v');
  const seen = new Set();
  for await (const some of each[2].scanStream({ match: 'key:*', count: 100 })) {
    for (const key of some) seen.add(key);
  }
  assert.deepEqual([...seen].sort(), keys.sort());
});

test('who the client is, and what the server is', async () => {
  const client = await ready(ports[0], { connectionName: 'tests' });
  assert.equal(await client.client('GETNAME'), 'tests');
  assert.match(await client.client('LIST'), /name=tests .*lib-name=ioredis/);
  assert.equal(await client.client('SETINFO', 'LIB-NAME', 'other'), 'OK');
  assert.ok(await client.client('ID') > 0);
  const info = await client.info();
  assert.match(info, /\r\nloading:0\r\n/);
  assert.match(info, /\r\nredis_mode:standalone\r\n/);
  assert.equal((await client.role())[0], 'master');
  assert.equal(await client.ping(), 'PONG');
  assert.equal(await client.echo('again'), 'again');
  assert.equal((await client.time()).length, 2);
  assert.deepEqual(await client.config('GET', 'save'), ['save', '']);
  await client.set('k', 'v');
  assert.equal(await client.wait(2, 30_000), 2);
  assert.equal(await client.quit(), 'OK');
});

test('hello names the server, and its protocols', async () => {
  const client = await ready(ports[1]);
  const hello = await client.call('HELLO', '2', 'SETNAME', 'greeter');
  const fields = Object.fromEntries(
    Array.from({ length: hello.length / 2 }, (_, i) => [hello[2 * i], hello[2 * i + 1]]));
  assert.equal(fields.proto, 2);
  assert.equal(fields.role, 'master');
  assert.equal(await client.client('GETNAME'), 'greeter');
  await assert.rejects(client.call('HELLO', '9'), /^ReplyError: NOPROTO /);
});

test('another table, by number and by name', async () => {
  const client = await ready(ports[0], { db: 7 });
  await client.set('k', 'seven');
  assert.equal(await each[1].get('k'), null);
  assert.equal(await each[1].select('colors'), 'OK');
  assert.equal(await each[1].get('k'), null);
  assert.equal(await each[1].select('7'), 'OK');
  assert.equal(await each[1].get('k'), 'seven');
  assert.equal(await each[1].flushdb(), 'OK');
  assert.equal(await each[1].select('0'), 'OK');
});

test('commands of our own', async () => {
  const status = await each[0].call('RAM.STATUS');
  assert.equal(status[status.indexOf('state') + 1], 'ok');
  assert.equal((await each[0].call('RAM.MEMBERS')).length, 3);
  const revision = await each[1].call('RAM.CAS', 'k', '0', 'one');
  assert.equal(await each[2].call('RAM.CAS', 'k', '0', 'two'), null);
  assert.ok(await each[2].call('RAM.CAS', 'k', revision, 'two') > revision);
});

test('error replies are errors, and the connection goes on', async () => {
  const [client] = each;
  await client.set('text', 'x');
  await assert.rejects(client.incr('text'), /^ReplyError: ERR value is not an integer/);
  await assert.rejects(client.call('NOSUCH', 'a'), /^ReplyError: ERR unknown command 'NOSUCH'/);
  await assert.rejects(client.call('GET'), /wrong number of arguments/);
  await assert.rejects(client.set('text', 'x', 'EX', 5), /no expiry/);
  await assert.rejects(client.expire('text', 5), /^ReplyError: ERR unknown command 'expire'.*no key expires/);
  assert.equal(await client.get('text'), 'x');
  await assert.rejects(client.multi().set('text', 'y').exec(), /ERR unknown command 'exec'/);
  assert.equal(await client.ping(), 'PONG');
});
