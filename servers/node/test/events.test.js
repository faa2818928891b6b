import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test, { mock } from 'node:test';

import { readStream, sendEvents } from '../lib/events.js';
import { Wire, ask, get } from './support/client.js';
import { startForAll } from './support/server.js';

const server = startForAll();

const events = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => `data: ${first + i}\n\n`).join('');

/** A response that keeps what it is given; the test says when there is no room. */
class FakeResponse extends EventEmitter {
  writableNeedDrain = false;
  text = '';
  isEnded = false;

  writeHead() {}

  write(text) {
    this.text += text;
    return !this.writableNeedDrain;
  }

  end(text = '') {
    this.text += text;
    this.isEnded = true;
  }
}

function withMockedTimers(t) {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  t.after(() => mock.timers.reset());
}

function stream(n, ms) {
  const response = new FakeResponse();
  sendEvents({ n, ms }, response, { method: 'GET' });
  return response;
}

test('the first event goes at once, each other when it is due', (t) => {
  withMockedTimers(t);
  const response = stream(3, 1000);
  assert.equal(response.text, events(1, 1));
  mock.timers.tick(999);
  assert.equal(response.text, events(1, 1));
  mock.timers.tick(1);
  assert.equal(response.text, events(1, 2));
  assert.equal(response.isEnded, false);
  mock.timers.tick(1000);
  assert.equal(response.text, events(1, 3));
  assert.equal(response.isEnded, true);
});

test('a stream of one event ends with it', (t) => {
  withMockedTimers(t);
  const response = stream(1, 60_000);
  assert.equal(response.text, events(1, 1));
  assert.equal(response.isEnded, true);
});

test('a client that does not read makes events wait', (t) => {
  withMockedTimers(t);
  const response = stream(4, 10);
  response.writableNeedDrain = true;
  mock.timers.tick(1000);
  assert.equal(response.text, events(1, 1));
  response.writableNeedDrain = false;
  response.emit('drain');
  assert.equal(response.text, events(1, 2));
  // The next one is due a whole interval later again.
  mock.timers.tick(9);
  assert.equal(response.text, events(1, 2));
  mock.timers.tick(1);
  assert.equal(response.text, events(1, 3));
});

test('room that comes back before the next event is due does not hasten it', (t) => {
  withMockedTimers(t);
  const response = stream(4, 10);
  response.writableNeedDrain = true;
  mock.timers.tick(5);
  response.writableNeedDrain = false;
  response.emit('drain');
  assert.equal(response.text, events(1, 1));
  mock.timers.tick(5);
  assert.equal(response.text, events(1, 2));
});

test('without an interval many events share a write, and wait for room as well', (t) => {
  withMockedTimers(t);
  const response = stream(10_000, 0);
  const atOnce = response.text;
  assert.ok(atOnce.startsWith(events(1, 10)));
  response.writableNeedDrain = true;
  mock.timers.tick(1);
  mock.timers.tick(1);
  assert.equal(response.text, atOnce);
  response.writableNeedDrain = false;
  response.emit('drain');
  for (let i = 0; i < 100; i++) {
    mock.timers.tick(1);
  }
  assert.equal(response.text, events(1, 10_000));
  assert.equal(response.isEnded, true);
});

test('a client that leaves ends its stream', (t) => {
  withMockedTimers(t);
  for (const ms of [0, 10]) {
    const response = stream(10_000, ms);
    const before = response.text;
    response.emit('close');
    mock.timers.tick(1000);
    assert.equal(response.text, before);
  }
  // One that left while there was no room.
  const response = stream(3, 10);
  response.writableNeedDrain = true;
  mock.timers.tick(10);
  response.emit('close');
  mock.timers.tick(1000);
  assert.equal(response.text, events(1, 1));
});

test('the stream is chunked, and the connection kept', async (t) => {
  const wire = await Wire.open(t, server.port);
  for (const [n, ms] of [
    [3, 1],
    [5000, 0],
  ]) {
    wire.send(get(`/events?n=${n}&ms=${ms}`));
    const head = await wire.head();
    assert.match(
      head,
      /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n/,
    );
    assert.match(head, /\r\nTransfer-Encoding: chunked\r\n/);
    const chunks = await wire.upTo('\r\n0\r\n\r\n');
    assert.equal(chunks.replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, '').replace('\r\n', ''), events(1, n));
  }
  wire.send(get('/json'));
  assert.equal((await wire.reply()).status, 200);
});

test('ten thousand events arrive whole', async () => {
  assert.equal((await ask(server.port, '/events?n=10000&ms=0')).text, events(1, 10_000));
});

test('a stream behind another answer waits for its turn', async (t) => {
  const wire = await Wire.open(t, server.port);
  wire.send(`${get('/sleep/50')}${get('/events?n=10000&ms=0')}${get('/json')}`);
  assert.equal((await wire.reply()).body, 'slept 50');
  await wire.head();
  const chunks = await wire.upTo('\r\n0\r\n\r\n');
  assert.equal(chunks.replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, '').replace('\r\n', ''), events(1, 10_000));
  assert.equal((await wire.reply()).status, 200);
});

test('an HTTP/1.0 client gets the events as they are, up to the end of the connection', async (t) => {
  for (const fields of ['', 'Connection: keep-alive\r\n']) {
    const wire = await Wire.open(t, server.port);
    wire.send(`GET /events?n=3&ms=1 HTTP/1.0\r\n${fields}\r\n`);
    const head = await wire.head();
    assert.doesNotMatch(head, /Transfer-Encoding/i);
    assert.match(head, /\r\nConnection: close\r\n/);
    assert.equal(await wire.rest(), events(1, 3));
  }
});

test('HEAD has the head alone', async (t) => {
  const wire = await Wire.open(t, server.port);
  wire.send(get('/events?n=10000&ms=60000').replace('GET', 'HEAD'));
  assert.match((await wire.reply({ toHead: true })).head, /\r\nContent-Type: text\/event-stream; charset=utf-8\r\n/);
  wire.send(get('/json'));
  assert.equal((await wire.reply()).status, 200);
});

test('both parameters are read, at their limits', () => {
  assert.deepEqual(readStream('ms=60000&n=10000'), { n: 10_000, ms: 60_000 });
  assert.deepEqual(readStream('n=1&ms=0'), { n: 1, ms: 0 });
});
