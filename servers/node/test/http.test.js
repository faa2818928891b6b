import assert from 'node:assert/strict';
import test from 'node:test';

import { Wire, ask, get } from './support/client.js';
import { startForAll } from './support/server.js';

const server = startForAll();

const MIB = 1024 * 1024;

test('a connection is kept', async (t) => {
  const wire = await Wire.open(t, server.port);
  for (let i = 0; i < 20; i++) {
    wire.send(get(`/cpu/${i}`));
    assert.equal((await wire.reply()).status, 200);
  }
});

test('pipelined requests are answered in their order', async (t) => {
  const wire = await Wire.open(t, server.port);
  wire.send(
    get('/sleep/30') + get('/plaintext') + get('/cpu/1?offload=1') + get('/nope') + get('/sleep/0') + get('/json'),
  );
  const bodies = [];
  for (let i = 0; i < 6; i++) {
    bodies.push((await wire.reply()).body);
  }
  assert.deepEqual(bodies, [
    'slept 30',
    'Hello, World!',
    '2b1f4d63',
    'there is no such route',
    'slept 0',
    '{"message":"Hello, World!"}',
  ]);
});

test('HTTP/1.0 and Connection: close are closed upon, HTTP/1.0 with keep-alive is kept', async (t) => {
  for (const request of [
    'GET /json HTTP/1.0\r\n\r\n',
    get('/json', 'Connection: close\r\n'),
    get('/json', 'Connection: CLOSE\r\n'),
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(request);
    assert.match(await wire.rest(), /^HTTP\/1\.1 200 OK\r\n.*\r\nConnection: close\r\n.*Hello, World!"}$/s, request);
  }
  const wire = await Wire.open(t, server.port);
  for (let i = 0; i < 2; i++) {
    wire.send('GET /json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.equal((await wire.reply()).status, 200);
  }
});

test('malformed requests are 400, and the connection closes', async (t) => {
  for (const request of [
    'nonsense\r\n\r\n',
    'G@T /json HTTP/1.1\r\nHost: test\r\n\r\n',
    'GET /json HTTP/1.1\r\n\r\n',
    'GET /json HTTP/1.1\r\nHost: test\r\nno colon\r\n\r\n',
    get('/json', 'Content-Length: -1\r\n'),
    get('/json', 'Content-Length: 1\r\nContent-Length: 2\r\n'),
    get('/json', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
    `${get('/json', 'Transfer-Encoding: chunked\r\n')}zz\r\n`,
    `POST /orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n`,
    '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03',
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(request);
    assert.match(await wire.rest(), /^HTTP\/1\.1 400 /, JSON.stringify(request));
  }
});

test('heads are taken up to 16 KiB', async (t) => {
  const wire = await Wire.open(t, server.port);
  const around = get('/json', 'A: \r\n').length;
  wire.send(get('/json', `A: ${'a'.repeat(16 * 1024 - around)}\r\n`));
  assert.equal((await wire.reply()).status, 200);
  wire.send(get('/json', `A: ${'a'.repeat(16 * 1024)}\r\n`));
  assert.match(await wire.rest(), /^HTTP\/1\.1 431 /);
});

test('a body is read whole before the next request, whether the route wants it or not', async (t) => {
  const smuggled = get('/nope');
  for (const framed of [
    `Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)};a="b"\r\n${smuggled}\r\n0\r\nA: b\r\n\r\n`,
  ]) {
    for (const [method, target, status] of [
      ['GET', '/json', 200],
      ['POST', '/json', 405],
      ['POST', '/orders', 400],
      ['GET', '/nope', 404],
    ]) {
      const wire = await Wire.open(t, server.port);
      wire.send(`${method} ${target} HTTP/1.1\r\nHost: test\r\n${framed}${get('/cpu/1')}`);
      assert.equal((await wire.reply()).status, status, `${method} ${target}`);
      assert.equal((await wire.reply()).body, '2b1f4d63', `${method} ${target}`);
    }
  }
});

test('bodies are taken up to 1 MiB', async (t) => {
  for (const [length, status] of [
    [MIB, 400],
    [MIB + 1, 413],
  ]) {
    // Not JSON.
    const body = 'x'.repeat(length);
    const whole = await ask(server.port, '/orders', { method: 'POST', headers: { 'Content-Length': length }, body });
    assert.equal(whole.status, status, `${length} bytes`);
    const chunked = await ask(server.port, '/orders', {
      method: 'POST',
      headers: { 'Transfer-Encoding': 'chunked' },
      body,
    });
    assert.equal(chunked.status, status, `${length} bytes in chunks`);
    const wire = await Wire.open(t, server.port);
    wire.send(`POST /json HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${body}`);
    assert.equal((await wire.reply()).status, status === 413 ? 413 : 405, `${length} bytes to a route that takes none`);
  }
});

test('a body that is only announced is refused at once, and the connection closes', async (t) => {
  const wire = await Wire.open(t, server.port);
  wire.send(`POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: ${MIB + 1}\r\n\r\n`);
  assert.match(await wire.rest(), /^HTTP\/1\.1 413 .*\r\nConnection: close\r\n.*up to 1 MiB$/s);
});

test('a client that is still sending gets its 413, and is not heard for ever', async (t) => {
  const wire = await Wire.open(t, server.port);
  wire.send('POST /orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n');
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  // Twelve chunks more than are taken.
  wire.send(chunk.repeat(28));
  assert.equal((await wire.reply()).status, 413);
  // Writing fails once the server has closed.
  const sendOn = () => new Promise((resolve) => wire.socket.write(chunk, 'latin1', resolve));
  while (!(await sendOn())) {
    // Once more.
  }
});

test('100-continue is answered, but not where the body would be refused', async (t) => {
  const order = '{"customer":{"id":1,"email":"a@example.com"},"items":[{"sku":"a","quantity":2,"unit_price_cents":3}]}';
  const wire = await Wire.open(t, server.port);
  wire.send(`POST /orders HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: ${order.length}\r\n\r\n`);
  assert.match(await wire.head(), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  wire.send(order);
  assert.equal((await wire.reply()).body, '{"customer_id":1,"item_count":1,"total_cents":6}');

  wire.send(`POST /orders HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: ${MIB + 1}\r\n\r\n`);
  assert.match(await wire.head(), /^HTTP\/1\.1 413 /);

  const other = await Wire.open(t, server.port);
  other.send(get('/json', 'Expect: tea\r\n'));
  assert.match(await other.head(), /^HTTP\/1\.1 417 /);
});

test('a pipelined upgrade is answered behind what came before it', async (t) => {
  const upgrade = (path, what) => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${what}\r\n`;
  const webSocket = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  for (const [before, last, status] of [
    [['/plaintext'], `${upgrade('/plaintext', 'x')}\r\n`, 200],
    [['/sleep/30', '/cpu/1?offload=1', '/json'], `${upgrade('/plaintext', 'x')}\r\n`, 200],
    [['/sleep/30'], upgrade('/chat', 'websocket') + webSocket, 101],
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(before.map((path) => get(path)).join('') + last);
    for (const _ of before) {
      assert.equal((await wire.reply()).status, 200);
    }
    assert.match(await wire.head(), new RegExp(`^HTTP/1\\.1 ${status} `));
  }
  // And it lives.
  assert.equal((await ask(server.port, '/plaintext')).status, 200);
});

test('an upgrade behind a refusal of Node\'s own ends the connection, not the server', async (t) => {
  for (const [refused, status] of [
    ['GET /json HTTP/1.1\r\n\r\n', 400],
    [get('/json', 'Expect: the unexpected\r\n'), 417],
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(`${get('/sleep/5')}${refused}${get('/json', 'Connection: Upgrade\r\nUpgrade: x\r\n')}`);
    assert.equal((await wire.reply()).status, 200);
    assert.match(await wire.head(), new RegExp(`^HTTP/1\\.1 ${status} `));
  }
  assert.equal((await ask(server.port, '/plaintext')).status, 200);
});

test('an upgrade to something else is ignored', async (t) => {
  for (const [target, body] of [
    ['/json', /200 OK\r\n.*Hello, World!"}$/s],
    ['/sleep/5', /200 OK\r\n.*slept 5$/s],
    ['/nope', /404 Not Found\r\n/],
    ['/sleep/x', /400 Bad Request\r\n/],
    ['/events?n=2&ms=1', /data: 1\n\n.*data: 2\n\n/s],
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(get(target, 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n'));
    const reply = await wire.rest();
    assert.match(reply, body, target);
    assert.match(reply, /\r\nConnection: close\r\n/, target);
  }
  const wire = await Wire.open(t, server.port);
  wire.send(
    'POST /orders HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}',
  );
  assert.match(await wire.rest(), /^HTTP\/1\.1 400 /);
});

test('clients that leave, wherever they are, leave the server as it was', async (t) => {
  for (const [sent, wait] of [
    ['', null],
    ['GET /pl', null],
    [`POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf`, null],
    [get('/sleep/5'), null],
    [get('/cpu/1000000?offload=1'), null],
    [get('/events?n=10000&ms=0'), 'data: 1\n\n'],
    [get('/events?n=10000&ms=1'), 'data: 2\n\n'],
    [get('/sleep/5', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'), null],
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(sent);
    if (wait !== null) {
      await wire.upTo(wait);
    }
    wire.socket.resetAndDestroy();
  }
  // Longer than what those have asked for.
  assert.equal((await ask(server.port, '/sleep/100')).status, 200);
});
