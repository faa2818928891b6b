import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';

import { Wire, ask, get } from './support/client.js';
import { Member, handshake, talkAtOnce } from './support/member.js';
import { start, startForAll } from './support/server.js';

const server = startForAll();

const MAX_MESSAGE_BYTES = 65_536;

test('every message goes to everyone, unchanged', async (t) => {
  const members = [];
  for (let i = 0; i < 5; i++) {
    members.push(await Member.join(t, server.port));
  }
  const said = ['hello', '', 'ä🙂\u0000"\\', 'x'.repeat(MAX_MESSAGE_BYTES), '🙂'.repeat(MAX_MESSAGE_BYTES / 4)];
  for (const message of said) {
    members[2].socket.send(message);
  }
  for (const member of members) {
    assert.deepEqual(await member.hear(said.length), said);
  }
});

test('everyone hears the same order', async (t) => {
  const members = await Promise.all(Array.from({ length: 5 }, () => Member.join(t, server.port)));
  assert.ok(await talkAtOnce(members, 200));
});

test('who has left is not missed', async (t) => {
  const [one, other, third] = await Promise.all([1, 2, 3].map(() => Member.join(t, server.port)));
  other.socket.close();
  await other.closed;
  third.socket.terminate();
  one.socket.send('still here');
  assert.deepEqual(await one.hear(1), ['still here']);
});

test('binary messages are refused with 1003, and reach nobody', async (t) => {
  const [one, other] = await Promise.all([1, 2].map(() => Member.join(t, server.port)));
  one.socket.send(Buffer.from('binary'));
  one.socket.send('and what comes after it');
  assert.equal(await one.closed, 1003);
  other.socket.send('text');
  assert.deepEqual(await other.hear(1), ['text']);
  assert.equal(other.unheard, 0);
});

test('messages that are too long are refused with 1009, and reach nobody', async (t) => {
  const [one, inParts, other] = await Promise.all([1, 2, 3].map(() => Member.join(t, server.port)));
  one.socket.send('x'.repeat(MAX_MESSAGE_BYTES + 1));
  assert.equal(await one.closed, 1009);
  inParts.socket.send('x'.repeat(MAX_MESSAGE_BYTES), { fin: false });
  inParts.socket.send('x', { fin: true });
  assert.equal(await inParts.closed, 1009);
  other.socket.send('short');
  assert.deepEqual(await other.hear(1), ['short']);
});

test('text that is no UTF-8 is refused with 1007', async (t) => {
  const one = await Member.join(t, server.port);
  one.socket.send(Buffer.from([0xff]), { binary: false });
  assert.equal(await one.closed, 1007);
});

test('pings are answered', async (t) => {
  const one = await Member.join(t, server.port);
  one.socket.ping('are you there?');
  const [data] = await once(one.socket, 'pong');
  assert.equal(data.toString(), 'are you there?');
});

test('neither extensions nor subprotocols are agreed upon', async (t) => {
  const wire = await Wire.open(t, server.port);
  wire.send(
    handshake({
      'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
      'Sec-WebSocket-Protocol': 'chat, superchat',
    }),
  );
  const head = await wire.head();
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  assert.doesNotMatch(head, /extensions|protocol:/i);
});

test('what comes with the handshake is read as well', async (t) => {
  const wire = await Wire.open(t, server.port);
  // RFC 6455 section 5.7: a single-frame masked text message.
  wire.send(`${handshake({}, 'http://test/chat')}\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58`);
  await wire.head();
  assert.equal(await wire.bytes(7), '\x81\x05Hello');
});

test('without an upgrade to version 13 it is 426', async (t) => {
  const plain = await ask(server.port, '/chat');
  assert.equal(plain.status, 426);
  assert.equal(plain.headers.upgrade, 'websocket');
  assert.equal((await ask(server.port, '/chat', { method: 'HEAD' })).status, 426);
  for (const request of [
    get('/chat'),
    handshake({ Upgrade: 'h2c' }),
    handshake().replace('HTTP/1.1', 'HTTP/1.0'),
    handshake({ Upgrade: undefined }),
    handshake({ Connection: 'close' }),
    handshake({ 'Sec-WebSocket-Version': '8' }),
    handshake({ 'Sec-WebSocket-Version': undefined }),
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(request);
    const reply = await wire.rest();
    assert.match(reply, /^HTTP\/1\.1 426 Upgrade Required\r\n/, request);
    for (const field of ['Upgrade: websocket', 'Connection: close, Upgrade', 'Sec-WebSocket-Version: 13']) {
      assert.ok(reply.includes(`\r\n${field}\r\n`), request);
    }
  }
});

test('other handshakes that are wrong are refused', async (t) => {
  for (const [request, status] of [
    [handshake({ 'Sec-WebSocket-Key': undefined }), 400],
    [handshake({ 'Sec-WebSocket-Key': 'short' }), 400],
    [handshake({}, '/chat?x=1'), 400],
    [handshake({}, '/chat/1'), 404],
    [handshake({}, '/nope'), 404],
    [handshake({}, '/chat', 'POST'), 405],
    [handshake({}, '/chat', 'HEAD'), 426],
  ]) {
    const wire = await Wire.open(t, server.port);
    wire.send(request);
    assert.match(await wire.rest(), new RegExp(`^HTTP/1\\.1 ${status} `), request);
  }
});

test('a member that does not read is disconnected, and costs the others nothing', async (t) => {
  const speaker = await Member.join(t, server.port);
  const listener = await Member.join(t, server.port);
  const idle = await Wire.open(t, server.port);
  idle.send(handshake());
  await idle.head();
  idle.socket.pause();
  // More than any kernel holds back between two sockets.
  const messages = 1024;
  const message = 'x'.repeat(MAX_MESSAGE_BYTES);
  for (let i = 0; i < messages; i++) {
    speaker.socket.send(message);
    await Promise.all([speaker.hear(1), listener.hear(1)]);
  }
  idle.socket.resume();
  const { length } = await idle.rest();
  assert.ok(length < messages * message.length, `${length} bytes`);
});

test('a member that only pings is disconnected where it does not read, and only there', async (t) => {
  const count = 8192;
  // Masked with zeros; pongs go out without a mask.
  const pings = `\x89\xfd\0\0\0\0${'x'.repeat(125)}`.repeat(count);
  const pongBytes = count * 127;
  const [reading, idle] = await Promise.all([1, 2].map(() => Wire.open(t, server.port)));
  for (const wire of [reading, idle]) {
    wire.send(handshake());
    await wire.head();
  }
  idle.socket.pause();
  // Writing fails once the server has closed.
  const ping = (wire) => new Promise((resolve) => wire.socket.write(pings, 'latin1', resolve));
  while (!(await ping(idle))) {
    assert.equal(await ping(reading), null);
    assert.equal((await reading.bytes(pongBytes)).length, pongBytes);
  }
});

test('SIGTERM closes with 1001', async (t) => {
  const { port, child, exited } = await start(t);
  const members = await Promise.all([1, 2, 3].map(() => Member.join(t, port)));
  child.kill('SIGTERM');
  assert.deepEqual(await Promise.all(members.map((member) => member.closed)), [1001, 1001, 1001]);
  assert.equal(await exited, 0);
});
