import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Wire, ask, get } from './support/client.js';
import { Member, talkAtOnce } from './support/member.js';
import { start, startForAll } from './support/server.js';

const FLAGS = ['--workers', '3', '--pool', '2'];

const server = startForAll(() => FLAGS);

const workersOf = ({ child }) =>
  readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);

// A process that has ended stays a zombie until whoever inherited it has noticed.
const isGone = (pid) => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

async function gone(pids) {
  while (!pids.every(isGone)) {
    await sleep(5);
  }
}

test('there are as many workers as asked for, each with a pool as large as asked for', () => {
  const workers = workersOf(server);
  assert.equal(workers.length, 3);
  for (const pid of workers) {
    assert.ok(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes('UV_THREADPOOL_SIZE=2'));
  }
});

test('connections go to the workers in turn', async (t) => {
  // A request that holds its worker's loop holds up only that one's connections.
  const wires = await Promise.all([1, 2, 3].map(() => Wire.open(t, server.port)));
  wires[0].send(get('/sleep/50') + get('/cpu/1'));
  assert.equal((await wires[0].reply()).body, 'slept 50');
  assert.equal((await wires[0].reply()).body, '2b1f4d63');
  const stats = JSON.parse((await ask(server.port, '/stats')).text);
  assert.match(stats.runtime, / cluster$/);
  assert.equal(stats.node.processes, 3);
});

test('what held the loop is counted by route, over all workers', async () => {
  const held = async () => {
    const { loop_work_us_counts: counts } = JSON.parse((await ask(server.port, '/stats')).text);
    return ['/cpu', '/hash'].map((route) => counts[route].reduce((sum, [, count]) => sum + count, 0));
  };
  const [cpu, hash] = await held();
  // Each asks on a connection of its own, which the workers take in turn.
  for (let i = 0; i < 6; i++) {
    await ask(server.port, '/hash/1');
    await ask(server.port, '/cpu/1?offload=1');
  }
  assert.deepEqual(await held(), [cpu, hash + 6]);
});

test('one room: everyone hears everything, in the same order', async (t) => {
  const members = [];
  for (let i = 0; i < 7; i++) {
    members.push(await Member.join(t, server.port));
  }
  assert.ok(await talkAtOnce(members, 100));
  const said = ['', 'ä🙂\u0000"\\', 'x'.repeat(65_536)];
  for (const message of said) {
    members[3].socket.send(message);
  }
  for (const member of members) {
    assert.deepEqual(await member.hear(said.length), said);
  }
});

test('long messages pass between processes as well', async (t) => {
  const members = [];
  for (let i = 0; i < 4; i++) {
    members.push(await Member.join(t, server.port));
  }
  for (let i = 0; i < 50; i++) {
    const said = members.map((_, speaker) => `${speaker}:${i}:${'x'.repeat(65_000)}`);
    members.forEach((member, speaker) => member.socket.send(said[speaker]));
    const heard = await Promise.all(members.map((member) => member.hear(said.length)));
    assert.deepEqual([...heard[0]].sort(), said);
    assert.ok(heard.every((messages) => messages.join() === heard[0].join()));
  }
});

test('many ask for stats at once, and each gets its own', async () => {
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(server.port, '/stats')));
  assert.ok(replies.every(({ text }) => JSON.parse(text).node.processes === 3));
});

test('SIGTERM lets requests in flight finish, tells members 1001, and ends with 0', async (t) => {
  const cluster = await start(t, FLAGS);
  const workers = workersOf(cluster);
  const members = await Promise.all([1, 2, 3, 4].map(() => Member.join(t, cluster.port)));
  const wires = await Promise.all([1, 2, 3].map(() => Wire.open(t, cluster.port)));
  for (const wire of wires) {
    // Both are read at once: with the answer to the first, the second is in flight.
    wire.send(get('/plaintext') + get('/sleep/300'));
    assert.equal((await wire.reply()).status, 200);
  }
  cluster.child.kill('SIGTERM');
  for (const member of members) {
    assert.equal(await member.closed, 1001);
  }
  for (const wire of wires) {
    assert.equal((await wire.reply()).body, 'slept 300');
    assert.equal(await wire.rest(), '');
  }
  assert.equal(await cluster.exited, 0);
  assert.equal(cluster.output.stderr, '');
  await gone(workers);
});

test('a signal to all processes at once, as a terminal sends it, is no different', async (t) => {
  const cluster = await start(t, FLAGS);
  const wire = await Wire.open(t, cluster.port);
  wire.send(get('/plaintext') + get('/sleep/100'));
  await wire.reply();
  for (const pid of workersOf(cluster)) {
    process.kill(pid, 'SIGINT');
  }
  cluster.child.kill('SIGINT');
  assert.equal((await wire.reply()).body, 'slept 100');
  assert.equal(await cluster.exited, 0);
  assert.equal(cluster.output.stderr, '');
});

test('a worker that dies ends the server, with an error', async (t) => {
  const cluster = await start(t, FLAGS);
  const [first, ...others] = workersOf(cluster);
  process.kill(first, 'SIGKILL');
  assert.equal(await cluster.exited, 1);
  assert.match(
    cluster.output.stderr,
    new RegExp(`worker 1 \\(process ${first}\\) ended with SIGKILL, and the server with it`),
  );
  await gone(others);
});

test('workers die with their primary, however it dies', async (t) => {
  const cluster = await start(t, FLAGS);
  const workers = workersOf(cluster);
  // Open connections don't keep them.
  const wire = await Wire.open(t, cluster.port);
  wire.send(get('/plaintext') + get('/sleep/60000'));
  await wire.reply();
  cluster.child.kill('SIGKILL');
  await once(cluster.child, 'close');
  await gone(workers);
});
