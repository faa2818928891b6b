import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { start } from './support/server.js';

const FLAGS = ['--workers', '3', '--pool', '2'];

const startSeveral = (t, flags = [], env = {}) => start(t, [...FLAGS, ...flags], env, 'test/support/one-of-several.js');

const startedBy = ({ child }) =>
  readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);

const wordsOf = (pid, file) => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');

// A process that has ended stays a zombie until its new parent has noticed.
const isGone = (pid) => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

async function gone(pids) {
  while (!pids.every(isGone)) {
    await sleep(5);
  }
}

test('there are as many processes as asked for, on the port that the first one chose', async (t) => {
  const server = await startSeveral(t, [], { DATABASE_POOL_SIZE: '10' });
  assert.equal(server.port, 4321);
  const pids = startedBy(server);
  const ports = pids.map((pid) => wordsOf(pid, 'cmdline').join(' ').match(/.*--port (\d+)/)[1]);
  assert.deepEqual(ports, ['0', '4321', '4321']);
  for (const pid of pids) {
    const env = wordsOf(pid, 'environ');
    assert.ok(env.includes('UV_THREADPOOL_SIZE=2') && env.includes('DATABASE_POOL_SIZE=3'), String(env));
  }
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal}, also to all processes at once, ends all of them and the server with 0`, async (t) => {
    const server = await startSeveral(t, ['--port', '4322']);
    const pids = startedBy(server);
    for (const pid of [...pids, server.child.pid]) {
      process.kill(pid, signal);
    }
    assert.equal(await server.exited, 0);
    assert.equal(server.output.stderr, '');
    await gone(pids);
  });
}

test('a process that dies ends the server, with an error', async (t) => {
  const server = await startSeveral(t);
  const [first, ...others] = startedBy(server);
  process.kill(first, 'SIGKILL');
  assert.equal(await server.exited, 1);
  assert.match(server.output.stderr, new RegExp(`process ${first} ended with SIGKILL, and the server with it`));
  await gone(others);
});

test('processes stop when the one that started them is gone, however it ended', async (t) => {
  const server = await startSeveral(t);
  const pids = startedBy(server);
  server.child.kill('SIGKILL');
  await once(server.child, 'close');
  await gone(pids);
});
