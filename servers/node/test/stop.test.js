import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';

import { stopGently } from '../lib/stop.js';
import { Wire, get } from './support/client.js';
import { dataDir, fileBytes, start } from './support/server.js';

test('what is in flight is finished, what is idle is closed, and nothing new is accepted', async (t) => {
  const { port, child, exited, output } = await start(t);
  const [idle, silent, busy, streaming] = await Promise.all([1, 2, 3, 4].map(() => Wire.open(t, port)));
  idle.send(get('/plaintext'));
  await idle.reply();
  // Both are read at once: with the answer to the first, the second is in flight.
  busy.send(get('/plaintext') + get('/sleep/500') + get('/json'));
  await busy.reply();
  streaming.send(get('/events?n=20&ms=20'));
  await streaming.upTo('data: 1\n\n');
  child.kill('SIGTERM');
  assert.equal(await idle.rest(), '');
  assert.equal(await silent.rest(), '');
  await assert.rejects(Wire.open(t, port), { code: 'ECONNREFUSED' });
  busy.send(get('/cpu/1'));
  assert.equal((await busy.reply()).body, 'slept 500');
  assert.equal((await busy.reply()).status, 200);
  const last = await busy.reply();
  assert.equal(last.body, '2b1f4d63');
  assert.match(last.head, /\r\nConnection: close\r\n/);
  assert.match(await streaming.rest(), /data: 20\n\n\r\n0\r\n\r\n$/);
  assert.equal(await exited, 0);
  assert.equal(output.stderr, '');
});

test('answers that wait in a buffer for a slow reader arrive whole', async (t) => {
  const { port, child, exited } = await start(t, ['--data-dir', dataDir(t, [1024])]);
  const wire = await Wire.open(t, port);
  // More than any kernel holds back between two sockets.
  const count = 24;
  wire.send(get('/file/1024').repeat(count));
  const { body } = await wire.reply();
  assert.equal(body, fileBytes(1024).toString('latin1'));
  wire.socket.pause();
  // Another connection of the same loop tells that all files have been read, and that the signal has arrived.
  const idle = await Wire.open(t, port);
  idle.send(get('/sleep/200'));
  await idle.reply();
  child.kill('SIGTERM');
  await assert.rejects(async () => {
    for (;;) {
      (await Wire.open(t, port)).socket.destroy();
    }
  });
  wire.socket.resume();
  for (let i = 1; i < count; i++) {
    assert.equal((await wire.reply()).body.length, 1024 * 1024, `file ${i}`);
  }
  assert.equal(await wire.rest(), '');
  assert.equal(await exited, 0);
});

test('with nothing to finish the end comes at once, by SIGINT as well', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const { child, exited } = await start(t);
    child.kill(signal);
    assert.equal(await exited, 0);
  }
});

test('a second signal does not wait', async (t) => {
  const { port, child, exited } = await start(t);
  const wire = await Wire.open(t, port);
  wire.send(get('/plaintext') + get('/sleep/60000'));
  await wire.reply();
  child.kill('SIGTERM');
  await assert.rejects(async () => {
    for (;;) {
      (await Wire.open(t, port)).socket.destroy();
    }
  });
  child.kill('SIGTERM');
  assert.equal(await exited, 'SIGTERM');
});

test('what is not finished within the grace is given up', async (t) => {
  const server = http.createServer(() => {});
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  const wire = await Wire.open(t, server.address().port);
  wire.send(get('/'));
  await once(server, 'request');
  await new Promise((done) => stopGently(server, sockets, done, { graceMs: 50 }));
  assert.equal(wire.socket.closed, false);
});
