import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';

import { authority } from '../lib/authority.js';
import { ask } from './support/client.js';
import { start } from './support/server.js';

const HOST = '127.0.0.2';

test('an IPv6 address stands in brackets before its port', () => {
  assert.equal(authority({ host: '10.0.0.5', port: 80 }), '10.0.0.5:80');
  assert.equal(authority({ host: 'fd00::5', port: 80 }), '[fd00::5]:80');
});

for (const [file, ...flags] of [
  ['server.js'],
  ['server.js', '--workers', '2'],
  ['express.js'],
  ['fastify.js'],
  ['hono.js'],
]) {
  test(`${[file, ...flags].join(' ')} listens at the address that it is given, and not on 127.0.0.1`, async (t) => {
    // All of 127.0.0.0/8 is this machine. A server that listens on 127.0.0.1 finds its port taken.
    const other = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const { port } = other.address();
    const server = await start(t, ['--host', HOST, '--port', String(port), ...flags], {}, file);
    assert.deepEqual([server.host, server.port], [HOST, port]);
    assert.equal((await ask(port, '/json', { host: HOST })).status, 200);
  });
}

test('several processes on one port hand the address on', async (t) => {
  const server = await start(t, ['--host', HOST, '--workers', '2'], {}, 'test/support/one-of-several.js');
  assert.equal(server.host, HOST);
});
