import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';

import { CpuPool, PoolFull } from '../lib/cpu-pool.js';

/** A pool whose threads finish when the test says so; `given` has the size of each job in their order. */
function fakePool(size, options = {}) {
  const threads = [];
  const given = [];
  const done = [];
  const startThread = () => {
    const thread = new EventEmitter();
    thread.postMessage = ({ work, size }) => {
      assert.equal(work, 'xorshift');
      given.push(size);
    };
    threads.push(thread);
    return thread;
  };
  const pool = new CpuPool(size, { ...options, startThread });
  return { pool, threads, given, done, run: (size) => pool.run('xorshift', size, (digits) => done.push([size, digits])) };
}

test('threads start once, when they are first needed', () => {
  const { threads, run } = fakePool(3);
  assert.equal(threads.length, 0);
  for (let i = 0; i < 10; i++) {
    run(i);
  }
  assert.equal(threads.length, 3);
});

test('jobs are begun in the order in which they came, one on each thread', () => {
  const { pool, threads, given, done, run } = fakePool(2);
  for (const size of [10, 11, 12, 13, 14]) {
    run(size);
  }
  assert.deepEqual(given, [10, 11]);
  assert.deepEqual(pool.depth, { now: 3, max: 3 });
  const [first, second] = given[0] === threads[0].job.size ? threads : [...threads].reverse();
  second.emit('message', 'b');
  assert.deepEqual(given, [10, 11, 12]);
  second.emit('message', 'c');
  first.emit('message', 'a');
  assert.deepEqual(given, [10, 11, 12, 13, 14]);
  second.emit('message', 'd');
  first.emit('message', 'e');
  assert.deepEqual(done, [
    [11, 'b'],
    [12, 'c'],
    [10, 'a'],
    [13, 'd'],
    [14, 'e'],
  ]);
  assert.deepEqual(pool.depth, { now: 0, max: 3 });
  run(15);
  assert.deepEqual(given, [10, 11, 12, 13, 14, 15]);
});

test('a full queue turns jobs away', () => {
  const { pool, threads, given, run } = fakePool(1, { maxWaiting: 2 });
  run(1);
  run(2);
  run(3);
  assert.throws(() => run(4), PoolFull);
  assert.deepEqual(pool.depth, { now: 2, max: 2 });
  threads[0].emit('message', 'a');
  run(5);
  assert.deepEqual(given, [1, 2]);
});

test('a thread that fails ends the program', () => {
  const { threads, run } = fakePool(1);
  run(1);
  assert.throws(() => threads[0].emit('error', new Error('out of memory')), /out of memory/);
});
