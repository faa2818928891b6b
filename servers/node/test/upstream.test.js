import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';

import { answerJson, refuse } from '../lib/answer.js';
import { createUpstream, readCalls } from '../lib/upstream.js';
import { ask } from './support/client.js';
import { start } from './support/server.js';

const KEPT = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n';

/** A backend that keeps what it is asked; `reply` is as http.createServer takes. */
async function backend(t, reply = replyRight) {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    reply(request, response);
  });
  let connections = 0;
  server.on('connection', () => (connections += 1));
  t.after(() => server.closeAllConnections());
  const address = await listen(t, server);
  return { address, asked, connections: () => connections };
}

/** A backend that speaks for itself: `talk(socket, i)` for its i-th connection. */
async function rawBackend(t, talk) {
  let connections = 0;
  const server = net.createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    talk(socket, connections);
    connections += 1;
  });
  return { address: await listen(t, server), connections: () => connections };
}

/** A server that answers every request by the calls that `query` asks for. */
async function front(t, address, query, options) {
  const upstream = createUpstream(address, options);
  t.after(() => upstream.close());
  const server = http.createServer((_, response) =>
    upstream.total(readCalls(query), () => response.destroyed).then(
      (total) => answerJson(response, 200, total),
      (refusal) => refuse(response, refusal),
    ),
  );
  t.after(() => server.closeAllConnections());
  const { port } = await listen(t, server);
  return () => ask(port, '/');
}

async function listen(t, server) {
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: server.address().port };
}

function replyRight(request, response) {
  response.end(/\d+/.exec(request.url)[0]);
}

test('calls follow each other, or are all made at once', async (t) => {
  const waiting = [];
  const { address, asked } = await backend(t, (request, response) => {
    // Those that come at once are answered last come first, once all are there.
    waiting.push(() => replyRight(request, response));
    if (!request.url.endsWith('ms=7') || waiting.length === 5) {
      waiting
        .splice(0)
        .reverse()
        .forEach((reply) => reply());
    }
  });
  const inTurn = await (await front(t, address, 'calls=5&ms=3'))();
  assert.equal(inTurn.status, 200);
  assert.equal(inTurn.headers['content-type'], 'application/json');
  assert.equal(inTurn.text, '{"calls":5,"sum":15}');
  assert.deepEqual(asked.splice(0), ['/call/1?ms=3', '/call/2?ms=3', '/call/3?ms=3', '/call/4?ms=3', '/call/5?ms=3']);
  const atOnce = await (await front(t, address, 'mode=par&ms=7&calls=5'))();
  assert.equal(atOnce.text, '{"calls":5,"sum":15}');
  assert.deepEqual(asked.sort(), ['/call/1?ms=7', '/call/2?ms=7', '/call/3?ms=7', '/call/4?ms=7', '/call/5?ms=7']);
});

test('connections are kept, as many as there were', async (t) => {
  const waiting = [];
  const { address, connections } = await backend(t, (request, response) => {
    waiting.push(() => replyRight(request, response));
    if (waiting.length === 100) {
      waiting.splice(0).forEach((reply) => reply());
    }
  });
  const askFront = await front(t, address, 'calls=100&ms=0&mode=par');
  for (let i = 0; i < 3; i++) {
    assert.equal((await askFront()).text, '{"calls":100,"sum":5050}');
  }
  assert.equal(connections(), 100);
});

test('there are no more connections than the bound, and calls wait for them', async (t) => {
  const { address, connections } = await backend(t);
  const askFront = await front(t, address, 'calls=100&ms=0&mode=par', { maxConnections: 3 });
  assert.equal((await askFront()).text, '{"calls":100,"sum":5050}');
  assert.equal(connections(), 3);
});

test('whatever the upstream does wrong is 502', async (t) => {
  for (const [what, reply] of [
    ['another status', (_, response) => response.writeHead(201).end('1')],
    ['no number', (_, response) => response.end('one')],
    ['a sign', (_, response) => response.end('-1')],
    ['nothing', (_, response) => response.end()],
    ['thirteen digits', (_, response) => response.end('1'.repeat(13))],
    [
      'a reply without an end',
      (_, response) =>
        void setImmediate(function more() {
          if (!response.destroyed) {
            response.write('1');
            setImmediate(more);
          }
        }),
    ],
    [
      'the end in the middle of a body',
      (_, response) => {
        response.writeHead(200, { 'Content-Length': 2 });
        response.write('1');
        setImmediate(() => response.destroy());
      },
    ],
    ['the end instead of a reply', (request) => request.socket.destroy()],
    ['no HTTP', (request) => request.socket.end('nonsense\r\n\r\n')],
  ]) {
    for (const mode of ['seq', 'par']) {
      const { address } = await backend(t, reply);
      const askFront = await front(t, address, `calls=3&ms=0&mode=${mode}`);
      const { status, text } = await askFront();
      assert.equal(status, 502, `${what}, ${mode}`);
      assert.match(text, /^the upstream failed: ./, what);
    }
  }
});

test('one wrong reply of many is enough', async (t) => {
  const { address } = await backend(t, (request, response) => {
    response.statusCode = request.url.startsWith('/call/3?') ? 500 : 200;
    replyRight(request, response);
  });
  for (const mode of ['seq', 'par']) {
    assert.equal((await (await front(t, address, `calls=5&ms=0&mode=${mode}`))()).status, 502);
  }
});

test('an upstream that is not there is 502', async (t) => {
  const { address } = await backend(t);
  const gone = net.createServer();
  const free = await listen(t, gone);
  gone.close();
  await once(gone, 'close');
  const { status, text } = await (await front(t, free, 'calls=1&ms=0'))();
  assert.equal(status, 502);
  assert.match(text, /ECONNREFUSED/);
  assert.equal((await (await front(t, address, 'calls=1&ms=0'))()).status, 200);
});

test('an upstream that is silent is 502', async (t) => {
  const { address } = await backend(t, () => {});
  const { status, text } = await (await front(t, address, 'calls=1&ms=1', { extraMs: 50 }))();
  assert.equal(status, 502);
  assert.match(text, /TIMEOUT/);
});

test('a call on a kept connection that was closed meanwhile is made once more', async (t) => {
  // Each connection answers once, and is reset by the second call.
  const { address, connections } = await rawBackend(t, (socket) => {
    let calls = 0;
    socket.on('data', () => {
      calls += 1;
      if (calls === 1) {
        socket.write(`${KEPT}1`);
      } else {
        socket.resetAndDestroy();
      }
    });
  });
  const { text } = await (await front(t, address, 'calls=3&ms=0'))();
  assert.equal(text, '{"calls":3,"sum":3}');
  assert.equal(connections(), 3);
});

test('a call is made twice at most', async (t) => {
  const { address, connections } = await rawBackend(t, (socket, i) => {
    let calls = 0;
    socket.on('data', () => {
      calls += 1;
      if (i === 0 && calls === 1) {
        socket.write(`${KEPT}1`);
      } else {
        socket.resetAndDestroy();
      }
    });
  });
  const { status, text } = await (await front(t, address, 'calls=2&ms=0'))();
  assert.equal(status, 502);
  assert.match(text, /ECONNRESET/);
  assert.equal(connections(), 2);
});

test('a client that leaves ends the calls that are yet to come', async (t) => {
  let front;
  const { address, asked } = await backend(t, (request, response) => {
    if (request.url.startsWith('/call/2?')) {
      front.once('close', () => replyRight(request, response));
      front.destroy();
    } else {
      replyRight(request, response);
    }
  });
  const upstream = createUpstream(address);
  t.after(() => upstream.close());
  let isDone;
  const done = new Promise((resolve) => (isDone = resolve));
  const server = http.createServer((request, response) => {
    front = request.socket;
    upstream.total({ calls: 5, ms: 0, mode: 'seq' }, () => response.destroyed).then(isDone);
  });
  const { port } = await listen(t, server);
  await assert.rejects(ask(port, '/'));
  await done;
  assert.deepEqual(asked, ['/call/1?ms=0', '/call/2?ms=0']);
});

test('without an upstream the route is 503, and its parameters are still looked at', async (t) => {
  const { port } = await start(t);
  assert.equal((await ask(port, '/upstream?calls=1&ms=0')).status, 503);
  for (const query of [
    '',
    'calls=1',
    'ms=1',
    'calls=0&ms=1',
    'calls=101&ms=0',
    'calls=1&ms=60001',
    'calls=x&ms=1',
    'calls=1&ms=0&mode=both',
    'calls=1&ms=0&mode=',
    'calls=1&calls=2&ms=0',
    'calls=1&ms=0&Mode=par',
    'calls=01&ms=0',
  ]) {
    assert.equal((await ask(port, `/upstream?${query}`)).status, 400, query);
  }
  assert.deepEqual(readCalls('calls=100&ms=60000'), { calls: 100, ms: 60000, mode: 'seq' });
});

test('the server calls the upstream that it was given', async (t) => {
  const { address } = await backend(t);
  const { port } = await start(t, ['--upstream', `127.0.0.1:${address.port}`]);
  assert.equal((await ask(port, '/upstream?calls=10&ms=0&mode=par')).text, '{"calls":10,"sum":55}');
  assert.equal((await ask(port, '/upstream?calls=1&ms=0', { method: 'HEAD' })).headers['content-length'], '19');
});
