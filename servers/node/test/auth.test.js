import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import test from 'node:test';

import { ask } from './support/client.js';
import { start } from './support/server.js';

const SECRET = "bench's secret for HS256, 32 bytes or more";
const FAR = 4_102_444_800;

/** A token made by RFC 7515's own steps, not by the package that is tested. */
function token(claims, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' }, hash = 'sha256' } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

const VALID = token({ sub: 'user-42', exp: FAR });
const [HEAD, CLAIMS, SIGNATURE] = VALID.split('.');

for (const file of ['server.js', 'express.js', 'fastify.js', 'hono.js']) {
  test(`${file}: a token that is valid is answered with whom it names`, async (t) => {
    const { port } = await start(t, [], {}, file);
    for (const [field, sub] of [
      [`Bearer ${VALID}`, 'user-42'],
      [`bearer ${VALID}`, 'user-42'],
      [`Bearer ${token({ sub: 'ß "x"', exp: FAR })}`, 'ß "x"'],
    ]) {
      const reply = await ask(port, '/auth', { headers: { Authorization: field } });
      assert.equal(reply.status, 200, reply.text);
      assert.match(reply.headers['content-type'], /^application\/json/);
      assert.equal(reply.text, JSON.stringify({ sub }));
    }
  });

  test(`${file}: any other token is 401`, async (t) => {
    const { port } = await start(t, [], {}, file);
    for (const field of [
      undefined,
      '',
      'Bearer',
      'Bearer x',
      VALID,
      `Basic ${VALID}`,
      `Bearer ${token({ sub: 'user-42', exp: 1 })}`,
      `Bearer ${token({ sub: 'user-42', exp: 'x' })}`,
      `Bearer ${token({ sub: 7, exp: FAR })}`,
      `Bearer ${token({ exp: FAR })}`,
      `Bearer ${token({ sub: 'user-42', exp: FAR }, { secret: SECRET.toUpperCase() })}`,
      `Bearer ${token({ sub: 'user-42', exp: FAR }, { header: { alg: 'HS512' }, hash: 'sha512' })}`,
      `Bearer ${token({ sub: 'user-42', exp: FAR }, { header: { alg: 'none' } })}`,
      `Bearer ${HEAD}.${CLAIMS}.`,
      `Bearer ${HEAD}.${CLAIMS}`,
      `Bearer ${HEAD}.${token({ sub: 'user-43', exp: FAR }).split('.')[1]}.${SIGNATURE}`,
    ]) {
      const reply = await ask(port, '/auth', { headers: field === undefined ? {} : { Authorization: field } });
      assert.equal(reply.status, 401, `${field}: ${reply.text}`);
      assert.equal(reply.headers['www-authenticate'], 'Bearer', field);
    }
    assert.equal((await ask(port, '/auth', { method: 'POST' })).status, 405);
  });

  test(`${file}: a body is counted and hashed, up to 1 MiB`, async (t) => {
    const { port } = await start(t, [], {}, file);
    const post = (body, headers = {}) => ask(port, '/upload', { method: 'POST', headers, body });
    const most = Buffer.alloc(1024 * 1024, 'x');
    for (const body of [Buffer.alloc(0), Buffer.from('{'), Buffer.from([0, 255, 10]), most]) {
      for (const headers of [{}, { 'Content-Type': 'application/json' }, { 'Content-Type': 'application/octet-stream' }]) {
        const reply = await post(body, headers);
        assert.equal(reply.status, 200, reply.text);
        const sha256 = createHash('sha256').update(body).digest('hex');
        assert.equal(reply.text, JSON.stringify({ bytes: body.length, sha256 }));
      }
    }
    const { status } = await post(Buffer.concat([most, Buffer.from('x')]));
    assert.equal(status, 413);
    const reply = await ask(port, '/upload');
    assert.deepEqual([reply.status, reply.headers.allow], [405, 'POST']);
  });
}
