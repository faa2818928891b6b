import assert from 'node:assert/strict';
import test from 'node:test';

import { Wire, ask, get } from './support/client.js';
import { dataDir, fileBytes, start, startForAll } from './support/server.js';

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

const server = startForAll((t) => ['--data-dir', dataDir(t, [1, 64, 1024])]);

// The states and digests are those that the Rust servers' tests have from Python.
const SERVED = [
  ['/plaintext', TEXT, 'Hello, World!'],
  ['/json', JSON_TYPE, '{"message":"Hello, World!"}'],
  ['/sleep/0', TEXT, 'slept 0'],
  ['/sleep/5', TEXT, 'slept 5'],
  ['/cpu/0', TEXT, '92d68ca2'],
  ['/cpu/1', TEXT, '2b1f4d63'],
  ['/cpu/100000', TEXT, '0bb69297'],
  ['/cpu/0?offload=1', TEXT, '92d68ca2'],
  ['/cpu/100000?offload=1', TEXT, '0bb69297'],
  ['/hash/0', TEXT, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['/hash/1', TEXT, '785b0751fc2c53dc14a4ce3d800e69ef9ce1009eb327ccf458afe09c242c26c9'],
  ['/hash/64', TEXT, '7daca2095d0438260fa849183dfc67faa459fdf4936e1bc91eec6b281b27e4c2'],
  ['/hash/1000', TEXT, '062af9ccd890ba3d067ca7150278bcc420069bd82f6e41161029303dfd6d661e'],
  ['/hash/0?offload=1', TEXT, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['/hash/1000?offload=1', TEXT, '062af9ccd890ba3d067ca7150278bcc420069bd82f6e41161029303dfd6d661e'],
  ['/file/1', 'application/octet-stream', fileBytes(1).toString('latin1')],
  ['/file/1024', 'application/octet-stream', fileBytes(1024).toString('latin1')],
];

test('each route answers what the contract says, and HEAD the same without the body', async () => {
  for (const [path, type, body] of SERVED) {
    const reply = await ask(server.port, path);
    assert.equal(reply.status, 200, path);
    assert.equal(reply.headers['content-type'], type, path);
    assert.equal(reply.headers['content-length'], String(body.length), path);
    assert.equal(reply.bytes.toString('latin1'), body, path);
    const head = await ask(server.port, path, { method: 'HEAD' });
    assert.equal(head.status, 200, path);
    assert.equal(head.headers['content-type'], type, path);
    assert.equal(head.headers['content-length'], String(body.length), path);
    assert.equal(head.bytes.length, 0, path);
  }
});

test('the head has what Node sends by itself, and the two fields of the body', async () => {
  const { headers } = await ask(server.port, '/plaintext', { headers: { Connection: 'keep-alive' } });
  assert.deepEqual(Object.keys(headers).sort(), ['connection', 'content-length', 'content-type', 'date', 'keep-alive']);
});

test('numbers have one spelling, and bounds', async () => {
  const spellings = ['', '-1', '+1', '01', '00', '1.0', '1e3', '0x1', '%31', ' 1', '99999999999999999999', 'x'];
  for (const [prefix, suffix, inside, outside] of [
    ['/sleep/', '', ['0'], ['60001']],
    ['/cpu/', '', ['0'], ['100000001']],
    ['/cpu/', '?offload=1', ['0'], ['100000001']],
    ['/hash/', '', ['0', '65536'], ['65537']],
    ['/hash/', '?offload=1', ['0', '65536'], ['65537']],
    ['/file/', '', ['1', '1024'], ['0', '1025']],
    ['/events?ms=0&n=', '', ['1', '10000'], ['0', '10001']],
    ['/events?n=1&ms=', '', ['0', '60000'], ['60001']],
  ]) {
    for (const number of inside) {
      assert.equal((await ask(server.port, prefix + number + suffix)).status, 200, prefix + number + suffix);
    }
    for (const number of [...outside, ...spellings]) {
      // http.request refuses a space in a path.
      const path = (prefix + number + suffix).replace(' ', '%20');
      assert.equal((await ask(server.port, path)).status, 400, path);
    }
  }
  // HEAD does the same work, but without a body there is nothing to wait for.
  assert.equal((await ask(server.port, '/events?n=10000&ms=60000', { method: 'HEAD' })).status, 200);
});

test('the largest numbers are served', async () => {
  // 100,000,000 rounds take about a tenth of a second.
  assert.equal(
    (await ask(server.port, '/cpu/100000000')).text,
    (await ask(server.port, '/cpu/100000000?offload=1')).text,
  );
});

test('what is unknown is 404', async () => {
  for (const path of [
    '/',
    '/nope',
    '/plaintexts',
    '/PLAINTEXT',
    '/plaintext/',
    '//plaintext',
    '/plaintext/1',
    '/%70laintext',
    '/sleep',
    '/sleep/1/2',
    '/sleep/1/',
    '/orders/1',
    '/stats/',
    '/file/3',
    '/file/1000',
    '/file/1/2',
    '/constructor',
    '/__proto__',
    '/toString',
  ]) {
    assert.equal((await ask(server.port, path)).status, 404, path);
  }
});

test('a file that is missing is 404', async () => {
  const reply = await ask(server.port, '/file/2');
  assert.equal(reply.status, 404);
  assert.match(reply.text, /no such file/);
});

test('a file that cannot be read is 503', async (t) => {
  const { port } = await start(t, ['--data-dir', '/dev/null']);
  assert.equal((await ask(port, '/file/1')).status, 503);
});

test('query parameters that are unknown, missing or there twice are 400', async () => {
  for (const path of [
    '/plaintext?',
    '/plaintext?x=1',
    '/json?x',
    '/stats?x=1',
    '/sleep/1?ms=1',
    '/file/1?x=1',
    '/hash/1?x=1',
    '/chat?x=1',
    '/cpu/1?offload',
    '/cpu/1?offload=',
    '/cpu/1?offload=0',
    '/cpu/1?offload=1&',
    '/cpu/1?offload=1&offload=1',
    '/cpu/1?Offload=1',
    '/hash/1?offload=0',
    '/hash/1?offload=1&offload=1',
    '/cpu/1?__proto__=1',
    '/events',
    '/events?n=1',
    '/events?ms=1',
    '/events?n=1&ms=1&n=1',
    '/events?n=1&ms=1&x=1',
  ]) {
    assert.equal((await ask(server.port, path)).status, 400, path);
  }
  assert.equal((await ask(server.port, '/orders?x=1', { method: 'POST', body: '{}' })).status, 400);
});

test('other methods are 405, with those that are taken', async () => {
  const getHead = [
    '/plaintext',
    '/json',
    '/sleep/1',
    '/upstream?calls=1&ms=0',
    '/file/1',
    '/cpu/1',
    '/hash/1',
    '/events?n=1&ms=0',
    '/chat',
    '/stats',
  ];
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
    for (const path of getHead) {
      const reply = await ask(server.port, path, { method });
      assert.equal(reply.status, 405, `${method} ${path}`);
      assert.equal(reply.headers.allow, 'GET, HEAD', `${method} ${path}`);
    }
  }
  for (const method of ['GET', 'HEAD', 'PUT']) {
    const reply = await ask(server.port, '/orders', { method });
    assert.equal(reply.status, 405, method);
    assert.equal(reply.headers.allow, 'POST', method);
  }
});

test('a number out of bounds is told before a wrong method', async () => {
  assert.equal((await ask(server.port, '/sleep/x', { method: 'POST' })).status, 400);
  assert.equal((await ask(server.port, '/nope', { method: 'POST' })).status, 404);
});

test('a target may name the host as well', async (t) => {
  const wire = await Wire.open(t, server.port);
  for (const [target, status] of [
    ['http://test/json', 200],
    ['HTTP://test:80/cpu/1?offload=1', 200],
    ['http://test/nope', 404],
    ['http://test', 404],
    ['http://test?x', 404],
    ['ftp://test/json', 404],
    ['*', 404],
  ]) {
    wire.send(get(target));
    assert.equal((await wire.reply()).status, status, target);
  }
});

test('stats have the contract’s members in order, then Node’s own', async () => {
  // Percentiles of lag are there after the first sample.
  await ask(server.port, '/sleep/250');
  const reply = await ask(server.port, '/stats');
  assert.equal(reply.headers['content-type'], JSON_TYPE);
  const stats = JSON.parse(reply.text);
  assert.deepEqual(Object.keys(stats), [
    'runtime',
    'loop_turns',
    'longest_blocked_us',
    'loop_lag_us',
    'pool_queue_depth',
    'pool_queue_depth_max',
    'tasks_run',
    'tasks_alive',
    'run_queue_depth',
    'worker_parks',
    'workers_busy_us',
    'task_moves',
    'loop_lag_us_counts',
    'blocked_us_counts',
    'pool_wait_us_counts',
    'loop_work_us_counts',
    'node',
  ]);
  assert.equal(stats.runtime, `Node.js ${process.versions.node}`);
  assert.ok(Number.isInteger(stats.workers_busy_us) && stats.workers_busy_us > 0);
  const { p50, p99, max } = stats.loop_lag_us;
  assert.ok([p50, p99, max].every(Number.isInteger) && 0 <= p50 && p50 <= p99 && p99 <= max, reply.text);
  if (performance.nodeTiming.uvMetricsInfo === undefined) {
    assert.equal(stats.loop_turns, null);
  } else {
    assert.ok(stats.loop_turns > 0 && stats.tasks_run > 0);
  }
  assert.equal(stats.pool_queue_depth, null);
  assert.ok(stats.node.event_loop_utilization > 0 && stats.node.event_loop_utilization < 1);
  assert.equal(stats.node.processes, 1);
});
